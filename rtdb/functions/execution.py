"""One call on its way to an outcome, and why there may be none."""

from __future__ import annotations

import msgspec

from rtdb.functions.runner_handle import how_it_ended
from rtdb.link import frames

__all__ = [
    "Execution",
    "deployment_changed_error",
    "ended_error",
    "overloaded_error",
    "pinned_error",
    "timed_out_error",
    "unavailable_error",
]


class Execution:
    """One call on its way to an outcome. Its owner subclasses the callbacks; exactly one is called, once.

    ``source`` is the path of a function that exists, under which its run time is remembered, or empty. The rest is the
    pool's: ``order`` is its age, ``waiting`` whether it waits for a runner, ``waiting_since`` from when, and
    ``kills`` how many runners were killed from outside while they ran it. ``done`` is set when the owner has been told,
    or when the owner itself has given it up (:meth:`withdraw`).
    """

    __slots__ = ("call", "deadline_seconds", "done", "kills", "order", "source", "waiting", "waiting_since")

    def __init__(self, call: frames.Call, source: str, deadline_seconds: float) -> None:
        self.call = call
        self.source = source
        self.deadline_seconds = deadline_seconds
        self.order = 0
        self.waiting = False
        self.waiting_since = 0.0
        self.kills = 0
        self.done = False

    def withdraw(self) -> bool:
        """Give the call up if it has not begun, and return whether that was so: then nobody is called back."""
        if self.done or not self.waiting:
            return False
        self.done = True
        self.waiting = False
        # Its place in the queue goes when its turn comes; arguments may be large, and need not wait for that.
        self.call = msgspec.structs.replace(self.call, args=b"")
        return True

    def finished(self, outcome: frames.Outcome) -> None:
        """The runner's outcome, which may be an error of the function."""
        raise NotImplementedError

    def failed(self, error: frames.ExecutionError) -> None:
        """There is no outcome and will be none."""
        raise NotImplementedError

    def sent_back(self) -> None:
        """The lane's runner could not finish it, which is not known to be its fault. Only the lane's hear this."""
        raise NotImplementedError


def timed_out_error(seconds: float) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="FunctionTimedOut", message=f"Function execution timed out (maximum duration: {seconds:g}s)"
    )


def deployment_changed_error() -> frames.ExecutionError:
    return frames.ExecutionError(
        code="DeploymentChanged",
        message=(
            "Other code has been deployed since the time that was asked about, and only the code of that time could "
            "answer. Ask for a newer timestamp."
        ),
        system=503,
    )


def overloaded_error(kind: str, runners_max: int) -> frames.ExecutionError:
    name = "function" if kind == "any" else kind
    plural = "queries" if name == "query" else f"{name}s"
    return frames.ExecutionError(
        code="TooManyConcurrentRequests",
        message=(
            f"Too many concurrent requests. This server runs at most {runners_max} {plural} at once (runners_max); "
            "try again later, or raise the limit."
        ),
        system=429,
    )


def unavailable_error(seconds: float) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="RunnersUnavailable",
        message=(
            f"No process to run the function in could be started for {seconds:g} s; the server's log says why. "
            "Try again later."
        ),
        system=503,
    )


def pinned_error(bytes_max: int) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="SnapshotTooOld",
        message=(
            f"Function was stopped: the database grew by more than {bytes_max} bytes while it read one snapshot. Read "
            "less in one call, or call it when fewer writes go on."
        ),
        system=503,
    )


def ended_error(source: str, code: int) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="FunctionEndedProcess",
        message=(
            f"Function {source} ended the process it ran in ({how_it_ended(code)}). A function must return or raise; "
            "it may not call os._exit, crash an extension module, or use more memory than the runner has."
        ),
    )
