"""The processes of one kind that run an app's code: started, followed, watched, and replaced at a deploy.

::

    spawn ─▶ starting ─▶ ready ─▶ draining ─▶ ended        what cannot be started, or ends before it is ready, makes
               └───────────┴─────────┴─ killed ─┘          the next start wait longer

Other code is loaded (:meth:`Fleet.load`) in processes beside those in use, and used from :meth:`Fleet.switch` on:
processes of both are alive then, and the earlier ones finish what they have and end.

How many there are to be, and what they do, the owner decides; nothing here knows a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import structlog
import trio

from rtdb.functions.app_process import AppProcess
from rtdb.functions.next_code import NextCode
from rtdb.functions.runner_handle import StartRunner, how_it_ended
from rtdb.link import frames
from rtdb.link.link import LinkClosed, LinkGarbledError, Message

__all__ = ["Fleet", "FleetOwner"]

UNHEARD_SECONDS = 0.1
"""From when on work without a word, or a kill, makes the fleet look whether the process is still there."""
START_DELAY_SECONDS = 0.05
START_DELAY_SECONDS_MAX = 5.0
RETIREMENT_SECONDS_MAX = 5.0
"""How long a process with nothing left to do may take to end: code of the app may have left threads behind."""

_log = structlog.get_logger("rtdb.runners")

ProcessT = TypeVar("ProcessT", bound=AppProcess)
OwnedT_contra = TypeVar("OwnedT_contra", bound=AppProcess, contravariant=True)


class FleetOwner(Protocol[OwnedT_contra]):
    """What the fleet tells its owner."""

    def received(self, process: OwnedT_contra, messages: Sequence[Message]) -> None:
        """A process has said something. ``RunnerReady`` is to be handed back to :meth:`Fleet.loaded`.

        Raises :class:`LinkGarbledError` for what it must not say: then it is killed.
        """
        ...

    def ended(self, process: OwnedT_contra, code: int) -> None:
        """A process is no more; ``code`` as of :meth:`RunnerHandle.wait`."""
        ...


class Fleet(Generic[ProcessT]):
    """Processes with the code of ``start``, and at a deploy of the next. ``name`` is what the log calls one of them.
    Without code (None) there is nothing for them to do, and none is started.

    ``start_process`` starts one, which is killed if it is not ready within ``start_seconds_max``; ``process_type`` is
    what stands for it here.
    """

    def __init__(
        self,
        name: str,
        owner: FleetOwner[ProcessT],
        start: frames.RunnerStart | None,
        *,
        process_type: type[ProcessT],
        start_process: StartRunner,
        start_seconds_max: float,
    ) -> None:
        self._name = name
        self._owner = owner
        self._start = start
        self._process_type = process_type
        self._start_process = start_process
        self._start_seconds_max = start_seconds_max
        self.processes: list[ProcessT] = []
        self._nursery: trio.Nursery | None = None
        self._next: NextCode | None = None
        """Set from ``load`` until ``switch`` or ``discard``."""
        self.stopping = False
        self._failed_starts = 0
        self._start_after = 0.0

    @property
    def in_use(self) -> list[ProcessT]:
        """The processes that do not wait for their code to be deployed."""
        return [process for process in self.processes if not process.is_next]

    @property
    def deployments(self) -> set[str]:
        """Those whose code some process has or is about to have."""
        own = set() if self._start is None else {self._start.deployment}
        return own | {process.start.deployment for process in self.processes}

    @property
    def is_loading(self) -> bool:
        """Whether other code is being loaded, or has been and waits to be deployed."""
        return self._next is not None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be there to start processes until cancelled; every one is dead when this returns."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self.stopping = True
            for process in self.processes:
                process.handle.kill()
            for process in self.processes:
                process.handle.wait()
                process.link.close()
            self.processes.clear()

    def flush(self) -> None:
        """Send what is queued on the links."""
        for process in self.processes:
            process.link.flush()

    # --- lives --------------------------------------------------------------------------------------------------------

    def use(self, start: frames.RunnerStart | None) -> None:
        """Start processes with this code from now on: when a server starts, before there are any."""
        assert not self.processes
        self._start = start

    @property
    def has_code(self) -> bool:
        """Whether there is code to run."""
        return self._start is not None

    def spawn(self, now: float) -> None:
        """Start a process; slower and slower while none manages to start."""
        assert self._start is not None
        self._spawn(self._start, now, is_next=False)

    def _spawn(self, start: frames.RunnerStart, now: float, *, is_next: bool) -> None:
        assert self._nursery is not None
        if self.stopping or now < self._start_after:
            return
        try:
            handle = self._start_process()
        except OSError as error:
            _log.error(f"a {self._name} could not be started", error=str(error))
            self._start_failed(now)
            return
        process = self._process_type(handle, start, now, is_next=is_next)
        process.link.queue(start)
        process.link.flush()
        self.processes.append(process)
        self._nursery.start_soon(self._follow, process)

    def _start_failed(self, now: float) -> None:
        self._failed_starts += 1
        delay = min(START_DELAY_SECONDS * 2**self._failed_starts, START_DELAY_SECONDS_MAX)
        self._start_after = now + delay

    async def _follow(self, process: ProcessT) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(process.link.run)
        try:
            with process.following:
                while True:
                    self._owner.received(process, await process.link.receive())
        except LinkClosed:
            pass
        except LinkGarbledError as error:
            # Code of the app has had its hands on the link, or has got past what is checked there.
            _log.error(
                f"a {self._name} was stopped: it says what it must not", pid=process.handle.pid, error=str(error)
            )
        if process in self.processes:
            self._ended(process, trio.current_time())

    def loaded(self, process: ProcessT, message: frames.RunnerReady) -> None:
        """Take note that a process has loaded its code or could not."""
        process.idle_since = trio.current_time()
        process.ready = message.error is None
        if process.is_next:
            if (following := self._next_of(process)) is not None:
                following.runner_ready(message)
        elif message.error is None:
            self._failed_starts = 0
        else:
            _log.error(f"a {self._name} could not load the app", error=message.error.message, at=message.error.frames)

    def drain(self, process: ProcessT, now: float) -> None:
        """Let a process finish what it has; it ends when it reads ``Drain``."""
        process.retiring_since = now
        process.link.queue(frames.Drain())
        process.link.flush()

    def _ended(self, process: ProcessT, now: float) -> None:
        """Reap a process whose link ended."""
        self.processes.remove(process)
        # Code of the app may have closed the link of a process that lives on.
        process.handle.kill()
        code = process.handle.wait()
        process.link.close()
        if process.is_next:
            if (following := self._next_of(process)) is not None:
                following.runner_ended(self._how_a_start_ended(process, code))
        elif not process.ready:
            self._start_failed(now)
        self._owner.ended(process, code)

    def _next_of(self, process: ProcessT) -> NextCode | None:
        """Return the next code if this process was started with it; it may have been with one that was discarded."""
        return self._next if self._next is not None and self._next.start is process.start else None

    def _how_a_start_ended(self, process: ProcessT, code: int) -> str:
        if process.killed:
            return f"stopped after {self._start_seconds_max:g} s, which is runner_start_seconds_max"
        return how_it_ended(code)

    def watch(self, now: float) -> None:
        """Look after lives that do not go on by themselves. To be called at short intervals."""
        for process in list(self.processes):
            self._watch(process, now)

    def _watch(self, process: ProcessT, now: float) -> None:
        if not process.ready and not process.killed and now - process.started_at > self._start_seconds_max:
            _log.error(f"a {self._name} did not start in time", pid=process.handle.pid)
            process.kill()
        unheard_since = process.unheard_since
        retiring = process.retiring_since
        if (
            retiring is not None
            and unheard_since is None
            and now - max(retiring, process.idle_since) > RETIREMENT_SECONDS_MAX
        ):
            process.kill()
        suspect = process.killed or (unheard_since is not None and now - unheard_since > UNHEARD_SECONDS)
        if suspect and process.has_ended_unheard():
            process.following.cancel()

    # --- other code ---------------------------------------------------------------------------------------------------

    async def load(self, start: frames.RunnerStart, count: int) -> frames.RunnerReady:
        """Load other code in ``count`` processes beside those in use, and return what the first one says of it.

        Then either :meth:`switch` or :meth:`discard`.
        """
        assert self._next is None, "one deploy at a time"
        following = self._next = NextCode(start)
        while following.ready is None:
            if not any(self._next_of(process) for process in self.processes):
                self._spawn(start, trio.current_time(), is_next=True)
            # Nothing may have been started, for lack of memory: then it is tried again.
            with trio.move_on_after(START_DELAY_SECONDS):
                await following.wait_changed()
        if following.ready.error is None:
            for _ in range(count - 1):
                self._spawn(start, trio.current_time(), is_next=True)
        return following.ready

    async def wait_loaded(self) -> None:
        """Wait until every process that was started with the next code is there, or has failed."""
        while self._next is not None and any(
            self._next_of(process) and not process.ready for process in self.processes
        ):
            await self._next.wait_changed()

    def switch(self) -> list[ProcessT]:
        """Use the next code from now on, or none if none was loaded; return the processes of the earlier one, which the
        owner is to retire."""
        self._start = None if self._next is None else self._next.start
        self._next = None
        earlier = self.in_use
        for process in self.processes:
            process.is_next = False
        return earlier

    def discard(self) -> None:
        """Forget the next code, if there is any: it will not be deployed."""
        self._next = None
        for process in self.processes:
            if process.is_next:
                process.retiring_since = trio.current_time()
                process.kill()
