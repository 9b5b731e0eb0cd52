"""A state machine that holds a server against sorted lists: random schemas, every operation, crashes, deploys.

The app does whatever its arguments say (`tests/e2e/apps/steps`); `naive_database.py` says what it must return. Whatever
a step returns must be, byte for byte, what the naive database returns; what it refuses must be refused, and have
changed nothing. What kind of server it is, and what else can be done to one of that kind, is for those who inherit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from rtdb.link.frames import RequestKind
from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.value import Int64
from tests.model.naive_database import HOLDS, Ask, Document, Failed, NaiveDatabase, Schema, Table, index_key

__all__ = ["DatabaseMachine", "DeployFailed", "Server", "draw_ask", "schemas"]

LONG = "x" * 600
"""Longer than an LMDB key; its neighbours differ behind that."""

TABLES = ("one", "two")
FIELDS = ("a", "b", "c")
PATHS = ("a", "b", "c", "b.x")

numbers = st.sampled_from([-1.5, -0.0, 0.0, 1.0, 2.0])
texts = st.sampled_from(["", "a", "ab", "b", LONG + "a", LONG + "b"])
int64s = st.sampled_from([-1, 1, 300]).map(Int64)
flags = st.sampled_from([None, False, True])
inner = st.one_of(numbers, texts, flags)
values: dict[str, st.SearchStrategy[Any]] = {
    "number": numbers,
    "string": texts,
    "int64": int64s,
    "flag": flags,
    "scalar": st.one_of(numbers, texts),
    "object": st.fixed_dictionaries({}, optional={"x": inner}),
}
values["any"] = st.one_of(*values.values(), st.sampled_from([b"", b"\xff", [], [1.0], ["a"]]))
boxes = st.one_of(st.just([]), values["any"].map(lambda value: [value]), values["any"].map(lambda value: [value]))


# --- what is drawn ----------------------------------------------------------------------------------------------------


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Declare some of the tables, each with some fields and indexes."""
    tables: dict[str, Table] = {}
    for name in draw(st.lists(st.sampled_from(TABLES), unique=True)):
        fields = None
        paths = list(PATHS)
        if draw(st.booleans()):
            fields = {
                field: (draw(st.sampled_from(["any", "any", *sorted(HOLDS)])), draw(st.booleans())) for field in FIELDS
            }
            if fields["b"][0] not in ("any", "object"):
                paths.remove("b.x")
        orders = st.lists(st.sampled_from(paths), min_size=1, max_size=3, unique=True).map(tuple)
        indexes = draw(st.lists(orders, max_size=3, unique=True))
        tables[name] = Table(fields, {f"by_{number}": paths for number, paths in enumerate(indexes)})
    return Schema(tables, strict=draw(st.sampled_from([True, True, False])))


def draw_fields(data: st.DataObject, schema: Schema, table: str) -> dict[str, Any]:
    """Return the fields of a document that usually matches the schema."""
    declared = schema.tables.get(table)
    fields: dict[str, Any] = {}
    for field in FIELDS:
        holds, optional = ("any", True) if declared is None or declared.fields is None else declared.fields[field]
        if not optional or data.draw(st.booleans()):
            may_not_match = data.draw(st.integers(0, 19)) == 0
            fields[field] = data.draw(values["any" if may_not_match else holds])
    return fields


def draw_filter(data: st.DataObject, levels: int = 2) -> list[Any]:
    kinds = ["eq", "neq", "lt", "lte", "gt", "gte"] + ["and", "or", "not"] * (levels > 0)
    kind = data.draw(st.sampled_from(kinds))
    if kind in ("and", "or"):
        return [kind, *(draw_filter(data, levels - 1) for _ in range(data.draw(st.integers(0, 2))))]
    if kind == "not":
        return [kind, draw_filter(data, levels - 1)]
    left: list[Any] = ["field", data.draw(st.sampled_from(PATHS))]
    if data.draw(st.integers(0, 9)) == 0:
        left = [data.draw(st.sampled_from(["add", "sub"])), left, ["value", [data.draw(numbers)]]]
    if data.draw(st.integers(0, 9)) == 0:
        return [kind, left, ["field", data.draw(st.sampled_from(PATHS))]]
    return [kind, left, ["value", data.draw(boxes)]]


