"""Ordered access to documents: which indexes exist, what their keys are, which keys a range holds, and scans.

Invariants: every document has one entry in each ready index of its table and no other; keys sort like the tuples of
values they stand for, however long they are; whether a key lies in a range is decided in one place
(``index_range.key_in_range``).

Read next: ``definition``, ``index_key``, ``index_range``, ``registry`` (tables and indexes at a position), ``scan``,
``backfill`` (building an index over what is there).
"""
