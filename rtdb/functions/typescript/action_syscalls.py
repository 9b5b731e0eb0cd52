"""Syscalls of one action in TypeScript, answered by what actions in Python are answered by (typescript-runtime §5, §6).

Every failure is one that the app's code may catch, unless it is the server's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar, get_args

import msgspec

from rtdb.errors import DeveloperError, RtdbError
from rtdb.functions.action_context import ActionOperations
from rtdb.functions.app import App
from rtdb.functions.blob import Blob
from rtdb.functions.call_steps import CallFailed, as_exception, find_function
from rtdb.functions.context import Invocation
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.error_report import is_ours
from rtdb.functions.function_handle import function_handle
from rtdb.functions.log_lines import LogLevel
from rtdb.functions.typescript.addresses import Address, path_of_address
from rtdb.functions.typescript.refusals import Refusals
from rtdb.functions.typescript.syscall_arguments import Arguments, invalid_argument, value_argument
from rtdb.link.frames import FunctionKind
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE
from rtdb.typescript.action_calls import CallBodies, Read, Refusal
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.value import Value

__all__ = ["ActionSyscalls", "Pieces"]

_json: Final = msgspec.json.Encoder().encode
_NULL: Final = b"null"
_LEVELS: Final[dict[str, LogLevel]] = {level: level for level in get_args(LogLevel)}


class _Empty(msgspec.Struct):
    pass


class _Run(Address):
    args: Any = None


class _Schedule(Address):
    ts: float = 0.0
    args: Any = None


class _Cancel(msgspec.Struct):
    id: str


class _StorageId(msgspec.Struct):
    storageId: str


class _Store(msgspec.Struct):
    """``body`` is the number under which the content comes."""

    body: int
    size: int
    type: str | None
    sha256: str | None


class _Operation(NamedTuple):
    arguments: Arguments[Any]
    answer: Callable[[ActionSyscalls, Any, CallBodies], Awaitable[bytes]]


_operations: Final[dict[str, _Operation]] = {}
_Answer = TypeVar("_Answer", bound=Callable[..., Awaitable[bytes]])


def _answers(op: str, method: str, takes: Any) -> Callable[[_Answer], _Answer]:
    """Register what answers a syscall; ``method`` is what developers know it by."""

    def register(answer: _Answer) -> _Answer:
        _operations[op] = _Operation(Arguments(method, takes), answer)
        return answer

    return register


class ActionSyscalls:
    """What answers for one call. ``name`` is the function's path, as developers write it."""

    def __init__(
        self, app: App, name: str, operations: ActionOperations, invocation: Invocation, instance_name: str
    ) -> None:
        self._app = app
        self._name = name
        self._operations = operations
        self._invocation = invocation
        self._instance_name = instance_name
        self.refusals = Refusals()
        """What the code was told of failures, which may be what it fails with."""

    def log(self, level: str, text: str) -> None:
        self._invocation.log_lines.add(_LEVELS.get(level, "LOG"), text)

    async def request(self, op: str, args: bytes, bodies: CallBodies) -> bytes:
        """Return the JSON of an answer. Raises Refusal."""
        operation = _operations.get(op)
        if operation is None:
            raise self._refusal(DeveloperError(f"Unknown async operation {op}", code="UnknownAsyncOperation"))
        try:
            return await operation.answer(self, operation.arguments.parse(args), bodies)
        except ConvexError as error:
            raise Refusal(error.message, encode(error.data)) from None
        except CallFailed as failed:
            raise self._refusal(as_exception(failed.error)) from None
        except Exception as error:
            if is_ours(error):
                raise
            raise (self._refusal(error) if isinstance(error, RtdbError) else Refusal(str(error))) from None

    def _refusal(self, error: RtdbError) -> Refusal:
        self.refusals.note(error)
        return Refusal(error.message)

    # --- other functions ----------------------------------------------------------------------------------------------

    @_answers("1.0/actions/query", "runQuery", _Run)
    async def _query(self, asked: _Run, _: CallBodies) -> bytes:
        return await self._run("query", asked, "runQuery")

    @_answers("1.0/actions/mutation", "runMutation", _Run)
    async def _mutation(self, asked: _Run, _: CallBodies) -> bytes:
        return await self._run("mutation", asked, "runMutation")

    @_answers("1.0/actions/action", "runAction", _Run)
    async def _action(self, asked: _Run, _: CallBodies) -> bytes:
        return await self._run("action", asked, "runAction")

    async def _run(self, kind: FunctionKind, asked: _Run, method: str) -> bytes:
        path = path_of_address(self._app, asked)
        return encode(await self._operations.run(kind, path, _object(asked.args, method)))

    @_answers("1.0/actions/schedule", "scheduler.runAfter", _Schedule)
    async def _schedule(self, asked: _Schedule, _: CallBodies) -> bytes:
        path = path_of_address(self._app, asked)
        arguments = _object(asked.args, "scheduler.runAfter")
        # The library divides milliseconds by a thousand.
        return _json(await self._operations.schedule(path, round(asked.ts * 1000, 3), arguments))

    @_answers("1.0/actions/cancel_job", "scheduler.cancel", _Cancel)
    async def _cancel(self, asked: _Cancel, _: CallBodies) -> bytes:
        await self._operations.cancel_job(asked.id)
        return _NULL

    @_answers("1.0/createFunctionHandle", "createFunctionHandle", Address)
    async def _create_handle(self, asked: Address, _: CallBodies) -> bytes:
        path = find_function(self._app, path_of_address(self._app, asked), internal=True).path
        return _json(f"{function_handle(str(path))}#{path.short}")

    @_answers("1.0/actions/vectorSearch", "vectorSearch", _Empty)
    async def _vector_search(self, asked: _Empty, _: CallBodies) -> bytes:
        raise DeveloperError("Vector search is not supported by this server.", code="VectorSearchUnsupported")

    @_answers("1.0/createServiceToken", "createServiceToken", _Empty)
    async def _service_token(self, asked: _Empty, _: CallBodies) -> bytes:
        raise _no_services("createServiceToken")

    @_answers("1.0/getServiceUrl", "getServiceUrl", _Empty)
    async def _service_url(self, asked: _Empty, _: CallBodies) -> bytes:
        raise _no_services("getServiceUrl")

    # --- who asks, and where ------------------------------------------------------------------------------------------

    @_answers("1.0/getUserIdentity", "auth.getUserIdentity", _Empty)
    async def _identity(self, asked: _Empty, _: CallBodies) -> bytes:
        return self._invocation.look_at_identity() or _NULL

    @_answers("1.0/getFunctionMetadata", "meta.getFunctionMetadata", _Empty)
    async def _function_metadata(self, asked: _Empty, _: CallBodies) -> bytes:
        return _json({"name": self._name, "componentPath": ""})

    @_answers("1.0/getDeploymentMetadata", "meta.getDeploymentMetadata", _Empty)
    async def _deployment_metadata(self, asked: _Empty, _: CallBodies) -> bytes:
        return _json({"name": self._instance_name, "region": None, "class": "s16"})

    @_answers("1.0/getRequestMetadata", "meta.getRequestMetadata", _Empty)
    async def _request_metadata(self, asked: _Empty, _: CallBodies) -> bytes:
        job = self._invocation.job
        return _json(
            {
                "ip": None,
                "userAgent": None,
                "requestId": self._invocation.request or None,
                "scheduledFunctionId": None if job is None else encode_id(SCHEDULED_FUNCTIONS_TABLE, job),
                "authToken": None,
            }
        )

    @_answers("1.0/auditLog", "log.audit", _Empty)
    async def _audit(self, asked: _Empty, _: CallBodies) -> bytes:
        raise DeveloperError("Audit logging is not yet supported in actions", code="AuditLogUnsupported")

    # --- files --------------------------------------------------------------------------------------------------------

    @_answers("1.0/storageGetUrl", "storage.getUrl", _StorageId)
    async def _file_url(self, asked: _StorageId, _: CallBodies) -> bytes:
        return _json(await self._operations.file_url(asked.storageId))

    @_answers("1.0/storageGetMetadata", "storage.getMetadata", _StorageId)
    async def _file_metadata(self, asked: _StorageId, _: CallBodies) -> bytes:
        return _json(await self._operations.file_metadata(asked.storageId))

    @_answers("1.0/storageGenerateUploadUrl", "storage.generateUploadUrl", _Empty)
    async def _upload_url(self, asked: _Empty, _: CallBodies) -> bytes:
        return _json(await self._operations.upload_url())

    @_answers("1.0/storageDelete", "storage.delete", _StorageId)
    async def _delete_file(self, asked: _StorageId, _: CallBodies) -> bytes:
        await self._operations.delete_file(asked.storageId)
        return _NULL

    @_answers("storage/storeBlob", "storage.store", _Store)
    async def _store_file(self, asked: _Store, bodies: CallBodies) -> bytes:
        try:
            content = Pieces(bodies.receive(asked.body))
            return _json(await self._operations.store_file(content, asked.type, asked.sha256))
        finally:
            bodies.drop(asked.body)

    @_answers("storage/getBlob", "storage.get", _StorageId)
    async def _read_file(self, asked: _StorageId, bodies: CallBodies) -> bytes:
        blob = await self._operations.get_file(asked.storageId)
        if blob is None:
            return _NULL
        return _json({"body": bodies.send(_reader(blob)), "type": blob.content_type})


class Pieces(AsyncIterator[bytes]):
    """A body, piece by piece."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def __anext__(self) -> bytes:
        piece = await self._read()
        if piece is None:
            raise StopAsyncIteration
        return piece


def _reader(blob: Blob) -> Read:
    pieces = aiter(blob)

    async def read() -> bytes | None:
        return await anext(pieces, None)

    return read


def _no_services(method: str) -> DeveloperError:
    return DeveloperError(
        f"`{method}` is not supported by this server: the services it is for are of Convex's cloud. Call a service of "
        "your own with `fetch`, and keep its key in an environment variable.",
        code="ServicesUnsupported",
    )


def _object(parsed: Any, method: str) -> dict[str, Value]:
    arguments = value_argument({} if parsed is None else parsed, "args", method)
    if not isinstance(arguments, dict):
        raise invalid_argument("args", method, "Arguments must be an Object")
    return arguments
