"""Syscalls of one query or mutation in TypeScript, answered out of its transaction (typescript-runtime §3, 4).

The library in the app turns ``ctx.db.get(id)`` into ``1.0/get`` with arguments as JSON, and wants JSON back. Documents
are stored as such JSON, so that most go through here without being looked into.

Whatever is wrong in a way that the app may catch is a DeveloperError. It does not know the process that the code runs
in, nor in which order it asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from rtdb.errors import DeveloperError
from rtdb.functions.app import App, AppFunction
from rtdb.functions.call_steps import find_function
from rtdb.functions.function_handle import function_handle
from rtdb.functions.function_scope import FunctionScope
from rtdb.functions.transaction_limits import metrics_of
from rtdb.functions.typescript.addresses import Address, path_of_address
from rtdb.functions.typescript.query_json import QueryJson, describe_query
from rtdb.functions.typescript.syscall_arguments import Arguments, invalid_argument, is_undefined, value_argument
from rtdb.link.frames import FunctionKind
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE
from rtdb.transaction.query_stream import QueryStream
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.value import UNDEFINED, Int64

__all__ = ["ENVIRONMENT_VARIABLE", "TransactionSyscalls"]

ENVIRONMENT_VARIABLE: Final = "environmentVariable"
"""What the host asks for when code looks at ``process.env``."""

_json: Final = msgspec.json.Encoder().encode
_NULL: Final = b"null"


class _Empty(msgspec.Struct):
    pass


class _Get(msgspec.Struct):
    id: Any
    isSystem: bool = False
    table: str | None = None


class _Table(msgspec.Struct):
    table: str


class _NormalizeId(msgspec.Struct):
    table: str
    idString: str


class _Insert(msgspec.Struct):
    table: str
    value: Any


class _Change(msgspec.Struct):
    id: Any
    value: Any
    table: str | None = None


class _Remove(msgspec.Struct):
    id: Any
    table: str | None = None


class _Stream(msgspec.Struct):
    query: QueryJson


class _Page(msgspec.Struct):
    query: QueryJson
    pageSize: float
    cursor: Any = None
    endCursor: Any = None
    maximumRowsRead: float | None = None
    maximumBytesRead: float | None = None


class _StorageId(msgspec.Struct):
    storageId: Any


class _Schedule(Address):
    ts: float = 0.0
    args: Any = None


class _Cancel(msgspec.Struct):
    id: Any


class _RunUdf(Address, kw_only=True):
    udfType: Literal["query", "mutation", "snapshotQuery"]
    args: msgspec.Raw = msgspec.Raw(b"{}")
    transactionLimits: dict[str, Any] | None = None


class _Operation(NamedTuple):
    """A syscall: what it takes, what answers it, and in which kinds of function there is such a thing."""

    arguments: Arguments[Any]
    answer: Callable[[TransactionSyscalls, Any], bytes]
    kinds: tuple[FunctionKind, ...]


_ANY: Final[tuple[FunctionKind, ...]] = ("query", "mutation")
_MUTATION: Final[tuple[FunctionKind, ...]] = ("mutation",)

_asynchronous: Final[dict[str, _Operation]] = {}
_synchronous: Final[dict[str, _Operation]] = {}

_Answer = TypeVar("_Answer", bound=Callable[..., bytes])


def _answers(
    op: str,
    method: str,
    takes: Any,
    *,
    kinds: tuple[FunctionKind, ...] = _ANY,
    table: dict[str, _Operation] = _asynchronous,
) -> Callable[[_Answer], _Answer]:
    """Register what answers a syscall; ``method`` is what developers know it by."""

    def register(answer: _Answer) -> _Answer:
        table[op] = _Operation(Arguments(method, takes), answer, kinds)
        return answer

    return register


class TransactionSyscalls:
    """The syscalls of one call of ``function``."""

    __slots__ = ("_app", "_function", "_scope", "_streams")

    def __init__(self, app: App, function: AppFunction, scope: FunctionScope) -> None:
        self._app = app
        self._function = function
        self._scope = scope
        self._streams: dict[int, QueryStream] = {}

    def call(self, op: str, args: bytes) -> bytes:
        """Answer an asynchronous syscall. Raises DeveloperError."""
        operation = _asynchronous.get(op)
        if operation is None or self._function.kind not in operation.kinds:
            raise DeveloperError(f"Unknown async operation {op}", code="UnknownAsyncOperation")
        return operation.answer(self, operation.arguments.parse(args))

    def call_synchronous(self, op: str, args: bytes) -> bytes:
        """Answer a synchronous syscall, for which the app's code stands still. Raises DeveloperError."""
        operation = _synchronous.get(op)
        if operation is None:
            raise DeveloperError(f"Unknown operation {op}", code="UnknownOperation")
        return operation.answer(self, operation.arguments.parse(args))

    # --- queries ------------------------------------------------------------------------------------------------------

    def next_rows(self, query: int, args: bytes) -> tuple[list[bytes], bool]:
        """Return the next rows of a query, and whether they are its last.

        ``args`` are those of ``1.0/queryStream`` when its first row is asked for.
        """
        stream = self._streams.get(query)
        if stream is None:
            table, index, expressions, order, operators, system = describe_query(_STREAM.parse(args).query)
            transaction = self._scope.transaction
            prepared = transaction.prepare_query(table, index, expressions, order, operators, system=system)
            stream = self._streams[query] = transaction.open_query(prepared)
        return stream.next_batch()

    def has_given(self, query: int, rows: int) -> bool:
        """Return whether so many rows of a query can have been used."""
        stream = self._streams.get(query)
        return rows <= (0 if stream is None else stream.given_rows)

    def note_use(self, query: int, rows: int, *, ended: bool, closed: bool) -> None:
        """Note how many of all rows of a query have been used. Raises LimitError."""
        stream = self._streams.get(query)
        if stream is None:
            return  # Its first row could not be read.
        if closed:
            del self._streams[query]
        stream.take_through(rows)
        if ended:
            stream.take_end()

    @_answers("1.0/queryPage", "db.query.paginate", _Page)
    def _page(self, asked: _Page) -> bytes:
        table, index, expressions, order, operators, system = describe_query(asked.query)
        options = {
            "numItems": asked.pageSize,
            "cursor": asked.cursor,
            "endCursor": asked.endCursor,
            "maximumRowsRead": asked.maximumRowsRead,
            "maximumBytesRead": asked.maximumBytesRead,
        }
        documents, described = self._scope.pages.read(
            table, index, expressions, order, operators, options, system=system
        )
        return b'{"page":[%b],%b' % (b",".join(documents), _json(described)[1:])

    # --- documents ----------------------------------------------------------------------------------------------------

    @_answers("1.0/get", "db.get", _Get)
    def _get(self, asked: _Get) -> bytes:
        data = self._scope.transaction.get_encoded(asked.id, asked.table, system=asked.isSystem)
        return _NULL if data is None else data

    @_answers("1.0/count", "db.query.count", _Table)
    def _count(self, asked: _Table) -> bytes:
        return _json(float(self._scope.transaction.count_documents(asked.table)))

    @_answers("1.0/db/normalizeId", "db.normalizeId", _NormalizeId, table=_synchronous)
    def _normalize_id(self, asked: _NormalizeId) -> bytes:
        table = asked.table
        id = self._scope.transaction.normalize_id(table, asked.idString, system=table.startswith("_"))
        return _json({"id": id})

    @_answers("1.0/insert", "db.insert", _Insert, kinds=_MUTATION)
    def _insert(self, asked: _Insert) -> bytes:
        value = value_argument(asked.value, "value", "db.insert")
        id = self._scope.transaction.insert(asked.table, value)  # type: ignore[arg-type]  # it says what is no document
        return b'{"_id":"%b"}' % id.encode()

    @_answers("1.0/shallowMerge", "db.patch", _Change, kinds=_MUTATION)
    def _merge(self, asked: _Change) -> bytes:
        value = asked.value
        if isinstance(value, dict):
            undefined = [name for name, field in value.items() if is_undefined(field)]
            for name in undefined:
                del value[name]
            value = value_argument(value, "value", "db.patch")
            if isinstance(value, dict):
                value |= dict.fromkeys(undefined, UNDEFINED)
        return self._scope.transaction.patch(asked.id, value, asked.table)

    @_answers("1.0/replace", "db.replace", _Change, kinds=_MUTATION)
    def _replace(self, asked: _Change) -> bytes:
        value = value_argument(asked.value, "value", "db.replace")
        return self._scope.transaction.replace(asked.id, value, asked.table)  # type: ignore[arg-type]  # as in insert

    @_answers("1.0/remove", "db.delete", _Remove, kinds=_MUTATION)
    def _remove(self, asked: _Remove) -> bytes:
        return self._scope.transaction.delete(asked.id, asked.table)

    # --- who asks, and where ------------------------------------------------------------------------------------------

    @_answers("1.0/getUserIdentity", "auth.getUserIdentity", _Empty)
    def _identity(self, _: _Empty) -> bytes:
        return self._scope.invocation.look_at_identity() or _NULL

    @_answers("1.0/signJwt", "auth.signJwt", _Empty, kinds=_MUTATION)
    def _sign_token(self, _: _Empty) -> bytes:
        raise DeveloperError(
            "`ctx.auth.signJwt` is not supported by this server, which issues no tokens. Sign one in an action, with a "
            "key of your own.",
            code="SignJwtUnsupported",
        )

    @_answers("1.0/getFunctionMetadata", "meta.getFunctionMetadata", _Empty)
    def _function_metadata(self, _: _Empty) -> bytes:
        return _json({"name": self._function.path.short, "componentPath": ""})

    @_answers("1.0/getDeploymentMetadata", "meta.getDeploymentMetadata", _Empty)
    def _deployment_metadata(self, _: _Empty) -> bytes:
        return _json({"name": self._scope.services.instance_name, "region": None, "class": "s16"})

    @_answers("1.0/getRequestMetadata", "meta.getRequestMetadata", _Empty)
    def _request_metadata(self, _: _Empty) -> bytes:
        if self._function.kind == "query":
            raise DeveloperError("Cannot get request metadata in a query", code="OperationNotPermitted")
        invocation = self._scope.invocation
        job = None if invocation.job is None else encode_id(SCHEDULED_FUNCTIONS_TABLE, invocation.job)
        # Whose request it is at the end of all processes, nobody tells a runner.
        return _json(
            {
                "ip": None,
                "userAgent": None,
                "requestId": invocation.request or None,
                "scheduledFunctionId": job,
                "authToken": None,
            }
        )

    @_answers("1.0/getTransactionMetrics", "meta.getTransactionMetrics", _Empty)
    def _metrics(self, _: _Empty) -> bytes:
        return _json(metrics_of(self._scope.transaction.metrics()))

    @_answers("1.0/getSnapshotTs", "meta.getSnapshotTs", _Empty, table=_synchronous)
    def _snapshot_timestamp(self, _: _Empty) -> bytes:
        return encode(Int64(self._scope.transaction.ts))

    @_answers(ENVIRONMENT_VARIABLE, "process.env", str, table=_synchronous)
    def _variable(self, name: str) -> bytes:
        try:
            value = self._scope.environment.get(name)
        except DeveloperError as error:
            if error.code in _NO_NAME:
                return _NULL  # There cannot be one.
            raise
        return _json(value)

    @_answers("1.0/componentArgument", "componentArg", _Empty, table=_synchronous)
    def _component_argument(self, _: _Empty) -> bytes:
        raise DeveloperError("Component arguments are not available within the app", code="NoComponentArgs")

    # --- files --------------------------------------------------------------------------------------------------------

    @_answers("1.0/storageGetUrl", "storage.getUrl", _StorageId)
    def _file_url(self, asked: _StorageId) -> bytes:
        return _json(self._scope.files.url(asked.storageId))

    @_answers("1.0/storageGetMetadata", "storage.getMetadata", _StorageId)
    def _file_metadata(self, asked: _StorageId) -> bytes:
        return _json(self._scope.files.metadata(asked.storageId))

    @_answers("1.0/storageGenerateUploadUrl", "storage.generateUploadUrl", _Empty, kinds=_MUTATION)
    def _upload_url(self, _: _Empty) -> bytes:
        return _json(self._scope.files.upload_url())

    @_answers("1.0/storageDelete", "storage.delete", _StorageId, kinds=_MUTATION)
    def _delete_file(self, asked: _StorageId) -> bytes:
        self._scope.files.delete(asked.storageId)
        return _NULL

    @_answers("1.0/storageStore", "storage.store", _Empty, kinds=_MUTATION)
    def _store_file(self, _: _Empty) -> bytes:
        raise _no_files("store")

    @_answers("1.0/storageGet", "storage.get", _Empty, kinds=_MUTATION)
    def _read_file(self, _: _Empty) -> bytes:
        raise _no_files("get")

    # --- other functions ----------------------------------------------------------------------------------------------

    @_answers("1.0/schedule", "scheduler.runAfter", _Schedule, kinds=_MUTATION)
    def _schedule(self, asked: _Schedule) -> bytes:
        path = path_of_address(self._app, asked)
        arguments = value_argument({} if asked.args is None else asked.args, "args", "scheduler.runAfter")
        if not isinstance(arguments, dict):
            raise invalid_argument("args", "scheduler.runAfter", "Arguments must be an Object")
        # The library divides milliseconds by a thousand.
        return _json(self._scope.jobs.schedule(path, round(asked.ts * 1000, 3), arguments))

    @_answers("1.0/cancel_job", "scheduler.cancel", _Cancel, kinds=_MUTATION)
    def _cancel(self, asked: _Cancel) -> bytes:
        self._scope.jobs.cancel(asked.id)
        return _NULL

    @_answers("1.0/runUdf", "runQuery", _RunUdf)
    def _run(self, asked: _RunUdf) -> bytes:
        path = path_of_address(self._app, asked)
        kind: FunctionKind = "mutation" if asked.udfType == "mutation" else "query"
        return self._scope.calls.run_encoded(
            kind,
            self._function.kind,
            path,
            bytes(asked.args),
            limits=asked.transactionLimits,
            stale=asked.udfType == "snapshotQuery",
        )

    @_answers("1.0/createFunctionHandle", "createFunctionHandle", Address)
    def _create_handle(self, asked: Address) -> bytes:
        path = find_function(self._app, path_of_address(self._app, asked), internal=True).path
        return _json(f"{function_handle(str(path))}#{path.short}")

    @_answers("1.0/auditLog", "log.audit", _Empty)
    def _audit(self, _: _Empty) -> bytes:
        raise DeveloperError(
            "Audit logs are not kept by this server. Write a document in this mutation instead.",
            code="AuditLogUnsupported",
        )


def _no_files(method: str) -> DeveloperError:
    return DeveloperError(
        f"Can't use storage.{method}() in queries and mutations. Please consider using an action. See "
        "https://docs.convex.dev/functions/actions for more details.",
        code="NoStorageInQueriesOrMutations",
    )


_NO_NAME: Final = ("EnvironmentVariableNameTooLong", "EnvironmentVariableNameInvalid")
_STREAM: Final = Arguments("db.query", _Stream)
