"""A runner in a simulation: the real one, executing real functions in this process.

An execution reads its snapshot when it begins and replies when its drawn time is over, which is all that anybody can
observe of a slow function. A runner that is killed meanwhile never replies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

import msgspec

from rtdb.clock import Clock
from rtdb.functions.runner import Runner, open_runner
from rtdb.link.frames import Call, Outcome, RunnerStart, Stale
from rtdb.link.link import Message
from rtdb.storage.environment import Environment
from rtdb.testing.simulation.behaviour import Behaviour, Plant
from rtdb.testing.simulation.virtual_time import Chance, Events
from rtdb.testing.simulation.wires import HubLink, LinkWire

__all__ = ["SimulatedRunner"]

SIGKILLED = -9


class SimulatedRunner:
    """Both ends: the handle that the pool holds, and what is at the other end of its link."""

    def __init__(
        self,
        pid: int,
        environment: Environment,
        clock: Clock,
        events: Events,
        chance: Chance,
        behaviour: Behaviour,
        plant: Plant,
    ) -> None:
        self.pid = pid
        self._environment = environment
        self._clock = clock
        self._events = events
        self._chance = chance
        self._behaviour = behaviour
        self._plant = plant
        self._to_runner = LinkWire(events, chance, behaviour.link, self._receive)
        self.link = HubLink(self._to_runner)
        self._to_hub = LinkWire(events, chance, behaviour.link, self.link.deliver)
        self._exit_code: int | None = None
        self._runner: Runner | None = None
        self._inbox: deque[Message] = deque()
        self._paths: dict[int, str] = {}
        self._replies: Iterator[Outcome | Stale] | None = None
        self._executing = False

    # --- the pool's side ----------------------------------------------------------------------------------------------

    def kill(self) -> None:
        self._end(SIGKILLED)

    def has_ended(self) -> bool:
        return self._exit_code is not None

    def wait(self) -> int:
        assert self._exit_code is not None, "its link has ended, or it was killed"
        return self._exit_code

    # --- the runner's side --------------------------------------------------------------------------------------------

    def _receive(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, RunnerStart):
                self._events.after(self._behaviour.runner_start.draw(self._chance), partial(self._start, message))
            else:
                if isinstance(message, Call):
                    self._paths[message.call] = message.path
                self._inbox.append(self._plant.to_runner(message))
        self._go_on()

    def _start(self, start: RunnerStart) -> None:
        if self._exit_code is not None:
            return
        self._runner, ready = open_runner(
            start, self._environment, clock=self._clock, random=self._chance.fork(), stopwatch=lambda: 0
        )
        self._to_hub.send_nowait(ready)
        self._go_on()

    def _go_on(self) -> None:
        """Begin with the next call, if it is time for one."""
        runner = self._runner
        while runner is not None and self._exit_code is None and not self._executing:
            if self._replies is None:
                if not self._inbox:
                    return
                messages = list(self._inbox)
                self._inbox.clear()
                self._replies = runner.receive(messages)
            reply = next(self._replies, None)
            if reply is None:
                self._replies = None
                if runner.drained:
                    self._end(0)
            else:
                self._executing = True
                seconds = self._behaviour.execution_of(self._paths[reply.call]).draw(self._chance)
                self._events.after(seconds, partial(self._reply, reply, seconds))

    def _reply(self, reply: Outcome | Stale, seconds: float) -> None:
        if self._exit_code is not None:
            return
        self._executing = False
        if isinstance(reply, Outcome):
            reply = msgspec.structs.replace(reply, micros=int(seconds * 1e6))
        self._to_hub.send_nowait(reply)
        self._go_on()

    def _end(self, code: int) -> None:
        if self._exit_code is None:
            self._exit_code = code
            self._to_runner.cut()
            # What it had sent still arrives, then its end.
            self._to_hub.then(self.link.end)
