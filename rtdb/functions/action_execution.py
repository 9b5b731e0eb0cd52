"""One action on its way to an outcome, as the hub sees it, and why there may be none."""

from __future__ import annotations

import msgspec

from rtdb.link import frames
from rtdb.link.link import Link, LinkGarbledError

__all__ = [
    "ActionExecution",
    "blocked_error",
    "interrupted_error",
    "too_many_actions_error",
]


class ActionExecution:
    """One action from being submitted to its end. Its owner subclasses the callbacks; exactly one of ``finished``
    and ``failed`` is called, once.

    The rest is the pool's: ``waiting_since`` is the time from which it has waited for a runner, ``begun_at`` that of
    being sent to one, and ``cancelled_at`` that of being told to stop, ``cancelled_because`` of this; None before.
    ``waiting`` is whether it waits for a runner.
    """

    __slots__ = (
        "begun_at",
        "call",
        "cancelled_at",
        "cancelled_because",
        "seconds_max",
        "waiting",
        "waiting_since",
        "withdrawn",
    )

    def __init__(self, call: frames.ActionCall | frames.HttpActionRequest, seconds_max: float) -> None:
        self.call = call
        self.seconds_max = seconds_max
        self.waiting = False
        self.waiting_since = 0.0
        self.withdrawn = False
        self.begun_at = 0.0
        self.cancelled_at: float | None = None
        self.cancelled_because: frames.ExecutionError | None = None

    def withdraw(self) -> bool:
        """Give the action up if it waits for a runner, and return whether it did: then nobody is called back."""
        if self.withdrawn or not self.waiting:
            return False
        self.withdrawn = True
        # Its place in the queue goes when its turn comes; arguments and headers, which may be large, go at once.
        if isinstance(self.call, frames.ActionCall):
            self.call = msgspec.structs.replace(self.call, args=b"")
        else:
            self.call = msgspec.structs.replace(self.call, headers=[])
        return True

    def progressed(self, log_lines: list[str]) -> None:
        """The action has printed something and goes on."""

    def dispatched(self, link: Link, number: int) -> None:
        """It has been sent to an action runner under this number; another time if that one ended before it began."""

    def received(self, message: frames.HttpActionHead | frames.BodyChunk | frames.BodyCredit) -> None:
        """Its runner has said this of it."""
        raise LinkGarbledError(f"a call has no {type(message).__name__}")

    def finished(self, outcome: frames.ActionOutcome) -> None:
        """The action has ended; its outcome may be an error of its own."""
        raise NotImplementedError

    def failed(self, error: frames.ExecutionError) -> None:
        """It was not run, or nobody knows how far it came."""
        raise NotImplementedError


def interrupted_error(why: str) -> frames.ExecutionError:
    """What an action is told that could not go on, through no fault of its own that is known."""
    return frames.ExecutionError(
        code="ActionInterrupted",
        message=(
            f"Transient error while executing action: {why}. What it had done by then stays done, and it is not run "
            "again."
        ),
    )


def blocked_error(path: str, seconds: float, stack: str) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="ActionBlocked",
        message=(
            f"Function {path} was stopped: for {seconds:g} s (action_blocked_seconds_max) it has not let any other "
            "action of its process go on. Wait with `await trio.sleep(…)`, and call what computes for long or blocks "
            "with `await trio.to_thread.run_sync(…)`."
        ),
        frames=stack,
    )


def too_many_actions_error(actions_max: int) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="TooManyConcurrentRequests",
        message=(
            f"Too many concurrent requests. Your backend is limited to {actions_max} concurrent actions "
            "(action_runners x action_runner_calls_max). Try again later, or raise the limit."
        ),
        system=429,
    )
