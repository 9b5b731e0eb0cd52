"""``ctx``: everything a query or mutation can reach of the world.

=================  ====================================================================================================
``ctx.db``         documents; a query's is read-only; ``ctx.db.system`` reads system tables
``ctx.now()``      the execution's time, whole milliseconds since the epoch; the same at every call
``ctx.random``     a ``random.Random`` seeded anew for each execution
``ctx.log``        ``ctx.log("text")``, ``ctx.log.warn("text")``; ``print`` does the same as ``ctx.log``
``ctx.auth``       who is calling
``ctx.env``        environment variables: ``ctx.env["API_KEY"]``
``ctx.meta``       what the transaction has used of its limits
``ctx.storage``    files: their addresses, and in mutations where they are uploaded to
``ctx.run_query``  other functions of the app, in the same transaction; a mutation's has ``ctx.run_mutation`` too
``ctx.scheduler``  a mutation's: functions to be called later
=================  ====================================================================================================

What an execution looked at decides how its result may be shared and for how long, so the context records whether time
and identity were read. It does not know transactions: it is given something that reads and writes documents.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol

import msgspec

from rtdb.clock import Random
from rtdb.errors import DeveloperError
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.environment_context import Environment
from rtdb.functions.log_lines import LogLines
from rtdb.functions.meta_context import Meta, Metered
from rtdb.functions.missing_attribute import FOR_ACTIONS, FOR_MUTATIONS, Explained, MissingAttributeError
from rtdb.functions.query_builder import Paginator, QueryRunner, TableQuery
from rtdb.functions.scheduler_context import Scheduler
from rtdb.functions.storage_context import Files, StorageReader, StorageWriter
from rtdb.functions.transaction_limits import TransactionLimits
from rtdb.link.frames import ExecutionError, FunctionKind, ScheduledRun
from rtdb.values.json_codec import decode_canonical
from rtdb.values.value import UNDEFINED, Undefined, Value

__all__ = [
    "Auth",
    "Calls",
    "DatabaseReader",
    "DatabaseWriter",
    "Documents",
    "Invocation",
    "Logger",
    "MutationContext",
    "QueryContext",
    "SystemReader",
    "TableReader",
]

Document = dict[str, Any]
FunctionReference = str | FunctionDefinition

SEED_BYTES = 16

_WRITES = frozenset({"insert", "patch", "replace", "delete"})


class Documents(QueryRunner, Metered, Protocol):
    """What ``ctx.db`` stands on; ``table`` None means: whatever table the id belongs to. ``system`` is for
    ``ctx.db.system``. What comes back from a change is nothing that an app is told."""

    def get(self, id: str, table: str | None = None, *, system: bool = False) -> Document | None: ...

    def normalize_id(self, table: str, text: str, *, system: bool = False) -> str | None: ...

    def insert(self, table: str, value: Document) -> str: ...

    def patch(self, id: str, value: Document, table: str | None = None) -> object: ...

    def replace(self, id: str, value: Document, table: str | None = None) -> object: ...

    def delete(self, id: str, table: str | None = None) -> object: ...


class Calls(Protocol):
    """Calls other functions of the app, inside the transaction of the one that asks."""

    def run(
        self,
        kind: FunctionKind,
        caller: FunctionKind,
        function: object,
        arguments: object,
        *,
        limits: object = None,
        stale: bool = False,
    ) -> Value: ...


class Invocation:
    """What one execution was given, and what it looked at."""

    __slots__ = (
        "entropy",
        "identity",
        "identity_error",
        "job",
        "log_lines",
        "now_ns",
        "read_identity",
        "read_time",
        "request",
    )

    def __init__(
        self,
        now_ns: int,
        entropy: Random,
        identity: bytes | None,
        log_lines: LogLines,
        scheduled: ScheduledRun | None,
    ) -> None:
        self.now_ns = now_ns
        self.entropy = entropy
        self.identity = identity
        """Encoded JSON of the caller's attributes, None for anonymous."""
        self.identity_error: ExecutionError | None = None
        """What was wrong with the credentials, if the call was made all the same."""
        self.job = scheduled.id if scheduled is not None and scheduled.kind == "job" else None
        """Internal id of the scheduled function that this is the run of."""
        self.request = ""
        """The id under which whoever asked finds this execution again."""
        self.log_lines = log_lines
        self.read_time = False
        self.read_identity = False

    def look_at_identity(self) -> bytes | None:
        """Return the caller's attributes as JSON, None for anonymous. Looking makes the result this caller's own.

        Raises DeveloperError where the credentials are not known to this server.
        """
        self.read_identity = True
        if self.identity_error is not None:
            raise DeveloperError(self.identity_error.message, code=self.identity_error.code)
        return self.identity


