"""The database from first principles: tables are dictionaries, a query sorts a list, a transaction is a copy.

It knows the steps that the app in `tests/e2e/apps/steps` carries out, and says what each must return or that it must
fail. Nothing of rtdb is used but values and their absence.

Ids and creation times are the server's to choose: they are taken from what the server said it has inserted, or made up
where it could say nothing, because it failed and nobody will see them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from rtdb.values.value import UNDEFINED, Int64

__all__ = ["Ask", "Declared", "Document", "Failed", "NaiveDatabase", "Schema", "index_key", "sort_key"]

Document = dict[str, Any]
Ask = dict[str, Any]
Declared = dict[str, tuple[str, bool]]
"""By field: what it holds (a key of ``HOLDS``) and whether it may be absent."""

SYSTEM_FIELDS = ("_id", "_creationTime")
SYSTEM_INDEXES = {"by_creation_time": (), "by_id": ("_id",)}


class Failed(Exception):
    """The server must refuse this."""


class Raised(Failed):
    """The app raises a ``ConvexError`` with this data."""

    def __init__(self, data: Any) -> None:
        self.data = data


class Table:
    """What a schema says of a table; ``fields`` None is ``v.any()``."""

    def __init__(self, fields: Declared | None, indexes: dict[str, tuple[str, ...]]) -> None:
        self.fields = fields
        self.indexes = indexes


class Schema:
    """Tables by name. Documents are held to it if it is ``strict``."""

    def __init__(self, tables: dict[str, Table], *, strict: bool) -> None:
        self.tables = tables
        self.strict = strict

    def source(self) -> str:
        """Return the module that declares it."""
        lines = ["from rtdb import define_schema, define_table, v", "", "schema = define_schema({"]
        for name, table in self.tables.items():
            if table.fields is None:
                document = "v.any()"
            else:
                fields = (
                    f'"{field}": {f"v.optional({HOLDS[holds][0]})" if optional else HOLDS[holds][0]}'
                    for field, (holds, optional) in table.fields.items()
                )
                document = f"{{{', '.join(fields)}}}"
            indexes = "".join(f".index({index!r}, {list(fields)!r})" for index, fields in table.indexes.items())
            lines.append(f"    {name!r}: define_table({document}){indexes},")
        return "\n".join([*lines, f"}}, schema_validation={self.strict})", ""])

    def accepts(self, table: str, document: Document) -> bool:
        declared = self.tables.get(table)
        if not self.strict or declared is None or declared.fields is None:
            return True
        fields = {name: value for name, value in document.items() if name not in SYSTEM_FIELDS}
        return fields.keys() <= declared.fields.keys() and all(
            HOLDS[holds][1](fields[name]) if name in fields else optional
            for name, (holds, optional) in declared.fields.items()
        )


def _is_number(value: Any) -> bool:
    return type(value) is float


HOLDS: dict[str, tuple[str, Any]] = {
    "any": ("v.any()", lambda value: True),
    "number": ("v.number()", _is_number),
    "string": ("v.string()", lambda value: type(value) is str),
    "int64": ("v.int64()", lambda value: type(value) is Int64),
    "flag": ("v.union(v.null(), v.boolean())", lambda value: value is None or type(value) is bool),
    "scalar": ("v.union(v.number(), v.string())", lambda value: _is_number(value) or type(value) is str),
    "object": (
        'v.object({"x": v.optional(v.any())})',
        lambda value: type(value) is dict and value.keys() <= {"x"},
    ),
}
"""What a field may hold: the validator's source, and what it accepts."""


# --- order ------------------------------------------------------------------------------------------------------------


def sort_key(value: Any) -> tuple[Any, ...]:
    """Return what sorts as values do: absent, null, int64, float64, booleans, strings, bytes, arrays, objects."""
    if value is UNDEFINED:
        return (0,)
    if value is None:
        return (1,)
    if isinstance(value, Int64):
        return (2, value.value)
    if type(value) is float:
        return (3, value, math.copysign(1.0, value))
    if type(value) is bool:
        return (4, value)
    if type(value) is str:
        return (5, value.encode())
    if type(value) is bytes:
        return (6, value)
    if type(value) is list:
        return (7, tuple(map(sort_key, value)))
    return (8, tuple((name.encode(), sort_key(value[name])) for name in sorted(value)))


