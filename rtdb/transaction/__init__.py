"""Serializable read-modify-write.

A transaction reads at a :mod:`~rtdb.transaction.snapshot`, under overlays, and collects what it read and wants to write
(:mod:`~rtdb.transaction.transaction`). The committer (:mod:`~rtdb.transaction.group_commit`) validates that against the
:mod:`~rtdb.transaction.write_log` and carries blocks out (:mod:`~rtdb.transaction.apply`).

Invariant: a committed history equals a serial one in the order of commit timestamps.
"""