class TableReader:
    """Reads documents: of the app's tables, or of the system's."""

    __slots__ = ("_documents", "_pages")

    _is_system: ClassVar[bool] = False
    _why_read_only: ClassVar[str]

    def __init__(self, documents: Documents, pages: Paginator) -> None:
        self._documents = documents
        self._pages = pages

    if not TYPE_CHECKING:  # type checkers know by the classes what is there

        def __getattr__(self, name: str) -> NoReturn:
            """Say why nothing can be written here, where Python would only say that there is no such attribute."""
            if name in _WRITES:
                raise MissingAttributeError(self._why_read_only.format(name=name), code="OperationNotPermitted")
            raise MissingAttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get(self, id_or_table: str, id: str | Undefined = UNDEFINED) -> Document | None:
        """Return a document, None when there is none: ``get(id)`` or ``get("table", id)``."""
        if isinstance(id, Undefined):
            return self._documents.get(id_or_table, system=self._is_system)
        return self._documents.get(id, id_or_table, system=self._is_system)

    def query(self, table: str) -> TableQuery[Document, str]:
        """Begin a query of a table."""
        return TableQuery(self._documents, self._pages, table, system=self._is_system)

    def normalize_id(self, table: str, id: str) -> str | None:
        """Return ``id`` if it is one of this table's, else None. Whether the document exists is not checked."""
        if not isinstance(table, str):
            raise TypeError(f"`normalize_id` takes the name of a table, got {type(table).__name__}")
        return self._documents.normalize_id(table, id, system=self._is_system)


class SystemReader(TableReader):
    """``ctx.db.system``: the tables ``_storage`` and ``_scheduled_functions``, which nobody writes directly."""

    __slots__ = ()

    _is_system = True
    _why_read_only = (
        "`ctx.db.system.{name}` does not exist: system tables are read-only. They change by `ctx.storage` and "
        "`ctx.scheduler`."
    )


class DatabaseReader(TableReader):
    """``ctx.db`` of a query."""

    __slots__ = ()

    _why_read_only = "`ctx.db.{name}` does not exist in a query: " + FOR_MUTATIONS

    @property
    def system(self) -> SystemReader:
        """The system tables that an app may read."""
        return SystemReader(self._documents, self._pages)


class DatabaseWriter(DatabaseReader):
    """``ctx.db`` of a mutation. Every read sees the mutation's own writes."""

    __slots__ = ()

    def insert(self, table: str, value: Document) -> str:
        """Store a new document and return its id. The table is created if there is none."""
        return self._documents.insert(table, value)

    def patch(self, id_or_table: str, id_or_value: Any, value: Document | Undefined = UNDEFINED) -> None:
        """Set top-level fields; ``UNDEFINED`` removes one: ``patch(id, value)`` or ``patch("table", id, value)``."""
        if isinstance(value, Undefined):
            self._documents.patch(id_or_table, id_or_value)
        else:
            self._documents.patch(id_or_value, value, id_or_table)

    def replace(self, id_or_table: str, id_or_value: Any, value: Document | Undefined = UNDEFINED) -> None:
        """Set all fields but the system's: ``replace(id, value)`` or ``replace("table", id, value)``."""
        if isinstance(value, Undefined):
            self._documents.replace(id_or_table, id_or_value)
        else:
            self._documents.replace(id_or_value, value, id_or_table)

    def delete(self, id_or_table: str, id: str | Undefined = UNDEFINED) -> None:
        """Remove a document: ``delete(id)`` or ``delete("table", id)``."""
        if isinstance(id, Undefined):
            self._documents.delete(id_or_table)
        else:
            self._documents.delete(id, id_or_table)


class Logger:
    """``ctx.log``: its parts are joined with a space, as ``print`` does."""

    __slots__ = ("_log_lines",)

    def __init__(self, log_lines: LogLines) -> None:
        self._log_lines = log_lines

    def __call__(self, *parts: object) -> None:
        self._log_lines.add("LOG", " ".join(map(str, parts)))

    def debug(self, *parts: object) -> None:
        self._log_lines.add("DEBUG", " ".join(map(str, parts)))

    def info(self, *parts: object) -> None:
        self._log_lines.add("INFO", " ".join(map(str, parts)))

    def warn(self, *parts: object) -> None:
        self._log_lines.add("WARN", " ".join(map(str, parts)))

    def error(self, *parts: object) -> None:
        self._log_lines.add("ERROR", " ".join(map(str, parts)))


