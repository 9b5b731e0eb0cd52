"""One serializable transaction: reads at a snapshot with its own writes on top, and what both add up to.

Everything a query or mutation does to documents goes through here, whatever the language of the function. At its end
:meth:`Transaction.reads` and :meth:`Transaction.writes` are what the committer validates and applies; until then
nothing has happened.

What it sees, and the record of its reads and writes, is its :class:`~rtdb.transaction.workspace.Workspace`; what names
and ids refer to finds :class:`~rtdb.transaction.lookup.Lookup`; the server's own documents are read and written through
:class:`~rtdb.transaction.platform_access.PlatformAccess`. Here are the rules of the app's documents: how they may
change, what is counted, and what the app is told.

Invariants:

* a call that raises leaves the transaction as it was, but for reads and what they counted;
* documents handed out are fresh objects: an app may change them without changing anything here.

Texts and codes of errors are those of data-model §5.2, §6 and §8.1. All of them can be caught by the app; catching
one does not restore budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from rtdb.clock import Random
from rtdb.config import Limits
from rtdb.errors import DeveloperError, LimitError
from rtdb.index.definition import TableDefinition
from rtdb.index.index_range import RangeExpression, RangeOperator, bounds_from_expressions
from rtdb.index.registry import Registry
from rtdb.link.frames import DatabaseUsage, ReadRange, Write
from rtdb.transaction import workspace
from rtdb.transaction.cursor import Position
from rtdb.transaction.lookup import Lookup, Verb, invalid_argument
from rtdb.transaction.near_limit import LargeDocuments
from rtdb.transaction.new_documents import NewDocuments
from rtdb.transaction.pagination import Page, PageSize, read_page, restrict
from rtdb.transaction.platform_access import PlatformAccess
from rtdb.transaction.query import Operator, PreparedQuery, compile_operators, run_stages
from rtdb.transaction.query_stream import QueryStream
from rtdb.transaction.snapshot import Snapshot
from rtdb.transaction.system_fields import check_no_system_fields, check_system_field
from rtdb.transaction.usage import Usage
from rtdb.transaction.workspace import Workspace
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_document, encode_exact
from rtdb.values.value import UNDEFINED, check_document

__all__ = ["DocumentCheck", "Savepoint", "Transaction"]

Document = dict[str, Any]
DocumentCheck = Callable[[str, Document], None]
"""``check(table name, document with its system fields)``: raises when the active schema does not allow it."""


class Savepoint(NamedTuple):
    """A state of a transaction's writes that it can go back to."""

    writes: workspace.Savepoint
    counted: tuple[int, int, int, int]


