"""Entries of the function log on a console, and which of them are shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console

from rtdb.cli.admin_client import AdminError, Unreachable
from rtdb.cli.log_follower import LogEvents, follow_log
from rtdb.cli.log_view import LogFilter, LogView
from rtdb.cli.target import Target

USAGE = {
    "databaseReadDocuments": 0,
    "databaseReadBytes": 0,
    "databaseWriteDocuments": 0,
    "databaseWriteBytes": 0,
}


def line(text: str, level: str = "LOG", **changes: Any) -> dict[str, Any]:
    return {"messages": [text], "level": level, "isTruncated": False, "timestamp": 500.0, **changes}


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "Completion",
        "udfType": "Query",
        "identifier": "messages:list",
        "logLines": [],
        "timestamp": 1.25,
        "executionTime": 0.0015,
        "cachedResult": False,
        "success": None,
        "error": None,
        "requestId": "00ff",
        "usageStats": USAGE,
        **changes,
    }


def shown(*entries: dict[str, Any], ends: bool = False, terminal: bool = False) -> list[str]:
    """Return what is printed, line by line, without the time of day, which depends on where the test runs."""
    output = io.StringIO()
    view = LogView(Console(file=output, force_terminal=terminal, width=40, highlight=False), ends=ends)
    for each in entries:
        view.show(each)
    return [text.partition(" ")[2] if text[:1].isdigit() else text for text in output.getvalue().splitlines()]


def test_lines_errors_and_ends_are_a_line_each() -> None:
    usage = USAGE | {"databaseReadDocuments": 2, "databaseReadBytes": 30, "databaseWriteDocuments": 1}
    assert shown(
        entry(logLines=[line("hello"), line("careful", "WARN", isTruncated=True)]),
        entry(udfType="Mutation", error="Uncaught ValueError: no\n    at send (messages.py:3)"),
        entry(udfType="Action", kind="Progress", logLines=[line("going on")]),
        entry(usageStats=usage),
        entry(cachedResult=True),
        entry(udfType="HttpAction", identifier="GET /x", success={"status": "404"}),
        ends=True,
    ) == [
        "Q messages:list [LOG] hello",
        "Q messages:list [WARN] careful (truncated due to length)",
        "Q messages:list 1.5 ms",
        "M messages:list Uncaught ValueError: no",
        "    at send (messages.py:3)",
        "    request 00ff",
        "A messages:list [LOG] going on",
        "Q messages:list 1.5 ms, read 2 (30 B), wrote 1 (0 B)",
        "Q messages:list cached",
        "H GET /x 404, 1.5 ms",
    ]
    assert shown(entry(), entry(logLines=[line("hello")])) == ["Q messages:list [LOG] hello"]


def test_the_time_of_a_line_is_the_lines_own() -> None:
    output = io.StringIO()
    LogView(Console(file=output, width=40), ends=True).show(entry(logLines=[line("hello")]))
    first, second = output.getvalue().splitlines()
    assert (first[8:12], second[8:12]) == (".500", ".250")


def test_only_a_terminal_is_shown_colours_and_nothing_clients_print_reaches_it_raw() -> None:
    evil = entry(logLines=[line("\x1b[2J\x9b31m\x07 café [red]text[/red]\n\tnext")])
    plain = "\n".join(shown(evil))
    assert plain == "Q messages:list [LOG] \\x1b[2J\\x9b31m\\x07 café [red]text[/red]\n        next"
    coloured = "\n".join(shown(evil, terminal=True))
    assert "\x1b[36m" in coloured
    assert "\x1b[2J" not in coloured
    assert "\x9b" not in coloured


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ((), True),
        (("messages:list",), True),
        (("messages",), True),
        (("messages:*",), True),
        (("*:list",), True),
        (("users", "messages"), True),
        (("message",), False),
        (("messages:send",), False),
    ],
)
def test_functions_are_chosen_by_name_module_or_pattern(functions: tuple[str, ...], expected: bool) -> None:
    assert LogFilter(functions, "all").accepts(entry()) is expected


def test_outcomes_are_chosen() -> None:
    printed, silent = entry(logLines=[line("x")]), entry()
    failed, going_on = entry(error="no"), {**entry(kind="Progress", logLines=[line("x")])}
    del going_on["error"]
    entries = [printed, silent, failed, going_on]

    def accepted(outcomes: Any) -> list[bool]:
        return [LogFilter((), outcomes).accepts(each) for each in entries]

    assert accepted("all") == [True, True, True, True]
    assert accepted("printed") == [True, False, True, True]
    assert accepted("failures") == [False, False, True, False]
    assert accepted("success") == [True, True, False, True]


# --- following --------------------------------------------------------------------------------------------------------


class Recorded(LogEvents):
    def __init__(self) -> None:
        self.said: list[str] = []

    def lost(self, error: Unreachable) -> None:
        self.said.append("lost")

    def found(self) -> None:
        self.said.append("found")

    def incomplete(self) -> None:
        self.said.append("incomplete")


class Script:
    """A server that gives these answers, one a request, and then refuses the key."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        original = httpx.Client.__init__

        def with_script(client: httpx.Client, **options: Any) -> None:
            original(client, transport=httpx.MockTransport(self.answer), **options)

        monkeypatch.setattr(httpx.Client, "__init__", with_script)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        answer = self.answers.pop(0) if self.answers else httpx.Response(403, json={"message": "no", "code": "x"})
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(cursor: float, *entries: int, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"entries": [{"n": n} for n in entries], "newCursor": cursor, **more})


def follow(**options: Any) -> tuple[Iterator[dict[str, Any]], Recorded, list[float]]:
    events, pauses = Recorded(), list[float]()
    log = follow_log(Target("http://server", "key"), events=events, pause=pauses.append, **options)
    return log, events, pauses


def test_following_begins_with_the_history_and_goes_on_from_each_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, page(1.5, 1, 2), page(1700000000000.125, 3), page(1700000000000.125))
    log, events, _ = follow(history=2)
    assert [next(log)["n"] for _ in range(3)] == [1, 2, 3]
    with pytest.raises(AdminError, match="refused \\(403\\): no"):
        next(log)
    assert script.asked == [
        {"cursor": "0", "newest": "2"},
        {"cursor": "1.5"},
        {"cursor": "1700000000000.125"},
        {"cursor": "1700000000000.125"},
    ]
    assert events.said == []


def test_a_server_that_goes_away_is_waited_for_and_what_was_missed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = httpx.Response(503, json={"code": "ServerShuttingDown", "message": "later"})
    gone = httpx.ConnectError("refused")
    back = httpx.Response(200, json={"success": True})
    Script(monkeypatch, page(1.0), refused, gone, gone, back, page(2.0, 1, incomplete=True))
    log, events, pauses = follow(history=0)
    assert next(log)["n"] == 1
    assert events.said == ["lost", "found", "incomplete"]
    assert pauses == [0.5, 1.0, 2.0]


def test_a_server_that_is_not_there_at_the_beginning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, httpx.ConnectError("refused"))
    log, _, _ = follow(history=0)
    with pytest.raises(Unreachable, match="is the server running there"):
        next(log)


def test_without_following_it_ends_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, page(1.0, 1))
    log, _, _ = follow(history=5, follow=False)
    assert list(log) == [{"n": 1}]
