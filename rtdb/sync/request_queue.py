"""The mutations and actions of one session: what waits, what runs, and the words of each answer.

Mutations run one at a time in order of arrival; actions run at once. A request that cannot be run (wrong arguments)
keeps its place in the order and is answered there.

Overload: when as many mutations wait as may, or as many bytes of arguments, the queue is *full* and the session takes
in no more until there is room, so that the rest waits at the client. (Convex ends a session at 1,000 waiting mutations.
A client with more comes back with all of them, and is ended again: with 2,500 it never got through.)
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec
from msgspec import UNSET, Raw

from rtdb.clock import Random
from rtdb.config import Limits
from rtdb.errors import ForbiddenError, RateLimitedError
from rtdb.link.frames import Answer, ExecutionError, SessionRequest
from rtdb.sync.commands import Caller, Command, RunFunction, SendText
from rtdb.sync.failure_log import log_failure
from rtdb.sync.function_call import FunctionCall
from rtdb.sync.messages import (
    Action,
    ActionResponse,
    Mutation,
    MutationResponse,
    encode_message,
    encode_timestamp,
    function_error_text,
    request_identifier,
)
from rtdb.values.function_path import SYSTEM_PREFIX

__all__ = ["RequestQueue"]


class RequestQueue:
    """Requests of one session.

    ``session`` is the id that Connect gave; None before. ``_running`` is the mutation under way, None between two.
    ``_waiting_bytes`` are those of the arguments of what waits.
    """

    __slots__ = (
        "_actions_running",
        "_limits",
        "_random",
        "_redact",
        "_running",
        "_waiting",
        "_waiting_bytes",
        "session",
    )

    def __init__(self, limits: Limits, random: Random, *, redact: bool) -> None:
        self.session: str | None = None
        self._limits = limits
        self._random = random
        self._redact = redact
        self._waiting: deque[tuple[RunFunction, ExecutionError | None]] = deque()
        self._waiting_bytes = 0
        self._running: RunFunction | None = None
        self._actions_running = 0

    @property
    def full(self) -> bool:
        """Whether no further mutation should be added now."""
        return (
            len(self._waiting) >= self._limits.session_mutations_max
            or self._waiting_bytes >= self._limits.session_mutations_bytes_max
        )

    def add_mutation(self, message: Mutation, call: FunctionCall, caller: Caller) -> list[Command]:
        """Queue a mutation; return what can be done now."""
        assert not self.full, "the session does not take in messages while the queue is full"
        key = None if self.session is None else SessionRequest(self.session, message.requestId)
        run = self._to_run("mutation", message, call, caller, key)
        self._waiting.append((run, call.error or _refusal(caller, call)))
        self._waiting_bytes += len(run.args)
        return self._run_next()

    def add_action(self, message: Action, call: FunctionCall, caller: Caller) -> list[Command]:
        """Start an action. Raises ``TooManyInflightActionsForSingleClient`` when too many run.

        One that the caller may not run raises too, where a mutation is answered: it ends the session (§9.3).
        """
        caller.require_permitted("action", call.path)
        if self._actions_running >= self._limits.session_actions_max:
            raise RateLimitedError("Too many actions run in this session", code="TooManyInflightActionsForSingleClient")
        run = self._to_run("action", message, call, caller, None)
        if call.error is not None:
            return [self._refuse(run, call.error)]
        self._actions_running += 1
        return [run]

    def finish(self, run: RunFunction, answer: Answer) -> list[Command]:
        """Return the response to a request that has ended, and what can be run next."""
        if run.kind == "action":
            self._actions_running -= 1
            return [self._response(run, answer)]
        assert run is self._running, "mutations of a session run one at a time"
        self._running = None
        return [self._response(run, answer), *self._run_next()]

    def clear(self) -> None:
        """Forget what waits; what runs goes on unheard."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def _run_next(self) -> list[Command]:
        commands: list[Command] = []
        while self._waiting and self._running is None:
            run, error = self._waiting.popleft()
            self._waiting_bytes -= len(run.args)
            if error is None:
                self._running = run
                commands.append(run)
            else:
                commands.append(self._refuse(run, error))
        return commands

    def _to_run(
        self,
        kind: Literal["mutation", "action"],
        message: Mutation | Action,
        call: FunctionCall,
        caller: Caller,
        key: SessionRequest | None,
    ) -> RunFunction:
        if self.session is None:
            request_id = self._random.bytes(8).hex()
        else:
            request_id = request_identifier(self.session, message.requestId)
        return RunFunction(
            kind, message.requestId, call.path, call.args, caller.attributes, caller.internal, key, request_id
        )

    def _refuse(self, run: RunFunction, error: ExecutionError) -> SendText:
        """Answer what has not been run. Nobody else has heard of it, so it is logged here."""
        log_failure(run.request_id, run.path, error)
        return self._response(run, Answer(0, None, error, [], 0))

    def _response(self, run: RunFunction, answer: Answer) -> SendText:
        log_lines = [] if self._redact else answer.log_lines
        error = answer.error
        error_data: Raw | msgspec.UnsetType = UNSET
        if error is None:
            assert answer.result is not None, "an answer has a result or an error"
            result = Raw(answer.result)
        else:
            redact = self._redact and not run.path.startswith(SYSTEM_PREFIX)  # as in watch_table.py
            text = function_error_text(run.request_id, error, redact=redact)
            result = Raw(msgspec.json.encode(text))
            if error.data is not None:
                error_data = Raw(error.data)
        response: MutationResponse | ActionResponse
        if run.kind == "mutation":
            ts = encode_timestamp(answer.ts) if error is None else None
            response = MutationResponse(run.request, error is None, result, ts, log_lines, error_data)
        else:
            response = ActionResponse(run.request, error is None, result, log_lines, error_data)
        return SendText(encode_message(response))


def _refusal(caller: Caller, call: FunctionCall) -> ExecutionError | None:
    """Return the answer to a mutation that its caller may not run, decided when it is read (§7.1)."""
    try:
        caller.require_permitted("mutation", call.path)
    except ForbiddenError as error:
        return ExecutionError(error.code, error.message)
    return None