def draw_ask(data: st.DataObject, database: NaiveDatabase) -> Ask:
    """Return a query; now and then of an index or a table that does not exist."""
    table = data.draw(st.sampled_from(TABLES))
    declared = database.schema.tables.get(table)
    names = [None, "by_creation_time", "by_id"] + [*(declared.indexes if declared else ())] * 3 + ["by_2"]
    index = data.draw(st.sampled_from(names))
    ask: Ask = {"table": table, "index": index, "range": [], "order": data.draw(st.sampled_from(["asc", "desc"]))}
    try:
        fields = database.fields_of(ask)
    except Failed:
        fields = ()
    if index in ("by_creation_time", "by_id"):
        ask["range"] = _bounds(data, "_creationTime" if index == "by_creation_time" else "_id", database, table)
    elif fields:
        equal = data.draw(st.integers(0, len(fields)))
        ask["range"] = [["eq", path, data.draw(boxes)] for path in fields[:equal]]
        if equal < len(fields):
            ask["range"] += [
                [data.draw(st.sampled_from(operators)), fields[equal], data.draw(boxes)]
                for operators in (["gt", "gte"], ["lt", "lte"])
                if data.draw(st.integers(0, 2)) == 0
            ]
    ask["stages"] = [
        ["limit", data.draw(st.integers(0, 4))] if data.draw(st.booleans()) else ["filter", draw_filter(data)]
        for _ in range(data.draw(st.sampled_from([0, 0, 0, 1, 1, 2])))
    ]
    return ask


def _bounds(data: st.DataObject, field: str, database: NaiveDatabase, table: str) -> list[Any]:
    there = [document[field] for document in database.tables.get(table, {}).values()]
    if not there or data.draw(st.booleans()):
        return []
    return [[data.draw(st.sampled_from(["gt", "gte", "lt", "lte", "eq"])), field, [data.draw(st.sampled_from(there))]]]


class DeployFailed(Exception):
    """The deploy was refused, and has changed nothing."""


class Server(Protocol):
    """What the machine drives."""

    def call(self, kind: RequestKind, path: str, args: Any) -> bytes | None:
        """Run a function, and return its result, encoded and committed, or None if it failed of itself."""
        ...

    def deploy(self, schema: str) -> None:
        """Deploy the app with another schema. Raises :class:`DeployFailed`."""
        ...

    def crash(self) -> None:
        """End without a word, and start again on what is durable."""
        ...

    def close(self) -> list[str]:
        """Stop, and return what `rtdb check` finds wrong."""
        ...


class Pager:
    """A list that somebody reads page by page. ``position`` is the index key that the last page ended at."""

    def __init__(self, ask: Ask, fields: tuple[str, ...]) -> None:
        self.ask = ask
        self.fields = fields
        self.cursor: str | None = None
        self.position: tuple[Any, ...] | None = None


# --- the machine ------------------------------------------------------------------------------------------------------