class Transaction:
    """Reads and writes of one execution. ``now_ns`` is its begin time, from which creation times are made."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        limits: Limits,
        now_ns: int,
        random: Random,
        writable: bool,
        document_check: DocumentCheck | None,
    ) -> None:
        self._workspace = Workspace(snapshot, limits.read_ranges_max, writable=writable)
        self._lookup = Lookup(self._workspace, limits.tables_max)
        self._limits = limits
        self._document_check = document_check
        self._new = NewDocuments(now_ns, random)
        self._usage = Usage(limits)
        self._large_documents = LargeDocuments(limits)
        self.platform = PlatformAccess(self._workspace, self._lookup, self._new)
        """The server's own reads and writes in this transaction."""

    # --- outcome ------------------------------------------------------------------------------------------------------

    def reads(self) -> list[ReadRange]:
        """Return everything read so far, merged and ordered."""
        return self._workspace.reads()

    def writes(self) -> list[Write]:
        """Return everything to be written, system tables first."""
        return self._workspace.writes()

    def usage(self) -> DatabaseUsage:
        """Return how many documents and bytes have been read and written so far."""
        return self._usage.total()

    def metrics(self) -> dict[str, tuple[int, int]]:
        """Return what has been used, and of how much, by the names of limits."""
        return {
            **self._usage.metrics(),
            "read_ranges_max": (len(self.reads()), self._workspace.read_ranges_max),
        }

    def near_limits(self) -> list[str]:
        """Return a sentence for everything that came near a limit."""
        large_documents = self._large_documents.near_limits(self._workspace.holds)
        return [*self._usage.near_limits(), *self._workspace.near_limits(), *large_documents]

    @property
    def failure(self) -> BaseException | None:
        """The failure of the server, if there was one, that makes everything read and written worthless.

        The app has seen it as an exception and may have caught it: its call must fail nevertheless.
        """
        return self._workspace.failure

    def fail(self, error: BaseException) -> None:
        """Note a failure of the server."""
        self._workspace.fail(error)

    def end(self) -> None:
        """Refuse everything from now on: what has been read and written is decided."""
        self._workspace.end()

    def require_open(self) -> None:
        """Raise DeveloperError if the call it belongs to has ended."""
        self._workspace.require_open()

    def savepoint(self) -> Savepoint:
        """Return the present state of all writes, for :meth:`roll_back`."""
        return Savepoint(self._workspace.savepoint(), self._usage.writes_counted())

    def roll_back(self, savepoint: Savepoint) -> None:
        """Undo every write since, and what it counted. What was read stays read, and creation times go on."""
        self._workspace.roll_back(savepoint.writes)
        self._usage.uncount_writes(savepoint.counted)

    @contextmanager
    def restricted(self, allowance: Mapping[str, int]) -> Iterator[None]:
        """Allow only so much more while the block runs, by the names of limits, and never more than otherwise.

        Crossing such a limit is the same error as crossing the transaction's own.
        """
        ranges_max = self._workspace.read_ranges_max
        limits = self._usage.restrict(allowance)
        if "read_ranges_max" in allowance:
            self._workspace.read_ranges_max = min(ranges_max, len(self.reads()) + allowance["read_ranges_max"])
        try:
            yield
        finally:
            self._usage.lift(limits)
            self._workspace.read_ranges_max = ranges_max

    def begin_stale(self) -> Transaction:
        """Return a reader of what this transaction has begun with: without its writes, and without its reads, so that
        nothing that reader sees makes this transaction lose. What it reads counts as read here."""
        stale = Transaction(
            self._workspace.snapshot,
            limits=self._limits,
            now_ns=self._new.now_ns,
            random=self._new.random,
            writable=False,
            document_check=None,
        )
        stale._usage = self._usage
        return stale

    # --- documents ----------------------------------------------------------------------------------------------------

    def get(self, id: str, table: str | None = None, *, system: bool = False) -> Document | None:
        """Return a document, or None. ``table`` makes an id of another table an error.

        ``system`` is the reader for the system tables that apps may see, and for no other table.
        """
        data = self.get_encoded(id, table, system=system)
        return None if data is None else decode_document(data)

    def get_encoded(self, id: str, table: str | None = None, *, system: bool = False) -> bytes | None:
        """Return what :meth:`get` does as canonical JSON."""
        number, internal, definition = self._lookup.document(id, table, "get", system=system)
        return None if definition is None else self._read(number, internal)

    def insert(self, table: str, value: Document) -> str:
        """Store a new document, creating its table if there is none, and return its id."""
        self._workspace.require_writable()
        if not isinstance(table, str):
            raise invalid_argument("table", "insert", f"Table name must be a string, got {type(table).__name__}")
        if table.startswith("_"):
            raise DeveloperError("System tables (prefixed with `_`) are read-only.", code="SystemTableError")
        if not isinstance(value, dict):
            raise invalid_argument("value", "insert", "Value must be an Object")
        definition = self._lookup.table(table)
        number = self._lookup.next_table_number(table) if definition is None else definition.number
        internal = self._new.internal_id()
        id = encode_id(number, internal)
        document: Document = {"_creationTime": self._new.creation_time, "_id": id}
        check_no_system_fields(value, document)
        data = self._check_write(table, {**value, **document})
        if definition is None:
            self.platform.insert_table(table, number)
        self._new.inserted()
        self._workspace.insert(number, internal, data)
        return id

    def patch(self, id: str, value: Document, table: str | None = None) -> bytes:
        """Set top-level fields of a document; UNDEFINED removes one. Writes nothing when nothing changes.

        Returns the canonical JSON of what it is now.
        """
        number, internal, definition, data = self._read_for_write(id, table, "patch", "Update")
        if not isinstance(value, dict):
            raise invalid_argument("value", "patch", "Value must be an Object")
        document = decode_document(data)
        for name, field in value.items():
            if isinstance(name, str) and name.startswith("_"):
                check_system_field(name, field, document)
            elif field is UNDEFINED:
                document.pop(name, None)
            else:
                document[name] = field
        return self._update(number, internal, definition.name, document, data)

    def replace(self, id: str, value: Document, table: str | None = None) -> bytes:
        """Set all fields of a document but the system's. Writes nothing when nothing changes.

        Returns the canonical JSON of what it is now.
        """
        number, internal, definition, data = self._read_for_write(id, table, "replace", "Replace")
        if not isinstance(value, dict):
            raise invalid_argument("value", "replace", "Value must be an Object")
        current = decode_document(data)
        document = {"_creationTime": current["_creationTime"], "_id": id}
        for name, field in value.items():
            if field is UNDEFINED:
                continue
            if isinstance(name, str) and name.startswith("_"):
                check_system_field(name, field, document)
            else:
                document[name] = field
        return self._update(number, internal, definition.name, document, data)

    def delete(self, id: str, table: str | None = None) -> bytes:
        """Remove a document. Returns the canonical JSON of what it was."""
        number, internal, _, data = self._read_for_write(id, table, "delete", "Delete")
        self._usage.count_write(0)
        self._workspace.update(number, internal, None)
        return data

    def normalize_id(self, table: str, text: str, *, system: bool = False) -> str | None:
        """Return ``text`` if it is an id of this table, else None. Whether the document exists is not looked at."""
        definition = self._lookup.visible_table(table, "normalizeId", system=system)
        if definition is None or not isinstance(text, str):
            return None
        try:
            number, _ = decode_id(text)
        except DeveloperError:
            return None
        return text if number == definition.number else None

    # --- queries ------------------------------------------------------------------------------------------------------

    def run_query(
        self,
        table: str,
        index: str | None,
        expressions: Sequence[tuple[RangeOperator, str, Any]],
        order: Literal["asc", "desc"],
        operators: Sequence[Operator],
        *,
        system: bool = False,
    ) -> Iterator[Document]:
        """Run a query; ``index`` None is the whole table in order of creation. Rows are read as they are asked for."""
        query = self.prepare_query(table, index, expressions, order, operators, system=system)
        if query.definition is None:
            return iter(())
        rows, read = self._workspace.scan(query.definition, query.start, query.stop, descending=query.descending)
        return run_stages(rows, read, query.stages, self._usage.count_read)

    def open_query(self, query: PreparedQuery) -> QueryStream:
        """Begin to read a query for somebody who is given many rows at once, and says later which of them he wanted."""
        if query.definition is None:
            return QueryStream(query, self._workspace.rows, None, self._usage)
        read = self._workspace.open_read(query.definition, query.start, query.stop, descending=query.descending)
        return QueryStream(query, self._workspace.rows, read, self._usage)

    def prepare_query(
        self,
        table: str,
        index: str | None,
        expressions: Sequence[tuple[RangeOperator, str, Any]],
        order: Literal["asc", "desc"],
        operators: Sequence[Operator],
        *,
        system: bool = False,
    ) -> PreparedQuery:
        """Look up what a query names, and check and compile it."""
        definition = self._lookup.visible_table(table, "query", system=system)
        if len(operators) > self._limits.query_operators_max:
            raise LimitError(
                f"Can't construct query with more than {self._limits.query_operators_max} operators",
                code="TooManyOperators",
            )
        stages = compile_operators(operators)
        descending = order == "desc"
        if index is None:
            scanned = None if definition is None else definition.by_creation_time
            return PreparedQuery(scanned, b"", b"\xff", descending, stages)
        found = self._lookup.index(table, definition, index)
        start, stop = bounds_from_expressions(found, [RangeExpression(*parts) for parts in expressions], table)
        return PreparedQuery(found, start, stop, descending, stages)

    def count_documents(self, table: str) -> int:
        """Return how many documents a table has. Every document of it is taken for read; none is counted as read."""
        definition = self._lookup.visible_table(table, "query", system=table.startswith("_"))
        return 0 if definition is None else self._workspace.count(definition)

    def read_page(self, query: PreparedQuery, *, start: Position | None, end: Position | None, size: PageSize) -> Page:
        """Read a page: from ``start`` (None: the beginning) to ``end``, or as far as ``size`` reaches."""
        if query.definition is None:
            return Page([], Position(None) if end is None else end, None, None)
        interval = restrict(query.start, query.stop, start, end, descending=query.descending)
        rows, read = self._workspace.scan(query.definition, *interval, descending=query.descending)
        return read_page(rows, read, query.stages, self._usage.count_read, self._limits, size=size, end=end)

    # --- for the platform ---------------------------------------------------------------------------------------------

    def read_deployment(self) -> str:
        """Return the id of the active deployment; a deploy changes what this transaction has read."""
        return self._workspace.read_deployment()

    def table_number(self, name: str) -> int | None:
        """Return the number of the table with this name, system tables included, None when there is none."""
        definition = self._lookup.table(name)
        return None if definition is None else definition.number

    def table_name(self, number: int) -> str | None:
        """Return the name of the table with this number, None when there is none."""
        definition = self._workspace.find_table_by_number(number)
        return None if definition is None else definition.name

    @property
    def registry(self) -> Registry:
        """Tables and indexes, this transaction's own included. Looking here is not recorded as a read."""
        return self._workspace.registry

    @property
    def seq(self) -> int:
        """The position it reads at; own writes, and the lane's, come on top."""
        return self._workspace.snapshot.seq

    @property
    def ts(self) -> int:
        """The timestamp of that position, nanoseconds."""
        return self._workspace.snapshot.ts

    @property
    def now_ns(self) -> int:
        """When it began."""
        return self._new.now_ns

    @property
    def now_ms(self) -> float:
        """The begin time, milliseconds since the epoch."""
        return self._new.now_ns / 1_000_000

    def count_scheduled(self, arguments_bytes: int) -> None:
        """Count one scheduled function against the limits of this execution. Raises LimitError."""
        self._usage.count_scheduled(arguments_bytes)

    # --- reading and writing ------------------------------------------------------------------------------------------

    def _read(self, number: int, internal: bytes) -> bytes | None:
        """Return the document's canonical JSON, recording and counting the read."""
        stored = self._workspace.get(number, internal)
        if stored is None:
            return None
        self._usage.count_read(len(stored.data))
        return stored.data

    def _read_for_write(
        self, id: str, table: str | None, verb: Verb, gerund: str
    ) -> tuple[int, bytes, TableDefinition, bytes]:
        self._workspace.require_writable()
        number, internal, definition = self._lookup.document(id, table, verb)
        if definition is None:
            raise invalid_argument("id", verb, f'Table for ID "{id}" not found')
        data = self._read(number, internal)
        if data is None:
            raise DeveloperError(f"{gerund} on nonexistent document ID {id}", code="NonexistentDocument")
        return number, internal, definition, data

    def _check_write(self, table: str, document: Document, before: bytes | None = None) -> bytes:
        """Check a document on its way in, in the order of data-model §6.3, count it and return its canonical JSON.

        One that is the same as ``before`` is neither checked nor counted.
        """
        exact, data = encode_exact(document)
        if data == before:
            return data
        if self._document_check is not None:
            self._document_check(table, exact)  # type: ignore[arg-type]  # what was an object still is
        size, levels = check_document(exact, len(data), self._limits)  # type: ignore[arg-type]  # as above
        self._usage.count_write(len(data))
        self._large_documents.note(document["_id"], data, size, levels)
        return data

    def _update(self, number: int, internal: bytes, table: str, document: Document, before: bytes) -> bytes:
        data = self._check_write(table, document, before)
        if data != before:
            self._workspace.update(number, internal, data)
        return data