def field(document: Document, path: str) -> Any:
    value: Any = document
    for step in path.split("."):
        value = value.get(step, UNDEFINED) if type(value) is dict else UNDEFINED
    return value


def index_key(fields: tuple[str, ...], document: Document) -> tuple[Any, ...]:
    last = () if fields == ("_id",) else SYSTEM_FIELDS[::-1]
    return tuple(sort_key(field(document, path)) for path in (*fields, *last))


# --- filters ----------------------------------------------------------------------------------------------------------


def evaluate(tree: list[Any], document: Document) -> Any:
    what, *operands = tree
    match what:
        case "field":
            return field(document, operands[0])
        case "value":
            return operands[0][0] if operands[0] else UNDEFINED
        case "and":
            return all(_truth(evaluate(operand, document)) for operand in operands)
        case "or":
            return any(_truth(evaluate(operand, document)) for operand in operands)
        case "not":
            return not _truth(evaluate(operands[0], document))
        case "add" | "sub":
            left, right = (evaluate(operand, document) for operand in operands)
            if type(left) is float and type(right) is float:
                return left + right if what == "add" else left - right
            if isinstance(left, Int64) and isinstance(right, Int64):
                return Int64(left.value + right.value if what == "add" else left.value - right.value)
            raise Failed("no numbers of one kind")
        case _:
            keys = (sort_key(evaluate(operand, document)) for operand in operands)
            return COMPARISONS[what](*keys)


COMPARISONS: dict[str, Any] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise Failed("no boolean")
    return value


# --- the database -----------------------------------------------------------------------------------------------------


