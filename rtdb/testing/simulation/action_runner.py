"""An action runner in a simulation: the real one, whose actions are tasks of this process and wait in virtual time.

One that is killed says nothing more, and what it was about to do it does not do; what its actions had asked for by then
arrives.
"""

from __future__ import annotations

from pathlib import Path

import trio

from rtdb.blobstore.addresses import FileAddresses, UploadTokens
from rtdb.blobstore.store import BlobStore
from rtdb.clock import Clock
from rtdb.config import decode_config
from rtdb.functions.action_runner import ActionRunner
from rtdb.functions.app_loader import load_app
from rtdb.functions.description import encode_description
from rtdb.functions.environment_context import built_in_variables
from rtdb.functions.fetch import Fetcher
from rtdb.functions.pulse import SIZE, Pulse
from rtdb.link import frames
from rtdb.link.link import LinkClosed, Message
from rtdb.testing.simulation.behaviour import Behaviour
from rtdb.testing.simulation.virtual_time import Chance, Events
from rtdb.testing.simulation.wires import HubLink, LinkWire
from rtdb.typescript.networks import reach_of

__all__ = ["SimulatedActionRunner"]

SIGKILLED = -9


class SimulatedActionRunner:
    """Both ends: the handle that the pool holds, and what is at the other end of its link."""

    def __init__(
        self, nursery: trio.Nursery, pid: int, clock: Clock, events: Events, chance: Chance, behaviour: Behaviour
    ) -> None:
        self.pid = pid
        self.pulse = Pulse(bytearray(SIZE))
        self._clock = clock
        self._chance = chance
        self._start_seconds = behaviour.runner_start.draw(chance)
        self._to_runner = LinkWire(events, chance, behaviour.link, self._arrived)
        self.link = HubLink(self._to_runner)
        self._to_hub = LinkWire(events, chance, behaviour.link, self.link.deliver)
        self._link = HubLink(self._to_hub)
        self._life = trio.CancelScope()
        self._exit_code: int | None = None
        nursery.start_soon(self._run)

    def _arrived(self, messages: list[Message]) -> None:
        self._link.deliver(messages)

    # --- the pool's side ----------------------------------------------------------------------------------------------

    def kill(self) -> None:
        self._end(SIGKILLED)

    def has_ended(self) -> bool:
        return self._exit_code is not None

    def wait(self) -> int:
        assert self._exit_code is not None, "its link has ended, or it was killed"
        return self._exit_code

    # --- the runner's side --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        with self._life:
            try:
                start, *messages = await self._link.receive()
                assert isinstance(start, frames.RunnerStart)
                await trio.sleep(self._start_seconds)
                config = decode_config(start.config)
                limits = config.limits
                app = load_app(Path(start.bundle), limits)
                self._link.send_nowait(frames.RunnerReady(description=encode_description(app.description)))
                runner = ActionRunner(
                    app,
                    limits,
                    self._link,
                    self.pulse,
                    clock=self._clock,
                    random=self._chance.fork(),
                    fetcher=Fetcher(limits, reach_of(config.action_networks_allowed)),
                    blobs=BlobStore(config.data_dir, self._chance.fork()),
                    addresses=FileAddresses(start.cloud_url, UploadTokens(start.upload_key, config.instance_name)),
                    built_in=built_in_variables(start.cloud_url, start.site_url),
                )
                await runner.run(messages)
            except* LinkClosed:
                pass
        self._end(0)

    def _end(self, code: int) -> None:
        if self._exit_code is None:
            self._exit_code = code
            self._life.cancel()
            self._to_runner.cut()
            # What it had sent still arrives, then its end, after which nobody listens any more.
            self._to_hub.then(self.link.end)
