"""Follows the function log of a server, across its restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from rtdb.cli.admin_client import AdminClient, Unreachable
from rtdb.cli.target import Target

__all__ = ["LogEvents", "follow_log"]

PATH: Final = "/api/stream_function_logs"
PAUSE_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 2.0


class LogEvents:
    """What else there is to say while following: all nothing unless overridden."""

    def begun(self) -> None:
        """The server has answered: nothing that happens from here on is missed."""

    def lost(self, error: Unreachable) -> None:
        """The server does not answer any more; it is asked again and again."""

    def found(self) -> None:
        """It answers again."""

    def incomplete(self) -> None:
        """So much has happened that some of it is not remembered any more."""


def follow_log(
    target: Target,
    *,
    history: int,
    events: LogEvents,
    follow: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """Yield the newest ``history`` entries and, if to ``follow``, each that comes after. Raises ``AdminError``.

    That the server cannot be reached is an error only at the beginning.
    """
    with AdminClient(target) as client:
        client.require_name()
        answer = client.get(PATH, cursor="0", newest=str(history))
        if follow:
            events.begun()
        yield from answer["entries"]
        failures = 0
        while follow:
            try:
                if failures:
                    # Answered at once, where a poll may well be answered when something happens.
                    client.get("/api/check_admin_key")
                    failures = 0
                    events.found()
                answer = client.get(PATH, cursor=repr(answer["newCursor"]))
            except Unreachable as error:
                if not failures:
                    events.lost(error)
                pause(min(PAUSE_SECONDS * 2**failures, PAUSE_SECONDS_MAX))
                failures += 1
                continue
            if answer.get("incomplete"):
                events.incomplete()
            yield from answer["entries"]
