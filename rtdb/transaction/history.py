"""Forgetting: old blocks and before-images, a few at a time, inside write transactions that happen anyway."""

from __future__ import annotations

from typing import Final

from rtdb.config import Limits
from rtdb.storage.environment import WriteTransaction
from rtdb.storage.local_log import LocalLog, retained_from
from rtdb.storage.undo import trim_undo

__all__ = ["TRIM_INTERVAL_BLOCKS", "trim_history"]

TRIM_INTERVAL_BLOCKS: Final = 16
"""Every so many blocks the oldest are looked at. With the number below, trimming always catches up with writing."""

_RECORDS_MAX: Final = 64
"""Records given up at a time: the price, in front of waiting clients, stays below a millisecond."""


def trim_history(txn: WriteTransaction, log: LocalLog, *, now_ns: int, limits: Limits) -> bool:
    """Drop blocks past ``log_retention`` and before-images past ``undo_seconds`` or ``undo_bytes_max``, but only so
    many; return whether there may be more. ``txn`` is lent to ``log``.
    """
    through = retained_from(txn, now_ns=now_ns, limits=limits, blocks_max=_RECORDS_MAX)
    if through:
        log.trim(through)
    undone = trim_undo(
        txn,
        before_ts=now_ns - int(limits.undo_seconds * 1e9),
        bytes_max=limits.undo_bytes_max,
        records_max=_RECORDS_MAX,
    )
    return undone == _RECORDS_MAX
