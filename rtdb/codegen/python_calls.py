"""Calls of functions from functions, typed: the path of each, what it takes and what it gives.

::

    def run_query(self, function: Literal['rooms:find'], arguments: _RoomsFindArguments, …) -> RoomsDoc | None: ...

A whole document among arguments and results is recognized, and has the type that it has in the data model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from rtdb.codegen.python_types import TypeWriter, camel_case, or_undefined, typed_dict
from rtdb.functions.description import FunctionDescription
from rtdb.link.frames import FunctionKind
from rtdb.schema.schema import Schema
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import ObjectValidator, Validator

__all__ = ["CallSignature", "call_signatures"]


class CallSignature(msgspec.Struct, frozen=True):
    """How one function is called: ``arguments`` is a parameter, ``result`` a type."""

    path: str
    kind: FunctionKind
    arguments: str
    result: str


class _CallTypeWriter(TypeWriter):
    """Knows the documents of the schema."""

    def __init__(self, schema: Schema, prefixes: Mapping[str, str]) -> None:
        super().__init__({table: f"{prefix}Id" for table, prefix in prefixes.items()}, ())
        self._documents = {_key(schema.document(table)): f"{prefix}Doc" for table, prefix in prefixes.items()}
        # `v.any()` is a document of a table that holds anything, and so is everything else.
        self._documents.pop(_key(validator_from_json({"type": "any"})), None)

    def type_of(self, validator: Validator, name: str) -> str:
        return self._documents.get(_key(validator)) or super().type_of(validator, name)


def call_signatures(
    functions: Sequence[FunctionDescription], schema: Schema, prefixes: Mapping[str, str]
) -> tuple[list[CallSignature], list[list[str]]]:
    """Return how each function is called, and the definitions that takes; ``prefixes`` are those of the tables."""
    types = _CallTypeWriter(schema, prefixes)
    signatures = []
    for function in functions:
        name = "_" + camel_case(re.sub(r"\W", "_", function.path))
        arguments = _arguments(validator_from_json(function.args), f"{name}Arguments", function.path, types)
        result = "Any" if function.returns is None else types.type_of(validator_from_json(function.returns), name)
        signatures.append(CallSignature(function.path, function.kind, arguments, result))
    return signatures, types.definitions


def _arguments(validator: Validator, name: str, path: str, types: TypeWriter) -> str:
    if not isinstance(validator, ObjectValidator):
        return "arguments: dict[str, Any] | None = None"
    fields = [
        (field, or_undefined(type_) if absent else type_, absent)
        for field, type_, absent in types.fields_of(validator.fields, name)
    ]
    free = types.free(name)
    types.define(free, typed_dict(free, f"The arguments of `{path}`.", fields))
    return f"arguments: {free}" if any(not absent for _, _, absent in fields) else f"arguments: {free} | None = None"


def _key(validator: Validator) -> bytes:
    return msgspec.json.encode(validator.to_json(), order="deterministic")
