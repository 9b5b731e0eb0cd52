"""HTTP requests that the app's HTTP actions answer: an action each, whose bodies pass through the hub.

::

    gateway ── HttpActionRequest, BodyChunk, BodyCredit, Cancel ──▶ here ── the same, with the pool's number ──▶ runner
            ◀── HttpActionHead, BodyChunk, BodyCredit, Answer ─────      ◀── the same, and ActionOutcome ──────

Nothing of a body is looked at or kept: credit, which the two ends give each other, bounds what is on its way.

An action whose client has gone away is told so, and goes on; one that has not begun is not run.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rtdb.application.actions import AcceptedAction, origin_of_parts
from rtdb.application.caller import LinkCaller, OutgoingLink
from rtdb.application.calls import AcceptedCall, CallKey, Calls
from rtdb.application.function_log import FunctionLog
from rtdb.application.positions import Positions
from rtdb.config import Limits
from rtdb.functions.action_pool import ActionPool
from rtdb.link import frames

__all__ = ["FromGateway", "HttpActions"]

FromGateway = frames.BodyChunk | frames.BodyCredit | frames.Cancel
FromRunner = frames.HttpActionHead | frames.BodyChunk | frames.BodyCredit

NOT_ENABLED = b"This Convex deployment does not have HTTP actions enabled."


class _Client(NamedTuple):
    """Where a request came from: the gateway, its link, and its number there."""

    gateway: int
    link: OutgoingLink
    number: int


class _HttpExecution(AcceptedAction):
    __slots__ = ("_actions", "_client", "_early", "_link", "_number")

    def __init__(
        self, actions: HttpActions, client: _Client, request: frames.HttpActionRequest, accepted: AcceptedCall
    ) -> None:
        request = msgspec.structs.replace(request, origin=origin_of_parts(accepted.call))
        super().__init__(accepted, request, actions.positions, actions.log, actions.limits.action_seconds_max)
        self._actions = actions
        self._client: _Client | None = client
        self._link: OutgoingLink | None = None
        self._number = 0
        self._early: list[FromGateway] = []
        """What needs no credit and may have come before there was a runner, or to one that ended before it had begun
        with this: that there is no body, that there is no client any more."""

    def dispatched(self, link: OutgoingLink, number: int) -> None:
        self._link, self._number = link, number
        for message in self._early:
            link.queue(msgspec.structs.replace(message, call=number))

    def from_client(self, message: FromGateway) -> None:
        if isinstance(message, frames.Cancel) or (isinstance(message, frames.BodyChunk) and not message.data):
            self._early.append(message)
        if self._link is not None:
            self._link.queue(msgspec.structs.replace(message, call=self._number))

    def client_gone(self) -> None:
        """Nobody hears the answer any more."""
        if self._client is not None:
            number = self._client.number
            self._client = None
            self.from_client(frames.Cancel(number))

    def received(self, message: FromRunner) -> None:
        if isinstance(message, frames.HttpActionHead):
            self.http_status = message.status
        if self._client is not None:
            self._client.link.queue(msgspec.structs.replace(message, call=self._client.number))

    def finished(self, outcome: frames.ActionOutcome) -> None:
        self._forget()
        super().finished(outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        self._forget()
        super().failed(error)

    def _forget(self) -> None:
        if self._client is not None:
            self._actions.forget(self._client)


class HttpActions:
    """Has requests answered by actions."""

    def __init__(self, limits: Limits, pool: ActionPool, positions: Positions, calls: Calls, log: FunctionLog) -> None:
        self.limits = limits
        self.positions = positions
        self.log = log
        self._pool = pool
        self._calls = calls
        self._executions: dict[CallKey, _HttpExecution] = {}
        """Those that have a client."""
        self.enabled = False
        """Whether the deployed app has routes."""

    def request(self, gateway: int, link: OutgoingLink, request: frames.HttpActionRequest) -> None:
        """Begin to answer a request."""
        caller = LinkCaller(link, request.call)
        if not self.enabled:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            link.queue(frames.HttpActionHead(request.call, 404, headers))
            link.queue(frames.BodyChunk(request.call, NOT_ENABLED, True))
            caller.answer(b"null", None, [], 0)
            return
        call = frames.CallRequest(
            request.call, "action", request.path, b"{}", request.identity, internal=False, origin=request.origin
        )
        key = (gateway, request.call)
        accepted = self._calls.accept(
            caller, call, request.path, by_server=False, by_action=False, scheduled=None, key=key
        )
        if accepted is not None:
            execution = _HttpExecution(self, _Client(gateway, link, request.call), request, accepted)
            self._executions[key] = execution
            accepted.carrier = execution
            self._pool.submit(execution)

    def from_gateway(self, gateway: int, message: FromGateway) -> None:
        """Pass on what concerns a request under way; one that has been answered is forgotten."""
        execution = self._executions.get((gateway, message.call))
        if execution is None:
            return
        if isinstance(message, frames.Cancel):
            del self._executions[gateway, message.call]
            execution.client_gone()
        else:
            execution.from_client(message)

    def remove_gateway(self, gateway: int) -> None:
        """Tell the actions of its clients that they are gone."""
        for key in [key for key in self._executions if key[0] == gateway]:
            self._calls.withdraw(key)
            self._executions.pop(key).client_gone()

    def forget(self, client: _Client) -> None:
        """A request has been answered."""
        self._executions.pop((client.gateway, client.number), None)
