"""An overlay alone: what it says of documents, and what it forgets."""

from __future__ import annotations

from typing import Any

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage.documents import StoredDocument
from rtdb.storage.keys import index_number
from rtdb.testing.database import document_bytes
from rtdb.transaction.overlay import UNTOUCHED, Overlay
from rtdb.values.document_id import encode_id

TABLE = 10001
BY_RANK = IndexDefinition(index_number(TABLE, 2), TABLE, "by_rank", ("rank",))


def internal(number: int) -> bytes:
    return number.to_bytes(16)


def document(number: int, rank: float) -> StoredDocument:
    return StoredDocument(0, 0, document_bytes(TABLE, internal(number), {"rank": rank}, 1.0))


def key(number: int, rank: float) -> bytes:
    fields: dict[str, Any] = {"_id": encode_id(TABLE, internal(number)), "_creationTime": 1.0, "rank": rank}
    return full_key(BY_RANK, fields)


def ids_in_order(overlay: Overlay, descending: bool = False) -> list[int]:
    found = []
    start, stop = b"", b"\xff"
    while entry := overlay.layer(TABLE).first_between(BY_RANK, start, stop, descending, ()):
        found.append(int.from_bytes(entry[1]))
        start, stop = (start, entry[0]) if descending else (entry[0] + b"\0", stop)
    return found


def test_a_deleted_document_is_told_apart_from_an_untouched_one() -> None:
    overlay = Overlay()
    overlay.put(TABLE, internal(1), None)
    assert overlay.get(TABLE, internal(1)) is None
    assert overlay.touched(TABLE, internal(1))
    assert overlay.get(TABLE, internal(2)) is UNTOUCHED
    assert overlay.get(TABLE + 1, internal(1)) is UNTOUCHED
    assert not overlay.touched(TABLE, internal(2))
    assert len(overlay) == 1


def test_the_order_follows_writes_made_after_it_was_first_asked_for() -> None:
    overlay = Overlay()
    overlay.put(TABLE, internal(1), document(1, 10.0))
    overlay.put(TABLE, internal(2), document(2, 20.0))
    assert ids_in_order(overlay) == [1, 2]
    overlay.put(TABLE, internal(1), document(1, 30.0))
    overlay.put(TABLE, internal(3), document(3, 25.0))
    assert ids_in_order(overlay) == [2, 3, 1]
    overlay.put(TABLE, internal(3), None)
    assert ids_in_order(overlay, descending=True) == [1, 2]


def test_rows_touched_by_a_layer_above_are_left_out() -> None:
    below, above = Overlay(), Overlay()
    below.put(TABLE, internal(1), document(1, 10.0))
    below.put(TABLE, internal(2), document(2, 20.0))
    above.put(TABLE, internal(1), None)
    found = below.layer(TABLE).first_between(BY_RANK, b"", b"\xff", False, (above.layer(TABLE),))
    assert found == (key(2, 20.0), internal(2))


def test_dropping_durable_writes_keeps_documents_written_again_since() -> None:
    overlay = Overlay()
    overlay.put(TABLE, internal(1), document(1, 10.0), pending=1)
    overlay.put(TABLE, internal(2), document(2, 20.0), pending=1)
    overlay.put(TABLE, internal(1), document(1, 30.0), pending=2)
    assert ids_in_order(overlay) == [2, 1]
    overlay.drop_through(1)
    assert overlay.get(TABLE, internal(2)) is UNTOUCHED
    assert overlay.get(TABLE, internal(1)) == document(1, 30.0)
    assert ids_in_order(overlay) == [1]
    overlay.drop_through(2)
    assert len(overlay) == 0
    assert ids_in_order(overlay) == []


def test_a_document_written_twice_by_one_mutation_is_dropped_with_it() -> None:
    overlay = Overlay()
    overlay.put(TABLE, internal(1), document(1, 10.0), pending=4)
    overlay.put(TABLE, internal(1), None, pending=4)
    overlay.drop_through(4)
    assert overlay.get(TABLE, internal(1)) is UNTOUCHED


def test_clear_forgets_everything() -> None:
    overlay = Overlay()
    overlay.put(TABLE, internal(1), document(1, 10.0), pending=1)
    overlay.clear()
    assert len(overlay) == 0
    overlay.put(TABLE, internal(1), document(1, 10.0), pending=2)
    overlay.drop_through(2)
    assert len(overlay) == 0
