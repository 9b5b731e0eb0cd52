"""The calls under way: each is accepted or refused, and one that was accepted is answered exactly once.

Executions of watched queries are not calls: nobody waits for them to end, and a drain does not either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from rtdb.application.caller import Caller, SessionCaller
from rtdb.application.completions import Completion, Completions, unexecuted_outcome
from rtdb.application.request_ids import RequestIds
from rtdb.config import Limits
from rtdb.link import frames

__all__ = ["AcceptedCall", "CallKey", "Calls", "Carrier"]


CallKey = tuple[int, int]
"""The gateway that asked, and its number for the call."""


class Carrier(Protocol):
    """What carries a call out."""

    def withdraw(self) -> bool:
        """Give the call up if it has not begun, and return whether that was so: then nothing more comes of it."""
        ...


class AcceptedCall:
    """A call from being accepted to its answer. Whoever carries it out calls :meth:`finish` or :meth:`fail`, once.

    ``source`` is the path of the function if there is one of that name, else empty. ``carrier`` is what can give it up
    before it has begun; it is let go of at the end, since the two hold each other.
    """

    __slots__ = ("_caller", "_calls", "call", "carrier", "key", "source")

    def __init__(self, calls: Calls, caller: Caller, call: frames.Call, source: str, key: CallKey | None) -> None:
        self._calls = calls
        self._caller = caller
        self.call = call
        self.source = source
        self.key = key
        self.carrier: Carrier | None = None

    def finish(
        self,
        outcome: frames.Outcome,
        ts: int,
        *,
        cached: bool = False,
        http_status: int = 0,
        beaten: frames.Beaten | None = None,
    ) -> None:
        """End it with an outcome, which may be an error of the function; ``ts`` is that of its commit or snapshot."""
        completion = Completion(self.call, self.source, outcome, ts, cached, http_status, beaten)
        self._calls.completions.complete(completion, self)

    def fail(
        self, kind: frames.ExecutionKind, error: frames.ExecutionError, *, beaten: frames.Beaten | None = None
    ) -> None:
        """End it without an outcome of the function."""
        self.finish(unexecuted_outcome(self.call, kind, error=error), 0, beaten=beaten)

    def completed(self, completion: Completion) -> None:
        outcome = completion.outcome
        self.carrier = None
        self._calls.ended(self)
        self._caller.answer(outcome.result, outcome.error, outcome.log_lines, completion.ts)

    def withdraw(self) -> None:
        """Give it up if it has not begun and nobody else waits for it."""
        joined = self._caller if isinstance(self._caller, SessionCaller) else None
        if joined is not None and not joined.is_alone:
            return
        if self.carrier is not None and self.carrier.withdraw():
            self.carrier = None
            if joined is not None:
                joined.forget()
            self._calls.ended(self)


class Calls:
    """Counts the calls under way, refuses what is too much, and joins what is sent twice."""

    def __init__(
        self,
        limits: Limits,
        next_call: Callable[[], int],
        request_ids: RequestIds,
        completions: Completions,
    ) -> None:
        self._limits = limits
        self._next_call = next_call
        self._request_ids = request_ids
        self.completions = completions
        self._count = 0
        self._asked: dict[CallKey, AcceptedCall] = {}
        """What gateways wait for."""
        self._sessions: dict[frames.SessionRequest, SessionCaller] = {}
        self.draining = False
        self._idle = trio.Event()

    def __len__(self) -> int:
        return self._count

    def accept(
        self,
        caller: Caller,
        request: frames.CallRequest,
        source: str,
        *,
        by_server: bool,
        by_action: bool,
        scheduled: frames.ScheduledRun | None,
        key: CallKey | None,
    ) -> AcceptedCall | None:
        """Return the call to carry out, or None: then the caller has been refused, or waits for one under way.

        ``by_server``, ``by_action``: the server itself asks, or an action that is under way, who may finish what they
        have begun when nobody else may begin. ``key`` is what the call may be withdrawn by.
        """
        if request.session is not None:
            # Sent again while its first attempt is under way: a second one could fail, and be told of, while the first
            # commits. Both callers get the one answer.
            under_way = self._sessions.get(request.session)
            if under_way is not None:
                under_way.join(caller)
                return None
        if self._count >= self._limits.calls_max or (self.draining and not by_action and not by_server):
            caller.answer(None, self._refusal(), [], 0)
            return None
        self._count += 1
        if request.session is not None:
            caller = SessionCaller(self._sessions, request.session, caller)
        number = self._next_call()
        origin = request.origin
        if not origin.request:
            origin = frames.Origin(origin.caller, self._request_ids(number), origin.parent)
        call = frames.Call(
            call=number,
            kind=request.kind,
            path=request.path,
            args=request.args,
            identity=request.identity,
            internal=request.internal,
            at=None,
            session=request.session,
            journal=None,
            by_server=by_server,
            scheduled=scheduled,
            origin=origin,
        )
        accepted = AcceptedCall(self, caller, call, source, key)
        if key is not None:
            self._asked[key] = accepted
        return accepted

    def withdraw(self, key: CallKey) -> None:
        """Nobody waits for a call any more: it need not be run if it has not begun."""
        accepted = self._asked.get(key)
        if accepted is not None:
            accepted.withdraw()

    def ended(self, accepted: AcceptedCall) -> None:
        """A call has been completed or withdrawn."""
        # A gateway that was started in another's place numbers its calls from 1 again.
        if accepted.key is not None and self._asked.get(accepted.key) is accepted:
            del self._asked[accepted.key]
        self._count -= 1
        if self.draining and self._count == 0:
            self._idle.set()

    def drain(self) -> None:
        """Accept no more."""
        self.draining = True
        if self._count == 0:
            self._idle.set()

    async def wait_idle(self) -> None:
        """Wait until no call is under way. To be called once no more are accepted."""
        assert self.draining
        await self._idle.wait()

    def _refusal(self) -> frames.ExecutionError:
        if self.draining and self._count < self._limits.calls_max:
            return frames.ExecutionError(
                code="ServerShuttingDown", message="The server is shutting down; try again in a moment.", system=503
            )
        return frames.ExecutionError(
            code="TooManyConcurrentRequests",
            message=(
                f"Too many concurrent requests: {self._limits.calls_max} calls are under way (calls_max). "
                "Try again later."
            ),
            system=429,
        )
