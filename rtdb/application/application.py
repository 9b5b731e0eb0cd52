"""The façade, as the hub implements it: run a function for a client, watch a query, follow the blocks.

The :class:`Application` joins the pools, the serial lane, the committer and the reactivity of one server, and decides
which of its parts carries a call out.

A mutation's way:  gateway ─CallRequest▶ (lane or pool) ─Call▶ runner ─Outcome▶ here ─Commit▶ committer ─BlockApplied▶
here: first the reactor marks what the block invalidated, then the answer goes out, then a round re-runs the queries.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import trio

from rtdb.alarm import Alarm
from rtdb.application.actions import Actions
from rtdb.application.caller import Caller, LinkCaller, OutgoingLink
from rtdb.application.calls import CallKey, Calls
from rtdb.application.completions import Completions
from rtdb.application.function_log import FunctionLog
from rtdb.application.http_actions import HttpActions
from rtdb.application.log_polls import LogPolls
from rtdb.application.mutations import Mutations
from rtdb.application.positions import Positions
from rtdb.application.queries import Queries
from rtdb.application.request_ids import RequestIds
from rtdb.application.watched_queries import WatchedQueries
from rtdb.clock import Clock
from rtdb.config import Config
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.description import Description
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link import frames
from rtdb.link.link import Message
from rtdb.reactivity.reactor import ReactorStatistics
from rtdb.scheduler.driver import Scheduler
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import ENVIRONMENT_VARIABLES_TABLE

__all__ = ["FILE_STEPS", "Application"]

FILE_STEPS: Final = "_system/files"
"""The module of the server's own functions whose steps gateways may take."""
ENVIRONMENT_INDEX: Final = index_number(ENVIRONMENT_VARIABLES_TABLE, BY_ID)
"""Environment variables by id: every change of one is a change there."""


TICK_SECONDS: Final = 0.25
"""How often there is a look at what may take too long (the wait for the lane, the reading of a gateway), and at whether
there is something for those who follow the function log."""
TICK_SECONDS_MIN: Final = 0.001
"""How soon after one tick there may be another."""


