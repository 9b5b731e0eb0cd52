"""What must be true of jobs that were planned with the app tests/e2e/apps/schedule, once all of them have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

__all__ = ["KINDS", "wrong_jobs"]

KINDS = ("write", "refuse", "act")

Planned = tuple[float, str, str]
"""The job's number, what kind of function it calls, and the state it ended in."""

RUNS = {
    # A mutation has written exactly once, or not at all because it failed or was cancelled.
    ("write", "success"): {1},
    ("write", "canceled"): {0},
    ("refuse", "failed"): {0},
    ("refuse", "canceled"): {0},
    # An action has written once if it succeeded; what became of one that was interrupted, nobody knows.
    ("act", "success"): {1},
    ("act", "failed"): {0, 1},
    ("act", "canceled"): {0, 1},
}


def wrong_jobs(planned: Iterable[Planned], ran: Iterable[float]) -> Iterator[str]:
    """Yield a sentence for each job that did not run as often as it should have; ``ran`` are the numbers written."""
    times = Counter(ran)
    for number, kind, state in planned:
        allowed = RUNS.get((kind, state))
        if allowed is None:
            yield f"job {number:g} ({kind}) ended as {state}"
        elif times[number] not in allowed:
            yield f"job {number:g} ({kind}) ended as {state} and has written {times[number]} times"
        del times[number]
    for number, count in times.items():
        yield f"job {number:g} was never planned and has written {count} times"
