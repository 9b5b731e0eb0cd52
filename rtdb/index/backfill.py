"""Building an index over documents that were there before it, and erasing the entries of one that was dropped.

Both go in bounded chunks, each in a write transaction of the committer, and keep their cursor in `meta`
within it, so a restart goes on where the last commit ended. From the block on that declares an index,
applying blocks maintains it; the backfill adds the entries of the documents as they are now, which is the
same thing whoever comes first. So a chunk may run twice, and documents may change behind or ahead of the
cursor.

Erasure is for an index whose drop is older than every position that can still be read (``undo_seconds``): a read that
goes back before the drop still uses its entries.

It does not decide when to run or when the index is complete; a block does that.
"""

from __future__ import annotations

from typing import Final

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage.documents import unpack_document
from rtdb.storage.environment import ReadTransaction, WriteTransaction
from rtdb.storage.keys import index_entry, index_prefix, table_prefix
from rtdb.storage.meta import delete_backfill_cursor, read_backfill_cursor, write_backfill_cursor
from rtdb.values.json_codec import decode_canonical

__all__ = ["backfill_chunk", "backfilled_share", "erase_chunk", "is_backfilled"]

_FIRST: Final = b""
_DONE: Final = b"done"
_SHARE_BYTES: Final = 6


def backfill_chunk(txn: WriteTransaction, definition: IndexDefinition, *, documents_max: int) -> bool:
    """Add the entries of the next ``documents_max`` documents; return whether the index now covers all of them."""
    assert definition.state == "backfilling"
    cursor = read_backfill_cursor(txn, definition.number) or _FIRST
    if cursor == _DONE:
        return True
    prefix = table_prefix(definition.table)
    documents = _documents_after(txn, prefix, cursor, documents_max)
    for key, value in documents:
        fields = decode_canonical(unpack_document(value).data)
        assert isinstance(fields, dict)
        txn.put(txn.indexes, *index_entry(definition.number, full_key(definition, fields), key[4:]))
    done = len(documents) < documents_max
    write_backfill_cursor(txn, definition.number, _DONE if done else documents[-1][0][4:])
    return done


def is_backfilled(txn: ReadTransaction, definition: IndexDefinition) -> bool:
    """Whether a backfilling index covers all documents, so that a block may mark it backfilled."""
    return read_backfill_cursor(txn, definition.number) == _DONE


def backfilled_share(txn: ReadTransaction, definition: IndexDefinition) -> float:
    """Return how much of the table has been gone through, from 0 to 1.

    The documents are gone through in the order of their internal ids, which begin at random: the cursor says it all.
    """
    cursor = read_backfill_cursor(txn, definition.number) or _FIRST
    if cursor in (_FIRST, _DONE):
        return 0.0 if cursor == _FIRST else 1.0
    return int.from_bytes(cursor[:_SHARE_BYTES]) / 256**_SHARE_BYTES


def erase_chunk(txn: WriteTransaction, definition: IndexDefinition, *, entries_max: int) -> bool:
    """Remove ``entries_max`` entries of a dropped index; return whether none is left (its document may be deleted)."""
    assert definition.state == "dropped"
    prefix = index_prefix(definition.number)
    cursor = txn.cursor(txn.indexes)
    keys: list[bytes] = []
    if cursor.set_range(prefix):
        for key in cursor.iternext(values=False):
            if len(keys) == entries_max or not key.startswith(prefix):
                break
            keys.append(key)
    for key in keys:
        txn.delete(txn.indexes, key)
    if len(keys) == entries_max:
        return False
    delete_backfill_cursor(txn, definition.number)
    return True


def _documents_after(
    txn: WriteTransaction, prefix: bytes, after: bytes, documents_max: int
) -> list[tuple[bytes, bytes]]:
    """Return the stored pairs of the documents that follow internal id ``after`` (b"": from the first)."""
    found: list[tuple[bytes, bytes]] = []
    cursor = txn.cursor(txn.documents)
    if not cursor.set_range(prefix + after + (b"\0" if after else b"")):
        return found
    for key, value in cursor.iternext():
        if len(found) == documents_max or not key.startswith(prefix):
            break
        found.append((key, value))
    return found
