"""Index keys from documents: one part per field of the key, each the order-preserving encoding of the field's value.

A part ends itself, so the concatenated parts (the *full key*) sort as the tuple of values does. A field path
walks nested objects only; a step that is missing, or into anything else, is the value undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtdb.index.definition import IndexDefinition, TableDefinition
from rtdb.values.ordering import encode_key
from rtdb.values.value import UNDEFINED

__all__ = ["all_key_parts", "field_value", "full_key", "key_parts"]

Document = Mapping[str, Any]


def key_parts(definition: IndexDefinition, document: Document) -> list[bytes]:
    """Return the parts of the document's key. ``document`` has its system fields."""
    return [
        encode_key(field_value(document, field) if "." in field else document.get(field, UNDEFINED))
        for field in definition.key_fields
    ]


def full_key(definition: IndexDefinition, document: Document) -> bytes:
    """Return the document's key in one piece."""
    return b"".join(key_parts(definition, document))


def all_key_parts(table: TableDefinition, document: Document) -> dict[int, list[bytes]]:
    """Return the parts of the document's key in every index of the table, `by_id` first, by index number.

    The parts for ``_creationTime`` and ``_id`` are made once: they end every key.
    """
    id_part = encode_key(document["_id"])
    implied = [encode_key(document["_creationTime"]), id_part]
    parts = {table.by_id.number: [id_part]}
    for definition in table.stored:
        parts[definition.number] = [
            encode_key(field_value(document, field) if "." in field else document.get(field, UNDEFINED))
            for field in definition.fields
        ] + implied
    return parts


def field_value(document: Document, path: str) -> Any:
    """Return the value at a dotted field path, or UNDEFINED."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value