class DatabaseMachine(RuleBasedStateMachine):
    """See the module."""

    @initialize(schema=schemas())
    def open(self, schema: Schema) -> None:
        memory = Path("/dev/shm")  # a crash here loses nothing but the process
        self.directory = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.server = self.new_server(Path(self.directory.name), schema.source())
        self.database = NaiveDatabase(schema)
        self.seen_ids: list[str] = []
        """Of all documents there have ever been, some of them deleted."""
        self.pagers: list[Pager] = []

    def new_server(self, directory: Path, schema: str) -> Server:
        """Start a server with the app and this schema."""
        raise NotImplementedError

    def teardown(self) -> None:
        if hasattr(self, "server"):
            problems = self.server.close()
            self.directory.cleanup()
            assert problems == []

    def has_changed(self) -> None:
        """A mutation is committed, or a deploy."""

    # --- mutations ----------------------------------------------------------------------------------------------------

    def draw_steps(self, data: st.DataObject, levels: int = 1) -> list[Any]:
        return [self.draw_step(data, levels) for _ in range(data.draw(st.sampled_from([1, 1, 2, 3, 4])))]

    def draw_step(self, data: st.DataObject, levels: int) -> list[Any]:
        kinds = ["insert"] * 4 + ["patch", "patch", "replace", "delete", "get", "normalize", "read", "read"]
        kinds += ["nested", "look", "try", "try nested"] * (levels > 0) + ["fail", "raise"]
        kind = data.draw(st.sampled_from(kinds))
        table = data.draw(st.sampled_from(TABLES))
        references = st.one_of(*([st.sampled_from(self.seen_ids)] * 3 if self.seen_ids else []), st.integers(0, 2))
        match kind:
            case "insert":
                return [kind, table, draw_fields(data, self.database.schema, table)]
            case "patch":
                changed = st.dictionaries(st.sampled_from(FIELDS), boxes, max_size=2)
                return [kind, data.draw(references), data.draw(changed)]
            case "replace":
                return [kind, data.draw(references), draw_fields(data, self.database.schema, table)]
            case "delete" | "get":
                return [kind, data.draw(references)]
            case "normalize":
                return [kind, table, data.draw(references)]
            case "raise":
                return [kind, data.draw(values["any"])]
            case "read":
                how = data.draw(st.sampled_from(["collect", "collect", "first", "unique"]))
                return [kind, draw_ask(data, self.database), how]
            case "nested" | "look":
                return [kind, self.draw_steps(data, levels - 1)]
            case "try":
                return [kind, self.draw_step(data, 0)]
            case "try nested":
                # What was done before the failure has to be undone.
                fails: list[Any] = data.draw(st.sampled_from([[], [["fail"]], [["raise", {"code": 1.0}]]]))
                return ["try", ["nested", [*self.draw_steps(data, levels - 1), *fails]]]
            case _:
                return [kind]

    @rule(data=st.data())
    def mutate(self, data: st.DataObject) -> None:
        steps = self.draw_steps(data)
        self.agree(self.database, steps, self.server.call("mutation", "steps:act", {"steps": steps}))
        self.has_changed()

    def agree(self, database: NaiveDatabase, steps: list[Any], result: bytes | None, *, writable: bool = True) -> None:
        """Carry the steps out on the naive database, and compare what they return; None if they are to fail."""
        if result is None:
            with pytest.raises(Failed):
                database.run(steps, None, writable=writable)
            return
        said: Any = decode_canonical(result) if writable else None
        expected = encode(database.run(steps, said, writable=writable))
        assert result == expected, f"{steps} returned {result!r}, must return {expected!r}"
        self.seen_ids += [id for id in database.ids() if id not in self.seen_ids]

    # --- reads --------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        steps = [["read", draw_ask(data, self.database), "collect"] for _ in range(data.draw(st.integers(1, 3)))]
        self.agree(self.database, steps, self.server.call("query", "steps:look", {"steps": steps}), writable=False)

    @rule(data=st.data())
    def begin_to_read_pages(self, data: st.DataObject) -> None:
        ask = draw_ask(data, self.database)
        try:
            pager = Pager(ask, self.database.fields_of(ask))
        except Failed:
            return
        self.pagers = [*self.pagers[-3:], pager]
        self.turn_page(data, pager)

    @precondition(lambda self: self.pagers)
    @rule(data=st.data())
    def read_another_page(self, data: st.DataObject) -> None:
        self.turn_page(data, data.draw(st.sampled_from(self.pagers)))

    def turn_page(self, data: st.DataObject, pager: Pager) -> None:
        size = data.draw(st.integers(1, 3))
        options = {"numItems": size, "cursor": pager.cursor}
        encoded = self.server.call("query", "steps:page", {"ask": pager.ask, "options": options})
        try:
            page, scanned, is_done = self.expected_page(pager, size)
        except Failed:
            assert encoded is None
            self.pagers.remove(pager)
            return
        assert encoded is not None, f"a page of {pager.ask} failed"
        result: Any = decode_canonical(encoded)
        assert encode(result["page"]) == encode(page)
        assert result["isDone"] == is_done
        pager.cursor = result["continueCursor"]
        if is_done:
            self.pagers.remove(pager)
        else:
            pager.position = scanned

    def expected_page(self, pager: Pager, size: int) -> tuple[list[Any], tuple[Any, ...], bool]:
        """Return the rows of the next page, the index key of the last row looked at, and whether that was the end."""
        if self.database.fields_of(pager.ask) != pager.fields:
            raise Failed("a cursor of another index of that name")
        descending = pager.ask["order"] == "desc"
        scanned: list[tuple[Any, ...]] = []
        exhausted = False

        def rows() -> Iterator[Document]:
            nonlocal exhausted
            for document in self.database.in_range(pager.ask):
                key = index_key(pager.fields, document)
                if pager.position is None or (key < pager.position if descending else key > pager.position):
                    scanned.append(key)
                    yield document
            exhausted = True

        page: list[Any] = []
        for document in self.database.stages(rows(), pager.ask["stages"]):
            page.append(document)
            if len(page) == size:
                return page, scanned[-1], False
        # A page that was limited goes on behind the limit.
        return (page, (), True) if exhausted or not scanned else (page, scanned[-1], False)

    # --- deploys and crashes ------------------------------------------------------------------------------------------

    @rule(schema=schemas())
    def deploy(self, schema: Schema) -> None:
        fits = self.database.fits(schema)
        self.database.declare(schema)
        if fits:
            self.server.deploy(schema.source())
            self.database.schema = schema
            self.has_changed()
        else:
            with pytest.raises(DeployFailed):
                self.server.deploy(schema.source())

    @rule()
    def crash(self) -> None:
        self.server.crash()