class Application:
    """The hub's state, from the position the committer opened the database at. Gateways come and go.

    ``incarnation`` is a name that no other run of a server has.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        pool: RunnerPool,
        action_pool: ActionPool,
        committer: OutgoingLink,
        opened: frames.CommitterReady,
        *,
        incarnation: str,
    ) -> None:
        limits = config.limits
        next_call = count(1).__next__
        self._pool = pool
        self._action_pool = action_pool
        self._committer = committer
        self._alarm = Alarm()
        self._gateways: dict[int, OutgoingLink] = {}
        self._functions: dict[str, frames.FunctionKind] = {}
        self._positions = Positions(clock, limits.undo_seconds, opened)
        request_ids = RequestIds(clock)
        self._log = FunctionLog(limits, clock)
        self._log_polls = LogPolls(limits, self._log)
        self._completions = Completions(self._positions, self._log.record)
        self._calls = Calls(limits, next_call, request_ids, self._completions)
        self._mutations = Mutations(limits, pool, committer, opened.seq, next_call)
        self._watched = WatchedQueries(
            limits, pool, self._completions, self._gateways, next_call, request_ids, seq=opened.seq, ts=opened.ts
        )
        self._actions = Actions(limits, action_pool, self._positions, self._log)
        self._http_actions = HttpActions(limits, action_pool, self._positions, self._calls, self._log)
        self._queries = Queries(limits, pool, self._positions, self._watched, self._mutations.go_on, self._actions.run)
        self.scheduler = Scheduler(self, limits, clock, incarnation)
        """To be run once functions can be."""

    def use_description(self, description: Description) -> None:
        """Take note of the app's functions, whose kinds decide how a call is run, and of whether it has routes."""
        self._functions = {function.path: function.kind for function in description.functions}
        self._http_actions.enabled = description.routes is not None
        self._log.in_node = frozenset(function.path for function in description.functions if function.in_node)

    def kind_of(self, path: str) -> frames.FunctionKind | None:
        """Return the kind of the app's function with this path, None if there is none."""
        return self._functions.get(path)

    @property
    def position(self) -> tuple[int, int]:
        """The newest block's seq and timestamp."""
        return self._positions.seq, self._positions.ts

    @property
    def calls(self) -> int:
        """Calls under way."""
        return len(self._calls)

    @property
    def reactor_statistics(self) -> ReactorStatistics:
        """Sizes and counts of the watched queries."""
        return self._watched.statistics()

    # --- gateways -----------------------------------------------------------------------------------------------------

    def add_gateway(self, gateway: int, link: OutgoingLink) -> None:
        self._gateways[gateway] = link
        self._watched.add_gateway(gateway)

    def remove_gateway(self, gateway: int) -> None:
        """Forget a gateway whose link ended: its watches go; its mutations under way complete unheard."""
        if self._gateways.pop(gateway, None) is not None:
            self._watched.remove_gateway(gateway)
            self._log_polls.remove_gateway(gateway)
            self._http_actions.remove_gateway(gateway)

    def gateway_message(self, gateway: int, message: Message) -> None:
        match message:
            case frames.CallRequest():
                caller = LinkCaller(self._gateways[gateway], message.call)
                self.request(caller, message, key=(gateway, message.call))
            case frames.FileStepRequest():
                self.take_file_step(LinkCaller(self._gateways[gateway], message.call), message)
            case frames.Watch():
                self._watched.watch(gateway, message)
            case frames.Unwatch():
                self._watched.unwatch(gateway, message.watch)
            case frames.LogPoll():
                self._log_polls.poll(gateway, self._gateways[gateway], message)
            case frames.LogPollCancel():
                self._log_polls.cancel(gateway, message.poll)
            case frames.HttpActionRequest():
                self._http_actions.request(gateway, self._gateways[gateway], message)
            case frames.BodyChunk() | frames.BodyCredit():
                self._http_actions.from_gateway(gateway, message)
            case frames.Cancel():
                # What has begun goes on, whoever waits for it; its answer is dropped there.
                self._calls.withdraw((gateway, message.call))
                self._http_actions.from_gateway(gateway, message)
            case _:
                raise AssertionError(f"a gateway sent {type(message).__name__}")

    # --- calls --------------------------------------------------------------------------------------------------------

    def take_file_step(self, caller: Caller, asked: frames.FileStepRequest) -> None:
        """Take a step of file storage for a part of the server, which has made it out of no client's request."""
        path = f"{FILE_STEPS}:{asked.step}"
        request = frames.CallRequest(asked.call, "any", path, asked.args, None, True)
        self.request(caller, request, by_server=True)

    def action_requested(self, link: OutgoingLink, request: frames.CallRequest | frames.FileStepRequest) -> None:
        """Run a function, or take a step, for an action; the answer goes to its runner's ``link``."""
        caller = LinkCaller(link, request.call)
        if isinstance(request, frames.FileStepRequest):
            self.take_file_step(caller, request)
        else:
            self.request(caller, request, by_action=True)

    def request(
        self,
        caller: Caller,
        request: frames.CallRequest,
        *,
        by_server: bool = False,
        by_action: bool = False,
        scheduled: frames.ScheduledRun | None = None,
        key: CallKey | None = None,
    ) -> None:
        """Run a function for a caller, who is answered exactly once.

        ``by_server``: it is the hub itself; ``by_action``: it is an action under way; ``scheduled``: it is the run of
        this work; ``key``: it is a gateway, which may cancel it.
        """
        kind = self._functions.get(request.path)
        source = "" if kind is None else request.path
        accepted = self._calls.accept(
            caller, request, source, by_server=by_server, by_action=by_action, scheduled=scheduled, key=key
        )
        if accepted is None:
            return
        is_mutation = request.kind == "mutation" or (request.kind == "any" and kind == "mutation")
        if is_mutation or request.path.startswith("_system/"):
            self._mutations.run(accepted)
        elif kind == "action" and request.kind in ("action", "any"):
            self._actions.run(accepted)
        else:
            self._queries.run(accepted, request.at_ts)

    # --- the committer ------------------------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Follow one durable block: invalidate first, then answer (Invariant 7), then let rounds start."""
        if block.seq:
            self._positions.advance(block.seq, block.ts)
            self._watched.block_applied(block)
            self.scheduler.block_applied(block)
            self._completions.block_applied()
            if any(change.index == ENVIRONMENT_INDEX for change in block.changes):
                self._action_pool.environment_changed()
        self._mutations.block_applied(block)

    # --- time and end -------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Do what only the passing of time makes due: retries, and entries nobody has asked for any more."""
        self._watched.expire()
        self._mutations.expire()
        self._log_polls.answer_due()
        self.pump()

    async def wait_due(self) -> None:
        """Wait until there is something for :meth:`tick` to do, for no other reason than time."""
        await self._alarm.wait()

    def pump(self) -> None:
        """Start what has become possible and send everything that is queued. Called after each batch of messages."""
        # The lane's head may have left it without a block.
        self._mutations.release_held()
        self._watched.start_rounds(self._functions)
        self._watched.send_messages()
        self._pool.flush()
        self._action_pool.flush()
        self._committer.flush()
        for link in self._gateways.values():
            link.flush()
        self._set_alarm()

    def _set_alarm(self) -> None:
        now = trio.current_time()
        due = self._watched.due()
        if due is not None:
            self._alarm.set(max(due, now + TICK_SECONDS_MIN))
        if (
            self._log_polls
            or self._mutations.wait_for_lane
            or any(link.unsent_bytes for link in self._gateways.values())
        ):
            self._alarm.set(now + TICK_SECONDS)

    @property
    def draining(self) -> bool:
        """Whether no new calls are taken any more."""
        return self._calls.draining

    def drain(self) -> None:
        """Take no new calls and tell the gateways to finish; what is under way is still answered."""
        self._calls.drain()
        for link in self._gateways.values():
            link.queue(frames.Drain(reason="shutdown"))
        self.pump()

    async def wait_idle(self) -> None:
        """Wait until no call is under way. To be called once no more are taken."""
        await self._calls.wait_idle()
