"""Serializable read-modify-write.

A transaction reads at a :mod:`~rtdb.transaction.snapshot`, under overlays, and collects what it read and wants to write
(:mod:`~rtdb.transaction.workspace`); what names and ids refer to (:mod:`~rtdb.transaction.lookup`) and how documents
may change (:mod:`~rtdb.transaction.transaction`) are the rules on top, which the server's own documents pass by
(:mod:`~rtdb.transaction.platform_access`). The committer (:mod:`~rtdb.transaction.group_commit`) validates that against
the :mod:`~rtdb.transaction.write_log` and carries blocks out (:mod:`~rtdb.transaction.apply`).

Invariant: a committed history equals a serial one in the order of commit timestamps.
"""
