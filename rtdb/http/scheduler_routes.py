"""The routes by which administrators cancel scheduled functions (platform §2.7).

``POST /api/cancel_job`` with ``{"id": "…"}`` cancels one; ``POST /api/cancel_all_jobs`` all that have not ended, or
those that call ``udfPath`` or are due in ``[startNextTs, endNextTs)``, nanoseconds since the epoch. Both answer 200
with an empty body, also when there was nothing to cancel.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rtdb.auth.credentials import Credentials
from rtdb.config import Config
from rtdb.errors import BadRequestError
from rtdb.http.error_response import HttpResponse, empty_response, system_error_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest, decode_body, read_body

__all__ = ["SchedulerRoutes"]

OPERATION = "WriteData"


class _CancelJob(msgspec.Struct, rename="camel"):
    id: str
    component_id: str | None = None


class _CancelAllJobs(msgspec.Struct, rename="camel"):
    udf_path: str | None = None
    start_next_ts: int | None = None
    end_next_ts: int | None = None
    component_id: str | None = None
    component_path: str | None = None


class _Cancelled(msgspec.Struct):
    next: str | None


_job_decoder = msgspec.json.Decoder(_CancelJob)
_jobs_decoder = msgspec.json.Decoder(_CancelAllJobs)
_cancelled_decoder = msgspec.json.Decoder(_Cancelled)


class SchedulerRoutes:
    """Cancels scheduled functions."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config) -> None:
        self._facade = facade
        self._credentials = credentials
        self._body_bytes_max = config.limits.http_body_bytes_max

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", "/api/cancel_job"): self.cancel_job,
            ("POST", "/api/cancel_all_jobs"): self.cancel_all_jobs,
        }

    async def cancel_job(self, request: HttpRequest) -> HttpResponse:
        await self._require(request)
        asked = decode_body(_job_decoder, await read_body(request, self._body_bytes_max))
        _refuse_components(asked.component_id)
        outcome = await self._call(request, "cancel", {"id": asked.id})
        return outcome if isinstance(outcome, HttpResponse) else empty_response(200)

    async def cancel_all_jobs(self, request: HttpRequest) -> HttpResponse:
        """Cancel a bounded number in each transaction, until all have been looked at."""
        await self._require(request)
        asked = decode_body(_jobs_decoder, await read_body(request, self._body_bytes_max))
        _refuse_components(asked.component_id or asked.component_path)
        step: dict[str, Any] = {
            "after": "",
            "path": asked.udf_path,
            "start": _milliseconds(asked.start_next_ts),
            "stop": _milliseconds(asked.end_next_ts),
        }
        while True:
            outcome = await self._call(request, "cancel_some", step)
            if isinstance(outcome, HttpResponse):
                return outcome
            following = _cancelled_decoder.decode(outcome).next
            if following is None:
                return empty_response(200)
            step["after"] = following

    async def _require(self, request: HttpRequest) -> None:
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_operation(OPERATION)

    async def _call(self, request: HttpRequest, name: str, args: dict[str, Any]) -> bytes | HttpResponse:
        """Return the result of a function of the server, or what to answer because it has none."""
        answer = await self._facade.call(
            "mutation",
            f"_system/scheduler:{name}",
            msgspec.json.encode(args),
            None,
            internal=True,
            request_id=request.request_id(),
        )
        if answer.error is None:
            assert answer.result is not None, "an answer holds a result or an error"
            return answer.result
        if answer.error.system:
            return system_error_response(answer.error)
        raise BadRequestError(answer.error.message, code=answer.error.code)


def _refuse_components(named: str | None) -> None:
    if named:
        raise BadRequestError(f"There are no components, and so no {named[:200]!r}", code="ComponentPathNotFound")


def _milliseconds(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / 1e6
