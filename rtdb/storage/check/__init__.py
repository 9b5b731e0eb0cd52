"""`rtdb check`: walk the whole database and say in sentences what is not as it should be.

What must hold, by the module that looks:

==========  ==========================================================================================================
registry    `_tables` and `_indexes` describe tables and indexes that exist, once each
log         the log is unbroken from its first kept block to the applied position
undo        before-images reach back without a gap from the applied position, and belong to the blocks they undo
documents   every document is what the log says was stored, under the id it says it has, in a table that exists, and has
            its entry in `by_creation_time` and in every complete index; per table, the count is the number of documents
entries     every entry of an index belongs to one document and has its key (in a backfilling index some may be missing)
scheduled   every scheduled function that has not ended waits or is claimed, and nothing else; cron jobs have a next run
==========  ==========================================================================================================

:mod:`~rtdb.storage.check.database` goes through them in one snapshot, so it may run beside a live server. It repairs
nothing.
"""

from rtdb.storage.check.database import Report, check, check_environment

__all__ = ["Report", "check", "check_environment"]
