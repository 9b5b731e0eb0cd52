"""Bytes and positions on disk: one LMDB environment, in which state, commit log and before-images change together.

Invariants: one process writes; whatever a block does is in one transaction with the position it leads to; nothing
that was written is changed, only replaced by later blocks.

Read next: ``keys`` (the layout), ``environment`` (opening it), ``documents``, ``meta``, ``block`` (the log's format),
``commit_log`` (the contract of a log) and ``local_log`` (this node's own), ``undo`` (the recent past),
``system_tables`` (the platform's own tables), ``check`` (is it all as it should be?).
"""
