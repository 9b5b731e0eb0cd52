"""One action runner as the pool sees it: its actions, and whether its event loop turns."""

from __future__ import annotations

from rtdb.functions.action_execution import ActionExecution
from rtdb.functions.app_process import AppProcess
from rtdb.functions.runner_handle import ActionRunnerHandle
from rtdb.link import frames
from rtdb.link.link import LinkGarbledError

__all__ = ["PooledActionRunner"]


class PooledActionRunner(AppProcess):
    """An action runner and what it is running.

    ``culprit``      the call that it was killed because of, which is told ``culprit_error``; 0 if none
    ``stuck_since``  when its event loop was last seen turning, if that is too long ago to give it more
    """

    def __init__(self, handle: ActionRunnerHandle, start: frames.RunnerStart, now: float, *, is_next: bool) -> None:
        super().__init__(handle, start, now, is_next=is_next)
        self.pulse = handle.pulse
        self.culprit = 0
        self.culprit_error: frames.ExecutionError | None = None
        self.stuck_since: float | None = None
        self.running: dict[int, ActionExecution] = {}
        """By the number of the call, in the order of dispatch."""
        self.calls = 0
        self._beats = 0
        self._beat_at = now

    @property
    def unheard_since(self) -> float | None:
        return self._beat_at if self.running else None

    def accepts(self) -> bool:
        """Whether actions may be given to it, as far as there is room."""
        return (
            self.ready
            and not self.is_next
            and not self.killed
            and self.retiring_since is None
            and self.stuck_since is None
        )

    def dispatch(
        self, execution: ActionExecution, call: frames.ActionCall | frames.HttpActionRequest, now: float
    ) -> None:
        """Hand an action over; it is sent with the next flush."""
        execution.begun_at = now
        execution.waiting = False
        self.running[call.call] = execution
        self.calls += 1
        self.link.queue(call)
        execution.dispatched(self.link, call.call)

    def execution(self, call: int) -> ActionExecution:
        """Return the action with this number. Raises LinkGarbledError when it has none of it."""
        execution = self.running.get(call)
        if execution is None:
            raise LinkGarbledError(f"it does not run call {call}")
        return execution

    def take(self, call: int, now: float) -> ActionExecution:
        """Remove an action, which has ended."""
        execution = self.execution(call)
        del self.running[call]
        if not self.running:
            self.idle_since = now
        return execution

    def kill_because(self, culprit: int, error: frames.ExecutionError) -> None:
        """Kill it because of one of its calls, which is told why."""
        if not self.killed:
            self.culprit, self.culprit_error = culprit, error
            self.kill()

    def forgive(self, seconds: float) -> None:
        """Do not count time in which nobody looked: the machine may have stood still."""
        self._beat_at += seconds
        for execution in self.running.values():
            if execution.cancelled_at is not None:
                execution.cancelled_at += seconds

    def seconds_stuck(self, now: float) -> float:
        """Return for how long its event loop has not been seen turning."""
        beats = self.pulse.beats
        if beats != self._beats or not self.ready:
            self._beats, self._beat_at = beats, now
        return now - self._beat_at