class Auth:
    """``ctx.auth``: who is calling."""

    __slots__ = ("_invocation",)

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def get_user_identity(self) -> dict[str, Value] | None:
        """Return the caller's attributes, None for anonymous. Looking makes the result this caller's own.

        In an HTTP action it raises what is wrong with credentials that this server does not know.
        """
        identity = self._invocation.look_at_identity()
        if identity is None:
            return None
        attributes = decode_canonical(identity)
        if not isinstance(attributes, dict):
            raise msgspec.ValidationError("an identity is an object")
        return attributes


class QueryContext(Explained):
    """The context of a query."""

    __slots__ = ("_calls", "_documents", "_files", "_invocation", "_random", "auth", "db", "env", "log")

    _kind: ClassVar[FunctionKind] = "query"
    _name = "ctx"
    _place = "in a query"
    _missing: ClassVar[Mapping[str, str]] = {
        "scheduler": FOR_MUTATIONS,
        "fetch": FOR_ACTIONS,
        "run_action": FOR_ACTIONS,
    }

    db: DatabaseReader

    def __init__(
        self,
        documents: Documents,
        pages: Paginator,
        invocation: Invocation,
        environment: Environment,
        files: Files,
        calls: Calls,
    ) -> None:
        self._documents = documents
        self._invocation = invocation
        self._files = files
        self._calls = calls
        self._random: random.Random | None = None
        self.db = self._database(documents, pages)
        self.log = Logger(invocation.log_lines)
        self.auth = Auth(invocation)
        self.env = environment

    def now(self) -> int:
        """Return the execution's time in whole milliseconds since the epoch."""
        self._invocation.read_time = True
        return self._invocation.now_ns // 1_000_000

    @property
    def random(self) -> random.Random:
        """A generator seeded for this execution: a mutation that runs again after a conflict draws new numbers."""
        # Made when first asked for: seeding a Mersenne Twister takes 10 µs, and few functions draw numbers.
        if self._random is None:
            self._random = random.Random(self._invocation.entropy.bytes(SEED_BYTES))  # noqa: S311  # not for secrets
        return self._random

    @property
    def meta(self) -> Meta:
        """What this execution has used."""
        return Meta(self._documents)

    @property
    def storage(self) -> StorageReader:
        """Files."""
        return StorageReader(self._files)

    def run_query(
        self,
        function: FunctionReference,
        arguments: dict[str, Any] | None = None,
        *,
        transaction_limits: TransactionLimits | None = None,
        use_stale_snapshot: bool = False,
    ) -> Value:
        """Call a query in this transaction and return its result: ``ctx.run_query("users:find", {"name": "ada"})``.

        The function may be named by its path or given itself; internal ones can be called too. What it raises arrives
        as a ``ConvexError`` with its data, or as an error with its printed form. It may use no more of what is left to
        the transaction than ``transaction_limits``. ``use_stale_snapshot``, in mutations only: it sees what there was
        when the mutation began, and what it reads does not make the mutation run again when it changes.
        """
        return self._calls.run(
            "query", self._kind, function, arguments, limits=transaction_limits, stale=use_stale_snapshot
        )

    def run_mutation(
        self,
        function: FunctionReference,
        arguments: dict[str, Any] | None = None,
        *,
        transaction_limits: TransactionLimits | None = None,
    ) -> Value:
        """Call a mutation in this transaction, in the way of :meth:`run_query`.

        If it fails, everything it wrote is undone, and the caller may go on.
        """
        return self._calls.run("mutation", self._kind, function, arguments, limits=transaction_limits)

    def _database(self, documents: Documents, pages: Paginator) -> DatabaseReader:
        return DatabaseReader(documents, pages)


class MutationContext(QueryContext):
    """The context of a mutation."""

    __slots__ = ("scheduler",)

    _kind = "mutation"
    _place = "in a mutation"

    db: DatabaseWriter

    def __init__(
        self,
        documents: Documents,
        pages: Paginator,
        invocation: Invocation,
        environment: Environment,
        files: Files,
        calls: Calls,
        scheduler: Scheduler,
    ) -> None:
        super().__init__(documents, pages, invocation, environment, files, calls)
        self.scheduler = scheduler

    @property
    def storage(self) -> StorageWriter:
        """Files."""
        return StorageWriter(self._files)

    def _database(self, documents: Documents, pages: Paginator) -> DatabaseWriter:
        return DatabaseWriter(documents, pages)
