"""A whole world: clients, a server that dies and comes back, faults, all from one seed.

A *scenario* is an async function that is given the world: it makes clients, has them do things, lets virtual time pass
with ``trio.sleep``, and ends with :meth:`World.settle`, which lets everything under way happen. What happens follows
from the seed and the scenario alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from trio.testing import MockClock

from rtdb.config import Config, Limits
from rtdb.storage.check import check_environment
from rtdb.testing.simulation.behaviour import Behaviour, Plant
from rtdb.testing.simulation.client import SimulatedClient
from rtdb.testing.simulation.gateway import ServerSocket
from rtdb.testing.simulation.history import History
from rtdb.testing.simulation.server import SimulatedServer
from rtdb.testing.simulation.virtual_time import Chance, Events, SteppingClock

__all__ = ["Scenario", "World", "simulate"]

UNTIL_SECONDS_MAX = 120.0
UNTIL_POLL_SECONDS = 0.01
CLOCK_STEP_SECONDS_MAX = 3600.0

Taken = tuple[Callable[[bytes], None], Callable[[], None]]


class World:
    """What a scenario works with. ``chance`` is the scenario's own."""

    def __init__(
        self, seed: int, data_dir: Path, functions: Path, behaviour: Behaviour, plant: Plant, limits: Limits
    ) -> None:
        self.seed = seed
        self.behaviour = behaviour
        self.limits = limits
        self.events = Events()
        self.clock = SteppingClock()
        self.history = History(self.clock)
        self.clients: list[SimulatedClient] = []
        self.server: SimulatedServer | None = None
        root = Chance(seed)
        self.chance = root.fork()
        self._servers = root.fork()
        self._faults = root.fork()
        self._clients = root.fork()
        self._plant = plant
        self._config = Config(data_dir=data_dir, functions=functions, limits=limits, redact_errors=False)
        self._calm = False
        self._nursery: trio.Nursery

    async def run(self, scenario: Scenario) -> None:
        """Run the scenario against a new server, and check the database it leaves behind."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.events.run)
            await self.start_server()
            self._start_faults()
            await scenario(self)
            if self.server is not None:
                self.check_database()
                self.server.kill()
            nursery.cancel_scope.cancel()

    # --- the server ---------------------------------------------------------------------------------------------------

    async def start_server(self) -> None:
        """Begin a life of the server on what is durable; return when it serves."""
        assert self.server is None
        server = SimulatedServer(
            self._config,
            self.clock,
            self.events,
            self._servers.fork(),
            self.behaviour,
            self._plant,
            self.history,
        )
        await self._nursery.start(server.run)
        self.server = server

    async def restart_server(self) -> None:
        """Kill the server with all its processes, and start it again."""
        server, self.server = self.server, None
        if server is not None:
            server.kill()
            await self.start_server()

    def connect(self, socket: ServerSocket) -> Taken | None:
        """Have the server accept a client's socket."""
        return None if self.server is None else self.server.connect(socket)

    # --- clients ------------------------------------------------------------------------------------------------------

    def add_client(self) -> SimulatedClient:
        """Make a client and have it connect."""
        client = SimulatedClient(
            len(self.clients), self, self.history, self.events, self._clients.fork(), self.behaviour
        )
        self.clients.append(client)
        client.start()
        return client

    def every(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something happen again and again, at drawn intervals with this mean, until the world is calm."""

        def act() -> None:
            if not self._calm:
                action()
                self.every(seconds, action)

        self.events.after(1e-6 + self._faults.expovariate(1 / seconds), act)

    # --- the end ------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Stop faults and whatever goes on with :meth:`every`, and wait until everybody shows the newest state."""
        self._calm = True
        await self.wait_until_quiet()
        for client in self.clients:
            for query_id, (path, args) in client.queries.items():
                outcome = client.core.outcome(query_id)
                fresh = self.history.execute(path, args)
                assert outcome is not None
                assert outcome.value == fresh.result, f"client {client.number} ends with an old result of {path}"

    async def wait_until_quiet(self) -> None:
        """Wait until nothing is under way anywhere."""
        try:
            await self.until(self._is_quiet)
        except trio.TooSlowError:
            raise AssertionError(f"not quiet after {UNTIL_SECONDS_MAX:g} s: {self._why_not()}") from None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something is true. Raises ``TooSlowError`` when it does not become so."""
        with trio.fail_after(UNTIL_SECONDS_MAX):
            while not condition():  # noqa: ASYNC110  # polling a virtual clock takes no time
                await trio.sleep(UNTIL_POLL_SECONDS)

    def check_database(self) -> None:
        """Walk the database as ``rtdb check`` does."""
        assert self.history.environment is not None
        assert check_environment(self.history.environment).problems == []

    def _is_quiet(self) -> bool:
        return self.server is not None and self.server.idle and all(client.up_to_date for client in self.clients)

    def _why_not(self) -> str:
        if self.server is None:
            return "there is no server"
        waiting = [client.number for client in self.clients if not client.up_to_date]
        return f"server idle: {self.server.idle}, clients that wait: {waiting}"

    # --- faults -------------------------------------------------------------------------------------------------------

    def _start_faults(self) -> None:
        behaviour = self.behaviour
        for seconds, fault in (
            (behaviour.runner_killed_every, self._kill_runner),
            (behaviour.action_runner_killed_every, self._kill_action_runner),
            (behaviour.client_dropped_every, self._drop_client),
            (behaviour.gateway_killed_every, self._kill_gateway),
            (behaviour.server_killed_every, self._kill_server),
            (behaviour.clock_stepped_every, self._step_clock),
        ):
            if seconds:
                self.every(seconds, fault)

    def _kill_runner(self) -> None:
        if self.server is not None:
            self.server.kill_runner()

    def _kill_action_runner(self) -> None:
        if self.server is not None:
            self.server.kill_action_runner()

    def _drop_client(self) -> None:
        if self.clients:
            self._faults.choice(self.clients).drop()

    def _kill_gateway(self) -> None:
        if self.server is not None:
            self.server.kill_gateway()

    def _kill_server(self) -> None:
        if self.server is not None:
            self._nursery.start_soon(self.restart_server)

    def _step_clock(self) -> None:
        self.clock.step(self._faults.uniform(-CLOCK_STEP_SECONDS_MAX, CLOCK_STEP_SECONDS_MAX))


Scenario = Callable[[World], Awaitable[None]]


def simulate(
    seed: int,
    functions: Path,
    scenario: Scenario,
    *,
    behaviour: Behaviour | None = None,
    plant: Plant | None = None,
    limits: Limits | None = None,
) -> None:
    """Run a scenario in a world of its own, in a fresh data directory."""
    memory = Path("/dev/shm")  # noqa: S108  # no names are guessed in it, and a simulated disk need not be a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        world = World(seed, Path(directory), functions, behaviour or Behaviour(), plant or Plant(), limits or Limits())
        try:
            trio.run(world.run, scenario, clock=MockClock(autojump_threshold=0))
        except BaseException as error:
            first = _first(error)
            first.add_note(f"simulation with seed {seed}, after {world.events.happened} events")
            raise first from None


def _first(error: BaseException) -> BaseException:
    """Return what went wrong first; the groups around it only say in which tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
