"""The routes that call functions (http-api §2, §4).

What the function does, its failures included, is an *outcome* and answers 200; only a request that never became a
call, or a server that could not run it, answers otherwise. Arguments and results pass as encoded bytes: nothing here
decodes a document, and a result is spliced into its envelope.

A format that does not exist is refused before anything runs, so that no mutation commits behind a 400.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, unquote

import msgspec
import trio

from rtdb.auth.credentials import Credentials
from rtdb.auth.identity import Identity
from rtdb.config import Config
from rtdb.errors import BadRequestError, ForbiddenError, RtdbError
from rtdb.http.error_response import HttpResponse, HttpStream, json_response, system_error_response
from rtdb.http.facade import Facade
from rtdb.http.request import HttpRequest, decode_body, read_body
from rtdb.http.result_format import ResultFormat, choose_format
from rtdb.link.frames import Answer, ExecutionError, RequestKind
from rtdb.sync.failure_log import log_failure
from rtdb.sync.messages import ProtocolError, decode_timestamp, encode_timestamp, function_error_text
from rtdb.values.function_path import SYSTEM_PREFIX, parse_function_path
from rtdb.values.json_codec import canonicalize

__all__ = ["FunctionRoutes", "Route"]

Route = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStream]]

INLINE_QUERY = "_system/repl:evaluate"
BATCH_QUERIES_MAX = 1024
"""As many as one request may hold; a page of a large app asks for tens."""


class CallBody(msgspec.Struct):
    path: str
    args: msgspec.Raw
    format: str | None = None


class CallAtBody(msgspec.Struct):
    path: str
    args: msgspec.Raw
    ts: str
    format: str | None = None


class AnyCallBody(CallBody):
    componentPath: str | None = None


class SourceBody(msgspec.Struct):
    source: str


class InlineQueryBody(msgspec.Struct):
    bundle: SourceBody
    adminKey: str | None = None
    format: str | None = None
    componentId: str | None = None


class BatchBody(msgspec.Struct):
    queries: list[CallBody]


class RunBody(msgspec.Struct):
    args: msgspec.Raw
    format: str | None = None


_call_decoder = msgspec.json.Decoder(CallBody)
_call_at_decoder = msgspec.json.Decoder(CallAtBody)
_any_call_decoder = msgspec.json.Decoder(AnyCallBody)
_inline_query_decoder = msgspec.json.Decoder(InlineQueryBody)
_batch_decoder = msgspec.json.Decoder(BatchBody)
_run_decoder = msgspec.json.Decoder(RunBody)
_positional_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_encode_json = msgspec.json.Encoder().encode


def _canonical_path(text: str) -> str:
    try:
        return str(parse_function_path(text))
    except RtdbError as error:
        raise _bad_path(text, error.message) from error


def _bad_path(text: str, detail: str) -> BadRequestError:
    return BadRequestError(
        f"{text[:200]} is not a valid path to a Convex function. {detail[:400]}",
        code="BadConvexFunctionIdentifier",
    )


def _named_arguments(args: msgspec.Raw) -> bytes:
    """Return the encoded object of arguments; a list of one is that one, an empty list no arguments.

    Anything else travels as it is: what runs the function knows how to complain.
    """
    data = bytes(args)
    if not data.startswith(b"["):
        return data
    elements = _positional_decoder.decode(data)
    if len(elements) > 1:
        return data
    return bytes(elements[0]) if elements else b"{}"


def _comparable(arguments: bytes) -> bytes:
    """Return the arguments of a query in the form in which results at hand are found, whoever wrote them how. What has
    no such form travels as it is, to be complained of where other wrong arguments are.
    """
    if not arguments.startswith(b"{"):
        return arguments
    try:
        return canonicalize(arguments)
    except RtdbError:
        return arguments


def _only_queries(path: str) -> ExecutionError:
    # It begins as the official command line expects of such an error.
    message = (
        f"You do not have permission to perform this operation: the admin key is read-only, and {path} is not a query."
    )
    return ExecutionError("OperationNotPermitted", message)


def _refused(request_id: str, path: str, error: ExecutionError) -> Answer:
    """Return the answer to a call that is not made. Nobody else has heard of it, so it is logged here."""
    log_failure(request_id, path, error)
    return Answer(0, None, error, [], 0)


class FunctionRoutes:
    """Calls functions for HTTP clients."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config) -> None:
        self._facade = facade
        self._credentials = credentials
        self._redact = config.redact_errors
        self._body_bytes_max = config.limits.http_body_bytes_max

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the routes of fixed paths by method and path."""
        return {
            ("POST", "/api/mutation"): self.mutation,
            ("POST", "/api/query"): self.query,
            ("POST", "/api/action"): self.action,
            ("GET", "/api/query"): self.query_by_get,
            ("POST", "/api/query_ts"): self.query_ts,
            ("POST", "/api/query_at_ts"): self.query_at_ts,
            ("POST", "/api/query_batch"): self.query_batch,
            ("POST", "/api/function"): self.function,
            ("POST", "/api/run_test_function"): self.inline_query,
        }

    async def mutation(self, request: HttpRequest) -> HttpResponse:
        return await self._call("mutation", request)

    async def query(self, request: HttpRequest) -> HttpResponse:
        return await self._call("query", request)

    async def action(self, request: HttpRequest) -> HttpResponse:
        return await self._call("action", request)

    async def _call(self, kind: RequestKind, request: HttpRequest) -> HttpResponse:
        identity = await self._identify(request)
        body = decode_body(_call_decoder, await read_body(request, self._body_bytes_max))
        write = choose_format(body.format, request.client)
        return await self._run(request, kind, body.path, body.args, identity, write)

    async def query_by_get(self, request: HttpRequest) -> HttpResponse:
        identity = await self._identify(request)
        parameters = parse_qs(request.query_string.decode("latin-1"), keep_blank_values=True)
        path, args = parameters.get("path"), parameters.get("args")
        if not path or not args:
            raise BadRequestError("The parameters `path` and `args` are required", code="BadQueryArgs")
        write = choose_format(parameters.get("format", [None])[0], request.client)
        try:
            raw = msgspec.json.decode(args[0], type=msgspec.Raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise BadRequestError(f"The parameter `args` is not JSON: {error}", code="BadQueryArgs") from error
        return await self._run(request, "query", path[0], raw, identity, write)

    async def query_ts(self, request: HttpRequest) -> HttpResponse:
        return json_response(_encode_json({"ts": encode_timestamp(self._facade.latest_ts())}))

    async def query_at_ts(self, request: HttpRequest) -> HttpResponse:
        identity = await self._identify(request)
        body = decode_body(_call_at_decoder, await read_body(request, self._body_bytes_max))
        write = choose_format(body.format, request.client)
        try:
            at_ts = decode_timestamp(body.ts)
        except ProtocolError as error:
            raise BadRequestError(
                f"`ts` is not a timestamp: {body.ts[:40]!r}. Send one that /api/query_ts has returned.",
                code="BadTimestamp",
            ) from error
        if at_ts > self._facade.latest_ts():
            raise BadRequestError(
                "`ts` is a timestamp in the future. Send one that /api/query_ts has returned.", code="BadTimestamp"
            )
        return await self._run(request, "query", body.path, body.args, identity, write, at_ts=at_ts)

    async def query_batch(self, request: HttpRequest) -> HttpResponse:
        identity = await self._identify(request)
        batch = decode_body(_batch_decoder, await read_body(request, self._body_bytes_max)).queries
        if len(batch) > BATCH_QUERIES_MAX:
            raise BadRequestError(f"At most {BATCH_QUERIES_MAX} queries fit one request", code="BadJsonBody")
        formats = [choose_format(body.format, request.client) for body in batch]
        paths = [_canonical_path(body.path) for body in batch]
        at_ts = self._facade.latest_ts()
        request_id = request.request_id()
        answers: list[Answer | None] = [None] * len(batch)

        async def run(place: int) -> None:
            answers[place] = await self._ask(
                request_id, "query", paths[place], batch[place].args, identity, at_ts=at_ts
            )

        async with trio.open_nursery() as nursery:
            for place in range(len(batch)):
                nursery.start_soon(run, place)
        envelopes: list[bytes] = []
        for path, answer, write in zip(paths, answers, formats, strict=True):
            assert answer is not None
            if answer.error is not None and answer.error.system:
                return system_error_response(answer.error)
            envelopes.append(self._envelope(request_id, path, answer, write))
        return json_response(b'{"results":[' + b",".join(envelopes) + b"]}")

    async def function(self, request: HttpRequest) -> HttpResponse:
        """Call a function of any kind for an administrator. Nothing is redacted: they may read the log as well."""
        identity = await self._identify(request)
        identity.require_admin()
        body = decode_body(_any_call_decoder, await read_body(request, self._body_bytes_max))
        write = choose_format(body.format, request.client)
        if body.componentPath:
            missing = ExecutionError(
                code="ComponentPathNotFound", message=f"Component path '{body.componentPath[:200]}' not found"
            )
            request_id = request.request_id()
            answer = _refused(request_id, body.path, missing)
            return json_response(self._envelope(request_id, body.path, answer, write, redact=False))
        # What kind a function is of, its runner knows. Whoever may only look calls it for a query.
        kind: RequestKind = "query" if identity.read_only else "any"
        return await self._run(request, kind, body.path, body.args, identity, write, redact=False)

    async def inline_query(self, request: HttpRequest) -> HttpResponse:
        """Evaluate a query that is sent along (cli-endpoints §8); who may look at everything may do so."""
        body = decode_body(_inline_query_decoder, await read_body(request, self._body_bytes_max))
        authorization = request.headers.authorization
        if authorization is None and body.adminKey is not None:
            authorization = f"Convex {body.adminKey}".encode()
        identity = await self._credentials.identify(authorization, request.query_string)
        identity.require_operation(operation="RunTestQuery")
        write = choose_format(body.format, request.client)
        if body.componentId is not None:
            raise BadRequestError("There are no components here to query in.", code="ComponentPathNotFound")
        args = msgspec.Raw(_encode_json({"source": body.bundle.source}))
        return await self._run(request, "query", INLINE_QUERY, args, identity, write, redact=False)

    async def run_by_path(self, request: HttpRequest, path: str) -> HttpResponse:
        """Answer ``/api/run/<path>``; ``path`` is what follows, still percent-encoded."""
        identity = await self._identify(request)
        segments = [unquote(segment) for segment in path.split("/")]
        if len(segments) < 2:
            raise BadRequestError("Missing function identifier in the path", code="MissingIdentifier")
        body = decode_body(_run_decoder, await read_body(request, self._body_bytes_max))
        write = choose_format(body.format or "json", request.client)
        name = "/".join(segments[:-1]) + ":" + segments[-1]
        return await self._run(request, "any", name, body.args, identity, write)

    async def _identify(self, request: HttpRequest) -> Identity:
        return await self._credentials.identify(request.headers.authorization, request.query_string)

    async def _run(
        self,
        request: HttpRequest,
        kind: RequestKind,
        path: str,
        args: msgspec.Raw,
        identity: Identity,
        write: ResultFormat,
        *,
        at_ts: int | None = None,
        redact: bool | None = None,
    ) -> HttpResponse:
        request_id = request.request_id()
        answer = await self._ask(request_id, kind, _canonical_path(path), args, identity, at_ts=at_ts)
        if answer.error is not None and answer.error.system:
            return system_error_response(answer.error)
        if identity.read_only and answer.error is not None and answer.error.code == "WrongFunctionKind":
            answer = msgspec.structs.replace(answer, error=_only_queries(path))
        return json_response(self._envelope(request_id, path, answer, write, redact=redact))

    async def _ask(
        self,
        request_id: str,
        kind: RequestKind,
        path: str,
        args: msgspec.Raw,
        identity: Identity,
        *,
        at_ts: int | None,
    ) -> Answer:
        arguments = _named_arguments(args)
        if kind == "query":
            arguments = _comparable(arguments)
        try:
            identity.require_permitted(kind, path)
        except ForbiddenError as error:
            if kind not in {"query", "mutation"}:
                raise
            return _refused(request_id, path, ExecutionError(error.code, error.message))
        # Acting as a user passes the check of /api/function but does not make internal functions visible there.
        internal = identity.is_admin if kind == "any" else identity.internal
        return await self._facade.call(
            kind,
            path,
            arguments,
            identity.attributes,
            internal=internal,
            request_id=request_id,
            at_ts=at_ts,
        )

    def _envelope(
        self, request_id: str, path: str, answer: Answer, write: ResultFormat, *, redact: bool | None = None
    ) -> bytes:
        redact = self._redact if redact is None else redact
        error = answer.error
        log_lines = b""
        if answer.log_lines and not redact:
            log_lines = b',"logLines":' + _encode_json(answer.log_lines)
        if error is None:
            assert answer.result is not None, "an answer holds a result or an error"
            return b'{"status":"success","value":' + write(answer.result) + log_lines + b"}"
        # Only administrators call the server's own functions, whose errors tell them what to do.
        text = function_error_text(request_id, error, redact=redact and not path.startswith(SYSTEM_PREFIX))
        data = b"" if error.data is None else b',"errorData":' + write(error.data)
        return b'{"status":"error","errorMessage":' + _encode_json(text) + data + log_lines + b"}"
