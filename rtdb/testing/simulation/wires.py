"""In-memory twins of sockets and links: what is sent arrives in order, later, and not at all once the wire is cut.

Messages between the server's parts are encoded and decoded on the way, as between processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

import msgspec
import trio

from rtdb.link.frames import Call, Outcome, Stale
from rtdb.link.link import LinkClosed, Message
from rtdb.testing.simulation.virtual_time import Chance, Delay, Events

__all__ = ["HubLink", "LinkWire", "Wire"]

ItemT = TypeVar("ItemT")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])


class Wire(Generic[ItemT]):
    """One direction of a connection. ``deliver`` is called once for every item that arrives."""

    def __init__(self, events: Events, chance: Chance, delay: Delay, deliver: Callable[[ItemT], None]) -> None:
        self._events = events
        self._chance = chance
        self._delay = delay
        self._deliver = deliver
        self._last = 0.0
        self.is_cut = False
        self.under_way = 0

    def send(self, item: ItemT) -> None:
        """Have the item arrive after everything sent before it."""
        if self.is_cut:
            return
        self._last = max(self._last + 1e-9, trio.current_time() + self._delay.draw(self._chance))
        self.under_way += 1
        self._events.at(self._last, partial(self._arrive, item))

    def then(self, action: Callable[[], None]) -> None:
        """Have something happen after everything sent before has arrived; also when the wire is cut."""
        self._last = max(self._last + 1e-9, trio.current_time() + self._delay.draw(self._chance))
        self._events.at(self._last, action)

    def cut(self) -> None:
        """Lose what is under way and everything sent from now on."""
        self.is_cut = True
        self.under_way = 0

    def _arrive(self, item: ItemT) -> None:
        if not self.is_cut:
            self.under_way -= 1
            self._deliver(item)


class LinkWire:
    """One direction of a link: frames of messages."""

    def __init__(self, events: Events, chance: Chance, delay: Delay, deliver: Callable[[list[Message]], None]) -> None:
        self._wire: Wire[bytes] = Wire(events, chance, delay, self._arrive)
        self._deliver = deliver
        self._queued: list[Message] = []

    @property
    def under_way(self) -> int:
        """Frames that have not arrived."""
        return self._wire.under_way

    @property
    def unsent_bytes(self) -> int:
        """What waits to be taken: a wire takes everything at once."""
        return 0

    def send_nowait(self, message: Message) -> None:
        """Send one message as a frame of its own."""
        self._queued.append(message)
        self.flush()

    def queue(self, message: Message) -> None:
        self._queued.append(message)

    def flush(self) -> None:
        if self._queued:
            self._wire.send(_encoder.encode(self._queued))
            self._queued.clear()

    def then(self, action: Callable[[], None]) -> None:
        """Have something happen after everything flushed before has arrived."""
        self._wire.then(action)

    def cut(self) -> None:
        self._wire.cut()

    def _arrive(self, frame: bytes) -> None:
        self._deliver(_decoder.decode(frame))


class HubLink:
    """The hub's end of a link to a runner, as the pool's tasks use it: one way is a wire, the other a mailbox."""

    def __init__(self, outgoing: LinkWire) -> None:
        self._outgoing = outgoing
        self._arrived: deque[list[Message]] = deque()
        self._reader: trio.lowlevel.Task | None = None
        self._ended = False
        self._calls: deque[int] = deque()

    @property
    def oldest_call(self) -> int | None:
        """The oldest call without a reply: for all the hub knows, the one that is running."""
        return self._calls[0] if self._calls else None

    @property
    def unsent_bytes(self) -> int:
        return self._outgoing.unsent_bytes

    def send_nowait(self, message: Message) -> None:
        self.queue(message)
        self.flush()

    def queue(self, message: Message) -> None:
        if isinstance(message, Call):
            self._calls.append(message.call)
        self._outgoing.queue(message)

    def flush(self) -> None:
        self._outgoing.flush()

    async def receive(self) -> list[Message]:
        while not self._arrived:
            if self._ended:
                raise LinkClosed
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        return self._arrived.popleft()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        self._outgoing.cut()
        self.end()

    def deliver(self, messages: list[Message]) -> None:
        """Put messages of the other end into the mailbox."""
        for message in messages:
            if isinstance(message, Outcome | Stale):
                self._calls.popleft()
        self._arrived.append(messages)
        self._wake()

    def end(self) -> None:
        """The other end is gone: nothing comes any more."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None:
            trio.lowlevel.reschedule(self._reader)
            self._reader = None

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED
