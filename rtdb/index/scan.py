"""Reading an index in key order, in one LMDB transaction.

A scan yields ``(full key, internal id)`` of every entry with ``start <= full key < stop``, in exact order,
whichever way the entries are stored (keys.py): long keys share runs of equal prefixes in which LMDB's order
is not theirs, so a run is gathered and sorted. `by_id` has no entries: it is read from `documents`, whose
order is the same, and its bounds, which may be any bytes, are turned into a first position that is never too
late and then compared exactly.

It knows nothing of overlays; a generator here must be finished with before its transaction is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rtdb.index.definition import IndexDefinition
from rtdb.storage.environment import ReadTransaction
from rtdb.storage.keys import (
    INDEX_PREFIX_BYTES,
    INTERNAL_ID_BYTES,
    LONG_ENTRY_BYTES,
    RUN_BYTES,
    document_key,
    index_prefix,
    table_prefix,
)
from rtdb.values.document_id import encode_id
from rtdb.values.ordering import encode_key

__all__ = ["Entry", "by_id_key", "scan"]

Entry = tuple[bytes, bytes]
"""Full key and internal id."""

# From this length on a stored key may belong to a run.
_RUN_KEY_BYTES: Final = INDEX_PREFIX_BYTES + RUN_BYTES

_ID_TEXT = re.compile(rb"[0-9a-hjkmnp-tv-z]*")
_TO_PYTHON_DIGITS = bytes.maketrans(b"0123456789abcdefghjkmnpqrstvwxyz", b"0123456789abcdefghijklmnopqrstuv")
_INTERNAL_IDS: Final = 1 << 128
_FOOTER_BITS: Final = 16


def scan(
    txn: ReadTransaction, definition: IndexDefinition, start: bytes, stop: bytes, descending: bool
) -> Iterator[Entry]:
    """Yield the entries with keys in ``[start, stop)`` in key order, or from the last to the first."""
    if definition.is_by_id:
        return _scan_documents(txn, definition.table, start, stop, descending)
    if descending:
        return _scan_down(txn, definition.number, start, stop)
    return _scan_up(txn, definition.number, start, stop)


def by_id_key(table: int, internal: bytes) -> bytes:
    """Return the full key of a document in its table's `by_id`."""
    return encode_key(encode_id(table, internal))


def _scan_up(txn: ReadTransaction, index: int, start: bytes, stop: bytes) -> Iterator[Entry]:
    prefix = index_prefix(index)
    last = prefix + stop
    cursor = txn.raw.cursor(txn.indexes)
    # A start inside a run begins at the run: where in it is only known once it is sorted.
    found = cursor.set_range(prefix + start[:RUN_BYTES])
    while found:
        run = b""
        for key, value in cursor.iternext():
            if len(key) >= _RUN_KEY_BYTES:
                run = key[:_RUN_KEY_BYTES]
                break
            if key >= last:
                return
            yield key[4:], value
        if not run or run >= last:
            return
        entries = []
        found = False
        for key, value in cursor.iternext():
            if not key.startswith(run):
                found = True
                break
            entries.append(_entry(key, value))
        for entry in sorted(entries):
            if entry[0] >= stop:
                return
            if entry[0] >= start:
                yield entry


def _scan_down(txn: ReadTransaction, index: int, start: bytes, stop: bytes) -> Iterator[Entry]:
    prefix = index_prefix(index)
    first = prefix + start
    cursor = txn.raw.cursor(txn.indexes)
    found = _seek_last(cursor, prefix + stop)
    while found:
        run = b""
        for key, value in cursor.iterprev():
            if len(key) >= _RUN_KEY_BYTES:
                run = key[:_RUN_KEY_BYTES]
                break
            if key < first:
                return
            yield key[4:], value
        if not run or run < first[:_RUN_KEY_BYTES]:
            return
        entries = []
        found = False
        for key, value in cursor.iterprev():
            if not key.startswith(run):
                found = True
                break
            entries.append(_entry(key, value))
        for entry in sorted(entries, reverse=True):
            if entry[0] < start:
                return
            if entry[0] < stop:
                yield entry


def _seek_last(cursor: Any, bound: bytes) -> bool:
    """Go to the last entry that may lie below ``bound``: below it, or in its run."""
    if len(bound) < _RUN_KEY_BYTES:
        return bool(cursor.prev() if cursor.set_range(bound) else cursor.last())
    # At most 16 bytes follow a run's prefix, so these are above all of them.
    return bool(cursor.prev() if cursor.set_range(bound[:_RUN_KEY_BYTES] + b"\xff" * 17) else cursor.last())


def _entry(key: bytes, value: bytes) -> Entry:
    """Return the entry that a stored pair of a run stands for."""
    if len(key) == LONG_ENTRY_BYTES:
        return value[INTERNAL_ID_BYTES:], value[:INTERNAL_ID_BYTES]
    return key[4:], value


# --- by_id ----------------------------------------------------------------------------------------------------------


def _scan_documents(txn: ReadTransaction, table: int, start: bytes, stop: bytes, descending: bool) -> Iterator[Entry]:
    lowest = _internal_near(table, start, b"0")
    highest = _internal_near(table, stop, b"z")
    if start >= stop or lowest >= _INTERNAL_IDS or highest < 0:
        return
    prefix = table_prefix(table)
    cursor = txn.raw.cursor(txn.documents)
    if descending:
        above = prefix + min(highest, _INTERNAL_IDS - 1).to_bytes(16) + b"\0"
        found = cursor.prev() if cursor.set_range(above) else cursor.last()
        keys = cursor.iterprev(values=False)
    else:
        found = cursor.set_range(document_key(table, max(lowest, 0).to_bytes(16)))
        keys = cursor.iternext(values=False)
    if not found:
        return
    for stored in keys:
        if stored[:4] != prefix:
            return
        internal = stored[4:]
        key = by_id_key(table, internal)
        if start <= key < stop:
            yield key, internal
        elif (key < start) if descending else (key >= stop):
            return


def _internal_near(table: int, bound: bytes, fill: bytes) -> int:
    """Return an internal id (as a number) such that every id of ``table`` on the wrong side of it is on the
    wrong side of ``bound`` too; below 0 and from 2**128 on it stands for "before all" and "after all".

    ``bound`` may be any bytes: what follows the longest piece that looks like an id is replaced by ``fill``,
    "0" for the lowest id with that beginning and "z" for the highest.
    """
    if bound[:1] != b"\x10":
        return -1 if bound < b"\x10" else _INTERNAL_IDS
    first = encode_id(table, bytes(16)).encode()
    match = _ID_TEXT.match(bound, 1)
    assert match is not None
    near = match[0][: len(first)].ljust(len(first), fill)
    return _number(near) - _number(first)


def _number(text: bytes) -> int:
    """Return what an id's text says without its padding and its footer: the table's varint and the internal id."""
    padding = len(text) * 5 % 8
    return int(text.translate(_TO_PYTHON_DIGITS), 32) >> (padding + _FOOTER_BITS)
