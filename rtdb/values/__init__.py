"""Documents as data: values, their order, their JSON, and the names of documents and functions.

Invariant: nothing here knows of tables, indexes, processes or disks. Read :mod:`~rtdb.values.value` first, then
:mod:`~rtdb.values.json_codec` (values as bytes to store and send), :mod:`~rtdb.values.ordering` (values as bytes to
sort by), :mod:`~rtdb.values.document_id` and :mod:`~rtdb.values.function_path`.
"""

from rtdb.values.document_id import DocumentId, decode_id, encode_id, new_internal_id
from rtdb.values.function_path import FunctionPath, parse_function_path
from rtdb.values.json_codec import canonicalize, decode, decode_canonical, encode, to_clean, to_export
from rtdb.values.ordering import compare, decode_key, encode_key, prefix_stop
from rtdb.values.value import (
    UNDEFINED,
    Int64,
    Undefined,
    Value,
    check,
    check_document,
    coerce,
    display,
    nesting,
    size,
)

__all__ = [
    "UNDEFINED",
    "DocumentId",
    "FunctionPath",
    "Int64",
    "Undefined",
    "Value",
    "canonicalize",
    "check",
    "check_document",
    "coerce",
    "compare",
    "decode",
    "decode_canonical",
    "decode_id",
    "decode_key",
    "display",
    "encode",
    "encode_id",
    "encode_key",
    "nesting",
    "new_internal_id",
    "parse_function_path",
    "prefix_stop",
    "size",
    "to_clean",
    "to_export",
]
