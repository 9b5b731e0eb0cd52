"""One life of a server in a simulation: the real application and pool, joined to simulated processes.

It follows `rtdb/hub/hub.py`, which does the same with processes. A kill takes everything at once: what is durable
stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from rtdb.application import Application
from rtdb.config import Config, encode_config
from rtdb.deploy.deployer import Deployer
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.bundle import EMPTY, read_bundle
from rtdb.functions.bundle_store import BundleStore
from rtdb.functions.description import decode_description
from rtdb.functions.runner_pool import KILLS_MAX, RunnerPool
from rtdb.link import frames
from rtdb.link.link import Link, Message
from rtdb.storage.undo import undo_positions
from rtdb.testing.simulation.action_runner import SimulatedActionRunner
from rtdb.testing.simulation.behaviour import Behaviour, Plant
from rtdb.testing.simulation.committer import SimulatedCommitter
from rtdb.testing.simulation.gateway import ServerSocket, SimulatedGateway
from rtdb.testing.simulation.history import History
from rtdb.testing.simulation.runner import SimulatedRunner
from rtdb.testing.simulation.virtual_time import Chance, Events, SteppingClock
from rtdb.testing.simulation.wires import LinkWire
from rtdb.typescript.node_app import NodeApps

__all__ = ["SimulatedServer"]

GATEWAY_RESTART_SECONDS = 0.2
START_SECONDS_MAX = 10.0
ADMIN_SECRET = bytes(32)
CURSOR_KEY = bytes(16)


async def run_inline(function: Callable[..., Any], *arguments: Any) -> Any:
    """Do blocking work in no time, where a thread could not be replayed."""
    return function(*arguments)


class _Gateway:
    """A gateway and both directions of its link."""

    def __init__(self, gateway: SimulatedGateway, to_gateway: LinkWire, to_hub: LinkWire) -> None:
        self.gateway = gateway
        self.to_gateway = to_gateway
        self.to_hub = to_hub
        self.told_ts = 0
        """The greatest timestamp it has been told of by a notice."""


class SimulatedServer:
    """:meth:`run` it in a nursery; it serves from ``task_status.started`` to :meth:`kill`."""

    def __init__(
        self,
        config: Config,
        clock: SteppingClock,
        events: Events,
        chance: Chance,
        behaviour: Behaviour,
        plant: Plant,
        history: History,
    ) -> None:
        self._config = config
        self._clock = clock
        self._events = events
        self._chance = chance
        self._behaviour = behaviour
        self._plant = plant
        self._history = history
        self._nursery: trio.Nursery | None = None
        self._described = trio.Event()
        self._description = b""
        self._last_runner = 0
        self._runners: list[SimulatedRunner] = []
        self._action_runners: list[SimulatedActionRunner] = []
        self._kills: Counter[int | None] = Counter()
        self._gateways: dict[int, _Gateway] = {}
        self._from_committer = LinkWire(events, chance, behaviour.link, self._blocks)
        self.application: Application
        self.committer: SimulatedCommitter
        self.deployer: Deployer
        self.alive = True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until killed."""
        config, chance = self._config, self._chance
        self.committer = SimulatedCommitter(
            config,
            self._clock,
            self._events,
            chance.fork(),
            self._behaviour,
            self._plant,
            tell=self._from_committer.send_nowait,
            note=self._history.note,
        )
        position = self.committer.committer.position
        self._environment = self.committer.committer.environment
        self._to_committer = LinkWire(self._events, chance.fork(), self._behaviour.link, self.committer.receive)
        bundle = EMPTY if config.functions is None else read_bundle(config.functions, config.limits)
        bundles = BundleStore(config.data_dir)
        start = self._runner_start(bundles, bundles.store(bundle))
        self._history.opened(self._environment, start)
        pool = RunnerPool(
            self,
            start,
            config.limits,
            start_runner=self._start_runner,
            file_bytes=self._environment.file_bytes,
        )
        with self._environment.read() as txn:
            past = undo_positions(txn)
        ready = frames.CommitterReady(seq=position.seq, ts=position.ts, past=past)
        action_pool = ActionPool(self, config.limits, start_runner=self._start_action_runner)
        self.application = Application(
            config,
            self._clock,
            pool,
            action_pool,
            self._to_committer,
            ready,
            incarnation=chance.fork().bytes(8).hex(),
        )
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            with trio.fail_after(START_SECONDS_MAX):
                await nursery.start(pool.run)
                await nursery.start(action_pool.run)
                await self._described.wait()
                description = decode_description(self._description)
                self.application.use_description(description)
                action_pool.use(start if description.has_actions else None)
                self.deployer = Deployer(
                    self.application,
                    pool,
                    action_pool,
                    bundles,
                    config.limits,
                    nursery,
                    runner_start=partial(self._runner_start, bundles),
                    bundle_hash=bundle.hash,
                    description=self._description,
                    node_apps=NodeApps(config.data_dir, None, config.limits),
                    run_blocking=run_inline,
                )
                await self.deployer.deploy(lambda active: bundle, lambda event: None)
            for number in range(config.gateways):
                self._start_gateway(number)
            nursery.start_soon(self._tick)
            nursery.start_soon(self.application.scheduler.run)
            task_status.started()

    def kill(self) -> None:
        """End everything at once."""
        assert self._nursery is not None
        self.alive = False
        self._from_committer.cut()
        self._to_committer.cut()
        for number in list(self._gateways):
            self._stop_gateway(number)
        for runner in self._runners:
            runner.kill()
        for action_runner in self._action_runners:
            action_runner.kill()
        self.committer.stop()
        self._nursery.cancel_scope.cancel()

    @property
    def rounds_open(self) -> int:
        """Rounds of re-executions that are not over."""
        return self.application.reactor_statistics.rounds_open

    @property
    def idle(self) -> bool:
        """Whether nothing is under way inside."""
        statistics = self.application.reactor_statistics
        return (
            self.alive
            and not self.application.calls
            and not self.application.scheduler.statistics()["running"]
            and self.committer.idle
            and not self._from_committer.under_way
            and not statistics.executions_running
            and not statistics.rounds_open
            and all(
                gateway.gateway.idle and not gateway.to_gateway.under_way and not gateway.to_hub.under_way
                for gateway in self._gateways.values()
            )
        )

    # --- for clients and faults ---------------------------------------------------------------------------------------

    def connect(self, socket: ServerSocket) -> tuple[Callable[[bytes], None], Callable[[], None]] | None:
        """Have a gateway accept a socket; return what takes texts and what to call at its end. None: there is none."""
        if not self._gateways:
            return None
        gateway = self._gateways[self._chance.choice(sorted(self._gateways))].gateway
        return gateway.accept(socket), partial(gateway.closed, socket)

    def kill_runner(self) -> None:
        """Have the kernel kill some runner, but not so often over one call that the pool blames the call for it."""
        alive = [runner for runner in self._runners if not runner.has_ended()]
        if alive:
            runner = self._chance.choice(alive)
            call = runner.link.oldest_call
            if call is None or self._kills[call] < KILLS_MAX - 1:
                self._kills[call] += 1
                runner.kill()

    def kill_action_runner(self) -> None:
        """Have the kernel kill some action runner."""
        alive = [runner for runner in self._action_runners if not runner.has_ended()]
        if alive:
            self._chance.choice(alive).kill()

    def kill_gateway(self) -> None:
        """Have the kernel kill some gateway; another takes its place."""
        if self._gateways:
            number = self._chance.choice(sorted(self._gateways))
            self._stop_gateway(number)
            self.application.remove_gateway(number)
            self._events.after(GATEWAY_RESTART_SECONDS, partial(self._start_gateway, number))

    # --- the hub ------------------------------------------------------------------------------------------------------

    def _runner_start(self, bundles: BundleStore, bundle_hash: str) -> frames.RunnerStart:
        return frames.RunnerStart(
            config=encode_config(self._config),
            bundle=str(bundles.directory(bundle_hash)),
            deployment=bundle_hash,
            cursor_key=CURSOR_KEY,
            environment_key=bytes(16),
            upload_key=bytes(16),
            cloud_url="http://127.0.0.1:3210",
            site_url="http://127.0.0.1:3210/http",
        )

    def _blocks(self, messages: list[Message]) -> None:
        for message in messages:
            assert isinstance(message, frames.BlockApplied)
            self.application.block_applied(message)
        self.application.pump()

    async def _tick(self) -> None:
        while True:
            await self.application.wait_due()
            self.application.tick()

    # --- runners (RunnerOwner) ----------------------------------------------------------------------------------------

    def _start_action_runner(self) -> SimulatedActionRunner:
        assert self._nursery is not None
        self._last_runner += 1
        runner = SimulatedActionRunner(
            self._nursery, self._last_runner, self._clock, self._events, self._chance.fork(), self._behaviour
        )
        self._action_runners = [runner for runner in self._action_runners if not runner.has_ended()]
        self._action_runners.append(runner)
        return runner

    def action_requested(self, link: Link, request: frames.CallRequest | frames.FileStepRequest) -> None:
        self.application.action_requested(link, request)

    def _start_runner(self) -> SimulatedRunner:
        self._last_runner += 1
        runner = SimulatedRunner(
            self._last_runner,
            self._environment,
            self._clock,
            self._events,
            self._chance.fork(),
            self._behaviour,
            self._plant,
        )
        self._runners = [runner for runner in self._runners if not runner.has_ended()]
        self._runners.append(runner)
        return runner

    def runner_described(self, description: bytes) -> None:
        self._description = description
        self._described.set()

    def runner_refused(self, error: frames.ExecutionError) -> None:
        raise AssertionError(f"the app cannot be loaded: {error}")

    def runner_ended(self) -> None:
        self._to_committer.queue(frames.ReaderCheck())

    def outcomes_handled(self) -> None:
        if self.alive:
            self.application.pump()

    # --- gateways -----------------------------------------------------------------------------------------------------

    def _start_gateway(self, number: int) -> None:
        if not self.alive:
            return
        assert self._nursery is not None
        seq, ts = self.application.position
        begun = frames.Begun(encode_config(self._config), ADMIN_SECRET, seq, ts)
        to_hub = LinkWire(self._events, self._chance.fork(), self._behaviour.link, partial(self._from_gateway, number))
        gateway = SimulatedGateway(begun, to_hub, self._clock, self._events, self._chance.fork(), self._nursery)
        to_gateway = LinkWire(
            self._events, self._chance.fork(), self._behaviour.link, partial(self._to_gateway, number)
        )
        self._gateways[number] = _Gateway(gateway, to_gateway, to_hub)
        self._gateways[number].told_ts = ts
        self.application.add_gateway(number, to_gateway)
        self.application.pump()

    def _stop_gateway(self, number: int) -> None:
        stopped = self._gateways.pop(number)
        stopped.gateway.stop()
        stopped.to_gateway.cut()
        stopped.to_hub.cut()

    def _from_gateway(self, number: int, messages: list[Message]) -> None:
        for message in messages:
            self.application.gateway_message(number, message)
        self.application.pump()

    def _to_gateway(self, number: int, messages: list[Message]) -> None:
        gateway = self._gateways[number]
        for message in self._plant.to_gateway(messages):
            self._check_order(gateway, message)
            gateway.gateway.receive([message])

    def _check_order(self, gateway: _Gateway, message: Message) -> None:
        """A gateway hears of a block before it gets anything that was answered or read at or after it."""
        match message:
            case frames.BlockNotice():
                assert message.ts > gateway.told_ts, "blocks are told in order"
                gateway.told_ts = message.ts
            case frames.Answer():
                assert message.ts <= gateway.told_ts, "an answer comes after the notice of its block"
            case frames.RoundResults():
                newest = max((result.ts for result in message.results), default=0)
                assert newest <= gateway.told_ts, "a result comes after the notice of the block it was read at"
