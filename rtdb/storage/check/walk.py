"""What the parts of a check share: the snapshot they walk over, and what they have found."""

from __future__ import annotations

from typing import Any, Final

from rtdb.errors import RtdbError
from rtdb.index.registry import Registry, load_registry
from rtdb.storage import meta
from rtdb.storage.documents import is_intact, unpack_document
from rtdb.storage.environment import ReadTransaction
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["PROBLEMS_KEPT", "Walk", "document_name", "read_fields"]

PROBLEMS_KEPT: Final = 1000


class Walk:
    """One walk over ``txn``. ``problems`` are the first thousand of ``problems_total``, as sentences."""

    def __init__(self, txn: ReadTransaction) -> None:
        self.txn = txn
        self.position = meta.read_position(txn)
        self.problems: list[str] = []
        self.problems_total = 0
        self.registry = Registry()
        try:
            self.registry = load_registry(txn)
        except RtdbError as error:
            self.problem(error.message)

    def problem(self, sentence: str) -> None:
        self.problems_total += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(sentence)


def document_name(table: int, internal: bytes) -> str:
    return f"Document {table}/{internal.hex()}"


def read_fields(value: bytes) -> dict[str, Any] | None:
    """Return a stored document's fields if it is stored the one way it may be."""
    data = unpack_document(value).data if is_intact(value) else b""
    try:
        fields = decode_canonical(data)
        return fields if isinstance(fields, dict) and encode(fields) == data else None
    except (RtdbError, ValueError):
        return None
