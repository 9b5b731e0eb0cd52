"""Watches the event loop of an action process: whose step it is executing, and where it stands if it stands still.

Actions share one loop, so one that computes, or sleeps without waiting, stops all of them. Before each step of a task
its call is noted in the pulse, where the hub can read it whatever the process does. A thread looks where the main
thread is whenever the loop has stood still for a while. A step that has taken long is told to its author, in the log of
the action.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

import trio

from rtdb.functions.action_runner import running_call
from rtdb.functions.pulse import Pulse
from rtdb.functions.running_action import running_prints

__all__ = ["LoopWatch", "frames_of_app"]

STUCK_SECONDS = 0.5
"""How long the loop may stand still before it is looked where."""
SLOW_STEP_SECONDS = 1.0
"""How long a step may take before its author is told: longer than a busy machine makes anybody wait for a processor."""


class LoopWatch(trio.abc.Instrument):
    """Watches the loop of the thread that calls :meth:`begin`, for code of the app in ``root``."""

    def __init__(self, pulse: Pulse, root: Path) -> None:
        self._pulse = pulse
        self._root = root
        self._step_began = 0.0
        self._looked_at = 0.0

    def begin(self) -> None:
        """Watch from now on, to the end of the process."""
        trio.lowlevel.add_instrument(self)
        thread = threading.Thread(
            target=self._look_again_and_again, args=(threading.get_ident(),), name="rtdb-loop-watch", daemon=True
        )
        thread.start()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._pulse.running = task.context.get(running_call, 0)
        self._step_began = time.monotonic()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._pulse.running = 0
        seconds = time.monotonic() - self._step_began
        if seconds > SLOW_STEP_SECONDS and (prints := task.context.get(running_prints)) is not None:
            prints.log_lines.add("WARN", self._complaint(seconds))

    def _complaint(self, seconds: float) -> str:
        where = self._pulse.frames if self._looked_at > self._step_began else ""
        return (
            f"For {seconds:.1f} s this action has not let any other of its process go on. Wait with `await "
            "trio.sleep(…)`, and call what computes for long or blocks with `await trio.to_thread.run_sync(…)`."
            + (f"\n{where}".rstrip())
        )

    def _look_again_and_again(self, main_thread: int) -> None:
        beats = self._pulse.beats
        while True:
            time.sleep(STUCK_SECONDS)
            if self._pulse.beats == beats:
                self._pulse.frames = frames_of_app(sys._current_frames().get(main_thread), self._root)
                self._looked_at = time.monotonic()
            beats = self._pulse.beats


def frames_of_app(frame: FrameType | None, root: Path) -> str:
    """Return a line for each frame in a file of the app, innermost first."""
    prefix = f"{root}/"
    return "".join(
        f"    at {each.f_code.co_name} ({each.f_code.co_filename[len(prefix) :]}:{line})\n"
        for each, line in ([] if frame is None else traceback.walk_stack(frame))
        if each.f_code.co_filename.startswith(prefix)
    )
