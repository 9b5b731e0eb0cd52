"""The façade, as the hub implements it: run a function for a client, watch a query, follow the blocks.

The :class:`Application` joins the runner pool, the serial lane, the committer and the reactivity of one server. It is
synchronous: each message from a gateway, a runner or the committer is handled to its end, then :meth:`Application.pump`
sends what that caused. So nothing here can be interleaved, and whatever arrives together is sent on together.

It never runs app code, never touches a client socket or the disk, and never decodes a document: arguments and results
pass through it as bytes.

A mutation's way:  gateway ─CallRequest▶ (lane or pool) ─Call▶ runner ─Outcome▶ here ─Commit▶ committer ─BlockApplied▶
here: first the reactor marks what the block invalidated, then the answer goes out, then a round re-runs the queries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Protocol

import msgspec
import structlog
import trio

from rtdb.clock import Clock
from rtdb.config import Config
from rtdb.functions.description import Description
from rtdb.functions.runner_pool import Execution, RunnerPool
from rtdb.functions.serial_lane import SerialLane
from rtdb.link import frames
from rtdb.link.link import Message
from rtdb.reactivity.reactor import Reactor, ReactorStatistics
from rtdb.reactivity.rounds import Execution as RoundExecution
from rtdb.storage.system_tables import DEPLOYMENT_INDEX, DEPLOYMENT_KEY
from rtdb.values.ordering import prefix_stop

__all__ = ["Application", "Caller", "OutgoingLink"]

POSITIONS_MAX = 200_000
"""Recent positions remembered to answer queries at a timestamp; at most those of the last ``undo_seconds``."""

_log = structlog.get_logger("rtdb.hub")


class OutgoingLink(Protocol):
    """The sending half of a link."""

    def queue(self, message: Message) -> None: ...

    def flush(self) -> None: ...

    @property
    def unsent_bytes(self) -> int: ...


class Caller(Protocol):
    """Whoever waits for the outcome of a call."""

    def answer(
        self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int
    ) -> None: ...


class _GatewayCaller:
    """A call a gateway asked for. Its link may be gone by the time of the answer, which is then dropped."""

    __slots__ = ("_link", "_number")

    def __init__(self, link: OutgoingLink, number: int) -> None:
        self._link = link
        self._number = number

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        self._link.queue(frames.Answer(call=self._number, result=result, error=error, log_lines=log_lines, ts=ts))


class _SessionCaller:
    """Everybody who waits for one mutation of a session: its client, and the same client come back before the answer.

    ``under_way`` is the application's table of these; the entry ends with the answer.
    """

    __slots__ = ("_callers", "_request", "_under_way")

    def __init__(
        self, under_way: dict[frames.SessionRequest, _SessionCaller], request: frames.SessionRequest, caller: Caller
    ) -> None:
        self._under_way = under_way
        self._request = request
        self._callers = [caller]
        under_way[request] = self

    def join(self, caller: Caller) -> None:
        self._callers.append(caller)

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        del self._under_way[self._request]
        for caller in self._callers:
            caller.answer(result, error, log_lines, ts)


class _QueryExecution(Execution):
    """A query asked for once."""

    __slots__ = ("_application", "_caller")

    def __init__(
        self, application: Application, caller: Caller, call: frames.Call, source: str, seconds: float
    ) -> None:
        super().__init__(call, source, seconds)
        self._application = application
        self._caller = caller

    def finished(self, outcome: frames.Outcome) -> None:
        if outcome.kind == "mutation":
            # Other code has been deployed since this was taken for a query: what it wrote is to be committed.
            self._application.turned_out_as_mutation(self._caller, self.call, self.source, outcome)
            return
        self._application.answer(self._caller, outcome, outcome.ts)

    def failed(self, error: frames.ExecutionError) -> None:
        self._application.answer_error(self._caller, error)


class _WatchedExecution(Execution):
    """A query of a round."""

    __slots__ = ("_application", "_round_execution")

    def __init__(
        self, application: Application, round_execution: RoundExecution, call: frames.Call, source: str, seconds: float
    ) -> None:
        super().__init__(call, source, seconds)
        self._application = application
        self._round_execution = round_execution

    def finished(self, outcome: frames.Outcome) -> None:
        self._application.watched_finished(self._round_execution, outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        self._application.watched_failed(self._round_execution, error)


class _Mutation:
    """A mutation until it is answered: through the pool or the lane, as often as it is beaten."""

    __slots__ = ("_application", "_caller", "_deadline", "call", "losses", "outcome", "source")

    def __init__(
        self, application: Application, caller: Caller, call: frames.Call, source: str, deadline: float
    ) -> None:
        self._application = application
        self._caller = caller
        self._deadline = deadline
        self.call = call
        self.source = source
        self.losses = 0
        self.outcome: frames.Outcome | None = None

    def answer_outcome(self, outcome: frames.Outcome, ts: int) -> None:
        self._application.answer(self._caller, outcome, ts)

    def answer_error(self, error: frames.ExecutionError) -> None:
        self._application.answer_error(self._caller, error)

    def is_late(self) -> bool:
        return trio.current_time() > self._deadline

    # LaneMutation

    def lane_committed(self, outcome: frames.Outcome, ts: int) -> None:
        self.answer_outcome(outcome, outcome.replayed_ts or ts)

    def lane_failed(self, error: frames.ExecutionError) -> None:
        self.answer_error(error)

    def lane_declined(self) -> None:
        self._application.run_in_pool(self)


class _MutationExecution(Execution):
    """One attempt of a mutation in the pool."""

    __slots__ = ("_application", "_mutation")

    def __init__(self, application: Application, mutation: _Mutation, call: frames.Call, seconds: float) -> None:
        super().__init__(call, mutation.source, seconds)
        self._application = application
        self._mutation = mutation

    def finished(self, outcome: frames.Outcome) -> None:
        self._application.mutation_executed(self._mutation, outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        self._mutation.answer_error(error)


class Application:
    """The hub's state, from the position the committer opened the database at. Gateways come and go."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        pool: RunnerPool,
        committer: OutgoingLink,
        opened: frames.CommitterReady,
    ) -> None:
        self._limits = config.limits
        self._clock = clock
        self._reactor = Reactor(config.limits, seq=opened.seq, ts=opened.ts)
        self._committer = committer
        self._gateways: dict[int, OutgoingLink] = {}
        self._functions: dict[str, frames.FunctionKind] = {}
        self._last_call = 0
        self._calls = 0
        self._under_way: dict[frames.SessionRequest, _SessionCaller] = {}
        self._committing: dict[int, _Mutation] = {}
        self._held: deque[tuple[_Mutation, frames.Commit]] = deque()
        self._early: list[tuple[Caller, frames.Outcome, int]] = []
        """Outcomes, each with a timestamp above ``_ts``: of a block that a runner has seen and we have not heard of."""
        self._seq = opened.seq
        self._ts = opened.ts
        self._recent_seq: deque[int] = deque([*(seq for seq, _ in opened.past), opened.seq], maxlen=POSITIONS_MAX)
        self._recent_ts: deque[int] = deque([*(ts for _, ts in opened.past), opened.ts], maxlen=POSITIONS_MAX)
        self._pool = pool
        self._lane = SerialLane(pool, config.limits, opened.seq, self.next_call, committer.queue)
        pool.use_lane(self._lane.runner_changed)
        self.draining = False
        self._idle = trio.Event()

    def use_description(self, description: Description) -> None:
        """Take note of the app's functions: their kinds decide how a call is run."""
        self._functions = {function.path: function.kind for function in description.functions}

    @property
    def position(self) -> tuple[int, int]:
        """The newest block's seq and timestamp."""
        return self._seq, self._ts

    async def wait_idle(self) -> None:
        """Wait until no call is under way. To be called once no more are taken."""
        assert self.draining
        await self._idle.wait()

    @property
    def calls(self) -> int:
        """Calls under way."""
        return self._calls

    @property
    def reactor_statistics(self) -> ReactorStatistics:
        """Sizes and counts of the watched queries."""
        return self._reactor.statistics()

    def next_call(self) -> int:
        self._last_call += 1
        return self._last_call

    # --- gateways -----------------------------------------------------------------------------------------------------

    def add_gateway(self, gateway: int, link: OutgoingLink) -> None:
        self._gateways[gateway] = link
        self._reactor.add_gateway(gateway)

    def remove_gateway(self, gateway: int) -> None:
        """Forget a gateway whose link ended: its watches go; its mutations under way complete unheard."""
        if self._gateways.pop(gateway, None) is not None:
            self._reactor.remove_gateway(gateway, _now_ns())

    def gateway_message(self, gateway: int, message: Message) -> None:
        match message:
            case frames.CallRequest():
                self.request(_GatewayCaller(self._gateways[gateway], message.call), message)
            case frames.Watch():
                self._reactor.watch(gateway, message, _now_ns())
            case frames.Unwatch():
                self._reactor.unwatch(gateway, message.watch, _now_ns())
            case frames.Cancel():
                # Executions are short and cannot be taken back from a runner's queue; the answer is dropped there.
                pass
            case _:
                raise AssertionError(f"a gateway sent {type(message).__name__}")

    def drain(self) -> None:
        """Take no new calls and tell the gateways to finish; what is under way is still answered."""
        self.draining = True
        if self._calls == 0:
            self._idle.set()
        for link in self._gateways.values():
            link.queue(frames.Drain(reason="shutdown"))
        self.pump()

    # --- calls --------------------------------------------------------------------------------------------------------

    def request(self, caller: Caller, request: frames.CallRequest, *, by_server: bool = False) -> None:
        """Run a function for a caller, who is answered exactly once. ``by_server``: it is the hub itself."""
        if request.session is not None:
            # Sent again while its first attempt is under way: a second one could fail, and be told of, while the first
            # commits. Both callers get the one answer.
            under_way = self._under_way.get(request.session)
            if under_way is not None:
                under_way.join(caller)
                return
        if self._calls >= self._limits.calls_max or self.draining:
            self._refuse(caller)
            return
        self._calls += 1
        if request.session is not None:
            caller = _SessionCaller(self._under_way, request.session, caller)
        kind = self._functions.get(request.path)
        source = request.path if kind is not None else ""
        call = frames.Call(
            call=self.next_call(),
            kind=request.kind,
            path=request.path,
            args=request.args,
            identity=request.identity,
            internal=request.internal,
            at=None,
            session=request.session,
            journal=None,
            by_server=by_server,
        )
        is_mutation = request.kind == "mutation" or (request.kind == "any" and kind == "mutation")
        if is_mutation or request.path.startswith("_system/"):
            if self._committer.unsent_bytes > self._limits.committer_unsent_bytes_max:
                self.answer_error(caller, _slow_disk_error(self._limits.committer_unsent_bytes_max))
                return
            deadline = trio.current_time() + self._limits.mutation_seconds_max
            mutation = _Mutation(self, caller, call, source, deadline)
            if self._pool.is_fast(source):
                self._lane.submit(mutation)
            else:
                self.run_in_pool(mutation)
        else:
            self._run_query(caller, request, call, source)

    def _run_query(self, caller: Caller, request: frames.CallRequest, call: frames.Call, source: str) -> None:
        if request.at_ts is not None:
            at = self._seq_at(request.at_ts)
            if isinstance(at, frames.ExecutionError):
                self.answer_error(caller, at)
                return
            call = msgspec.structs.replace(call, at=at)
        else:
            cached = self._reactor.cached(
                request.path, request.args, request.identity, internal=request.internal, now_ns=_now_ns()
            )
            if cached is not None and request.kind in ("query", "any"):
                self._call_ended()
                caller.answer(cached.result, None, cached.log_lines, self._ts)
                return
        self._pool.submit(_QueryExecution(self, caller, call, source, self._limits.query_seconds_max))

    def _seq_at(self, ts: int) -> int | frames.ExecutionError:
        """Return the position a timestamp belongs to: that of the newest block at or before it."""
        if ts >= self._ts:
            return self._seq
        index = bisect_right(self._recent_ts, ts) - 1
        if index < 0 or ts < self._horizon:
            return frames.ExecutionError(
                code="SnapshotTooOld",
                message=(
                    f"The timestamp {ts} is too old: queries can read the last {self._limits.undo_seconds:g} s "
                    "(undo_seconds). Ask /api/query_ts for a newer one."
                ),
                system=503,
            )
        return self._recent_seq[index]

    def answer(self, caller: Caller, outcome: frames.Outcome, ts: int) -> None:
        """End a call, as soon as its block has been heard of.

        A runner sees a block when it is durable, which is before the committer has told of it here. Answered right
        away, the caller would know that block and could next be given what is cached for the position before it.
        """
        if ts > self._ts:
            self._early.append((caller, outcome, ts))
            return
        self._call_ended()
        caller.answer(outcome.result, outcome.error, outcome.log_lines, ts)

    def answer_error(self, caller: Caller, error: frames.ExecutionError) -> None:
        """End a call that has no outcome."""
        self._call_ended()
        caller.answer(None, error, [], 0)

    def _answer_early(self) -> None:
        """Answer whoever has waited for the block that is known now."""
        early, self._early = self._early, []
        for caller, outcome, ts in early:
            self.answer(caller, outcome, ts)

    def _call_ended(self) -> None:
        self._calls -= 1
        if self.draining and self._calls == 0:
            self._idle.set()

    @property
    def _horizon(self) -> int:
        """The oldest timestamp that can be read at; while nothing is written it moves on too."""
        return max(self._ts, self._clock.now_ns()) - int(self._limits.undo_seconds * 1e9)

    def _forget_positions(self) -> None:
        """Forget positions that are too old, except the newest of them: the oldest timestamps belong to it."""
        horizon = self._horizon
        while len(self._recent_ts) > 1 and self._recent_ts[1] <= horizon:
            self._recent_ts.popleft()
            self._recent_seq.popleft()

    def _refuse(self, caller: Caller) -> None:
        if self.draining:
            error = frames.ExecutionError(
                code="ShuttingDown", message="The server is shutting down; try again in a moment.", system=503
            )
        else:
            error = frames.ExecutionError(
                code="TooManyConcurrentRequests",
                message=(
                    f"Too many concurrent requests: {self._limits.calls_max} calls are under way (calls_max). "
                    "Try again later."
                ),
                system=429,
            )
        caller.answer(None, error, [], 0)

    # --- mutations ----------------------------------------------------------------------------------------------------

    def run_in_pool(self, mutation: _Mutation) -> None:
        call = msgspec.structs.replace(mutation.call, call=self.next_call())
        self._pool.submit(_MutationExecution(self, mutation, call, self._limits.mutation_seconds_max))

    def mutation_executed(self, mutation: _Mutation, outcome: frames.Outcome) -> None:
        """Answer at once what has no effect; send the rest to the committer."""
        if outcome.replayed_ts is not None:
            mutation.answer_outcome(outcome, outcome.replayed_ts)
        elif outcome.error is not None or not outcome.writes:
            mutation.answer_outcome(outcome, outcome.ts)
        else:
            mutation.outcome = outcome
            commit = frames.Commit(
                call=outcome.call,
                begin=outcome.seq,
                lane=0,
                pending=0,
                source=mutation.source or mutation.call.path,
                reads=outcome.reads,
                writes=outcome.writes,
            )
            if self._lane.holding:
                self._held.append((mutation, commit))
            else:
                self._committing[commit.call] = mutation
                self._committer.queue(commit)

    def turned_out_as_mutation(self, caller: Caller, call: frames.Call, source: str, outcome: frames.Outcome) -> None:
        """Go on with a mutation whose first attempt was made as if it were a query."""
        deadline = trio.current_time() + self._limits.mutation_seconds_max
        self.mutation_executed(_Mutation(self, caller, call, source or call.path, deadline), outcome)

    def _release_held(self) -> None:
        while self._held and not self._lane.holding:
            mutation, commit = self._held.popleft()
            self._committing[commit.call] = mutation
            self._committer.queue(commit)

    def _lost(self, mutation: _Mutation, loss: frames.Loss) -> None:
        mutation.losses += 1
        if mutation.is_late():
            mutation.answer_error(_conflict_error(mutation, loss))
        elif mutation.losses >= self._limits.lane_losses_max:
            self._lane.submit(mutation)
        else:
            self.run_in_pool(mutation)

    # --- the committer ------------------------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Follow one durable block: invalidate first, then answer (Invariant 7), then let rounds start."""
        if block.seq:
            assert block.seq == self._seq + 1, "blocks arrive densely"
            assert block.ts > self._ts, "timestamps increase"
            self._seq, self._ts = block.seq, block.ts
            self._recent_seq.append(block.seq)
            self._recent_ts.append(block.ts)
            self._reactor.block_applied(block, _now_ns())
            self._send_reactor_messages()
            self._answer_early()
        for call, ts in block.committed:
            mutation = self._committing.pop(call, None)
            if mutation is not None:
                assert mutation.outcome is not None
                mutation.answer_outcome(mutation.outcome, ts)
        for rejection in block.rejections:
            mutation = self._committing.pop(rejection.call, None)
            if mutation is not None:
                mutation.answer_error(rejection.error)
        self._lane.block_applied(block)
        for loss in block.losses:
            mutation = self._committing.pop(loss.call, None)
            if mutation is not None:
                self._lost(mutation, loss)
        self._release_held()

    # --- rounds -------------------------------------------------------------------------------------------------------

    def watched_finished(self, execution: RoundExecution, outcome: frames.Outcome) -> None:
        self._reactor.execution_finished(execution, outcome, _now_ns())

    def watched_failed(self, execution: RoundExecution, error: frames.ExecutionError) -> None:
        """Retry what the server is to blame for; show what the function is to blame for, until other code is deployed.

        What a function read that was killed is not known, so no write can be known to cure it.
        """
        if error.system:
            self._reactor.execution_failed(execution, _now_ns())
            return
        outcome = frames.Outcome(
            call=0,
            kind="query",
            seq=execution.seq,
            ts=execution.ts,
            reads=[frames.ReadRange(DEPLOYMENT_INDEX, DEPLOYMENT_KEY, prefix_stop(DEPLOYMENT_KEY))],
            writes=[],
            result=None,
            error=error,
            log_lines=[],
            read_identity=False,
            read_time=False,
            journal=None,
            replayed_ts=None,
            pending=0,
            micros=0,
        )
        self.watched_finished(execution, outcome)

    def _start_rounds(self) -> None:
        for execution in self._reactor.start_round(_now_ns()):
            call = execution.to_call(self.next_call())
            source = call.path if call.path in self._functions else ""
            self._pool.submit(_WatchedExecution(self, execution, call, source, self._limits.query_seconds_max))

    def _send_reactor_messages(self) -> None:
        for gateway, messages in self._reactor.take_messages().items():
            link = self._gateways[gateway]
            for message in messages:
                link.queue(message)

    def tick(self) -> None:
        """Do what only the passing of time makes due: retries, and entries nobody has asked for any more."""
        self._reactor.expire(_now_ns())
        self._lane.expire()
        self._forget_positions()
        self.pump()

    def pump(self) -> None:
        """Start what has become possible and send everything that is queued. Called after each batch of messages."""
        # The lane's head may have left it without a block.
        self._release_held()
        self._start_rounds()
        self._send_reactor_messages()
        self._pool.flush()
        self._committer.flush()
        for link in self._gateways.values():
            link.flush()


def _now_ns() -> int:
    """Return the time by which the reactor waits and retries: one that nobody sets back."""
    return int(trio.current_time() * 1e9)


def _slow_disk_error(bytes_max: int) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="Overloaded",
        message=(
            f"Writes come faster than the disk takes them: more than {bytes_max} bytes wait to be committed "
            "(committer_unsent_bytes_max). Try again later."
        ),
        system=503,
    )


def _conflict_error(mutation: _Mutation, loss: frames.Loss) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="OptimisticConcurrencyControlFailure",
        message=(
            f"Mutation {mutation.source} was beaten {mutation.losses} times until its time was up, last by "
            f'"{loss.source}" at position {loss.seq} in index {loss.index}. Read fewer documents in it, or make it '
            "faster."
        ),
        system=503,
    )