class NaiveDatabase:
    """All documents by table and id, and the schema that holds."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.tables: dict[str, dict[str, Document]] = {}
        """A table is there, perhaps empty, from when a schema declared it or the first document was inserted."""
        self._table_of: dict[str, str] = {}
        """Of every id there has been; which table it is of never changes."""
        self.declare(schema)
        self._made_up = itertools.count(1)

    def copy(self) -> NaiveDatabase:
        other = NaiveDatabase(self.schema)
        other.tables = {name: dict(documents) for name, documents in self.tables.items()}
        other._table_of = self._table_of
        return other

    def declare(self, schema: Schema) -> None:
        """Make the tables of a schema that is going to be deployed."""
        for name in schema.tables:
            self.tables.setdefault(name, {})

    def fits(self, schema: Schema) -> bool:
        """Whether a deploy of this schema must succeed."""
        return all(
            schema.accepts(name, document) for name, documents in self.tables.items() for document in documents.values()
        )

    def ids(self) -> list[str]:
        return [id for documents in self.tables.values() for id in documents]

    def run(self, steps: list[Any], said: list[Any] | None, *, writable: bool = True) -> list[Any]:
        """Carry out the steps, as one transaction, and return their results; ``said`` is what the server returned.

        Raises :class:`Failed`, with nothing changed, where the server must fail.
        """
        before = {name: dict(documents) for name, documents in self.tables.items()}
        inserted: list[str] = []
        try:
            return [
                self._step(step, None if said is None else said[place], inserted, writable)
                for place, step in enumerate(steps)
            ]
        except Failed:
            self.tables = before
            raise

    def _step(self, step: list[Any], said: Any, inserted: list[str], writable: bool) -> Any:
        match step:
            case ["insert", str(table), dict(fields)] if writable:
                return self._insert(table, fields, said, inserted)
            case ["patch", reference, dict(boxes)] if writable:
                table, document = self._find(reference, inserted)
                removed = {name for name, box in boxes.items() if not box}
                values = {name: box[0] for name, box in boxes.items() if box}
                merged = {name: value for name, value in document.items() if name not in removed}
                return self._put(table, {**merged, **values})
            case ["replace", reference, dict(fields)] if writable:
                table, document = self._find(reference, inserted)
                return self._put(table, {**fields, **{name: document[name] for name in SYSTEM_FIELDS}})
            case ["delete", reference] if writable:
                table, document = self._find(reference, inserted)
                del self.tables[table][document["_id"]]
                return None
            case ["get", reference]:
                id = _id_of(reference, inserted)
                return next((documents[id] for documents in self.tables.values() if id in documents), None)
            case ["normalize", str(table), reference]:
                id = _id_of(reference, inserted)
                return id if self._table_of.get(id) == table else None
            case ["raise", data]:
                raise Raised(data)
            case ["read", dict(ask), how]:
                return self._read(ask, str(how))
            case ["look", list(steps)]:
                return self.run(steps, said, writable=False)
            case ["nested", list(steps)] if writable:
                return self.run(steps, said)
            case ["try", list(inner)]:
                try:
                    has_failed = said == "failed" or (isinstance(said, dict) and "raised" in said)
                    return self._step(inner, None if has_failed else said, inserted, writable)
                except Raised as raised:
                    return {"raised": raised.data}
                except Failed:
                    return "failed"
            case _:
                raise Failed("asked to fail, or a write in a query")

    def _insert(self, table: str, fields: Document, said: Any, inserted: list[str]) -> list[Any]:
        number = next(self._made_up)
        id, creation_time = said or (f"made up {number}", 1e15 + number)
        document = {**fields, "_id": id, "_creationTime": creation_time}
        if not self.schema.accepts(table, document):
            raise Failed("it does not match the schema")
        documents = self.tables.setdefault(table, {})
        assert id not in self.ids(), "an id is given once"
        assert all(creation_time > other["_creationTime"] for other in documents.values()), "time goes on"
        documents[id] = document
        self._table_of[id] = table
        inserted.append(id)
        return [id, creation_time]

    def _find(self, reference: Any, inserted: list[str]) -> tuple[str, Document]:
        id = _id_of(reference, inserted)
        for table, documents in self.tables.items():
            if id in documents:
                return table, documents[id]
        raise Failed("no such document")

    def _put(self, table: str, document: Document) -> None:
        if not self.schema.accepts(table, document):
            raise Failed("it does not match the schema")
        self.tables[table][document["_id"]] = document

    # --- queries ------------------------------------------------------------------------------------------------------

    def fields_of(self, ask: Ask) -> tuple[str, ...]:
        """Return the fields of the index that is read. Raises :class:`Failed` when there is none of that name."""
        if ask["index"] is None:
            return ()
        if ask["table"] not in self.tables:
            raise Failed("no such table")
        if ask["index"] in SYSTEM_INDEXES:
            return SYSTEM_INDEXES[ask["index"]]
        declared = self.schema.tables.get(ask["table"])
        if declared is None or ask["index"] not in declared.indexes:
            raise Failed("no such index")
        return declared.indexes[ask["index"]]

    def in_range(self, ask: Ask) -> list[Document]:
        """Return the documents of the query's range, in its order, unfiltered."""
        fields = self.fields_of(ask)
        documents = [
            document
            for document in self.tables.get(ask["table"], {}).values()
            if all(
                COMPARISONS[operator](sort_key(field(document, path)), sort_key(box[0] if box else UNDEFINED))
                for operator, path, box in ask["range"]
            )
        ]
        return sorted(documents, key=lambda document: index_key(fields, document), reverse=ask["order"] == "desc")

    def stages(self, documents: Iterator[Document], stages: list[Any]) -> Iterator[Document]:
        """Filter and limit, row by row: what comes after the last row that is wanted is not looked at."""
        for what, operand in stages:
            documents = _limited(documents, int(operand)) if what == "limit" else _filtered(documents, operand)
        return documents

    def _read(self, ask: Ask, how: str) -> Any:
        limits = {"collect": [], "first": [("limit", 1)], "unique": [("limit", 2)]}[how]
        found = list(self.stages(iter(self.in_range(ask)), [*ask["stages"], *limits]))
        if how == "collect":
            return found
        if len(found) > 1:
            raise Failed("not unique")
        return found[0] if found else None


def _id_of(reference: Any, inserted: list[str]) -> str:
    """Return the id that a step names, or that of a document by its place among those the function has inserted."""
    if isinstance(reference, str):
        return reference
    if reference >= len(inserted):
        raise Failed("nothing inserted yet")
    return inserted[int(reference)]


def _filtered(documents: Iterator[Document], tree: list[Any]) -> Iterator[Document]:
    return (document for document in documents if _truth(evaluate(tree, document)))


def _limited(documents: Iterator[Document], count: int) -> Iterator[Document]:
    return itertools.islice(documents, count)
