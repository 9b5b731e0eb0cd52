"""The function log: what is recorded of an execution, in what order it is found, and how much of it is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from rtdb.application.completions import Completion, unexecuted_outcome
from rtdb.application.function_log import FunctionLog
from rtdb.application.log_polls import LogPolls
from rtdb.config import Limits
from rtdb.link.frames import NO_USAGE, Call, DatabaseUsage, ExecutionError, FunctionKind, LogPage, LogPoll, Origin
from tests.application.test_application import RecordingLink
from tests.transaction.workbench import ManualClock

SECOND = 1_000_000
START = 1_000 * SECOND
BY_CLIENT = Origin("HttpApi", "00ff")


def make_log(**limits: Any) -> tuple[FunctionLog, ManualClock]:
    clock = ManualClock(START * 1000)
    return FunctionLog(Limits(**limits), clock), clock


def completion(
    path: str = "m:f",
    *,
    call: int = 1,
    kind: FunctionKind = "query",
    cached: bool = False,
    identity: bytes | None = None,
    internal: bool = False,
    origin: Origin = BY_CLIENT,
    replayed_ts: int | None = None,
    usage: DatabaseUsage = NO_USAGE,
    **outcome: Any,
) -> Completion:
    asked = Call(call, kind, path, b"{}", identity, internal, None, None, None, origin=origin)
    ended = unexecuted_outcome(asked, kind, **({"result": b"null"} | outcome))
    ended = msgspec.structs.replace(ended, usage=usage, replayed_ts=replayed_ts)
    return Completion(asked, path, ended, 0, cached)


def failure(message: str = "Uncaught ValueError: no", *, system: int = 0) -> ExecutionError:
    return ExecutionError("FunctionError", message, "    at f (m.py:1)\n", system=system)


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_record_holds_what_an_execution_was() -> None:
    log, _ = make_log()
    usage = DatabaseUsage(1, 2, 3, 4)
    origin = Origin("Action", "00ff", 6)
    log.record(
        completion(call=7, kind="mutation", origin=origin, usage=usage, micros=1500, log_lines=["[LOG] x"], cached=True)
    )
    (record,) = log.page(0).records
    assert (record.path, record.kind, record.execution, record.origin) == ("m:f", "mutation", 7, origin)
    assert (record.micros, record.cached, record.result_bytes, record.error) == (1500, True, 4, None)
    assert (record.usage, record.log_lines, record.progress) == (usage, ["[LOG] x"], False)
    assert record.cursor == START


def test_a_failure_is_recorded_with_its_frames() -> None:
    log, _ = make_log()
    log.record(completion(result=None, error=failure()))
    (record,) = log.page(0).records
    assert record.error == "Uncaught ValueError: no\n    at f (m.py:1)"
    assert record.result_bytes is None


@pytest.mark.parametrize(
    ("identity", "internal", "caller", "expected"),
    [
        (None, False, "HttpApi", "unknown"),
        (b"{}", False, "SyncWorker", "user"),
        (None, True, "HttpApi", "instance_admin"),
        (b"{}", True, "SyncWorker", "member_acting_user"),
        (None, True, "Scheduler", "unknown"),
        (b"{}", True, "Action", "user"),
    ],
)
def test_who_asked_is_told_in_the_words_of_the_reference(
    identity: bytes | None, internal: bool, caller: Any, expected: str
) -> None:
    log, _ = make_log()
    log.record(completion(identity=identity, internal=internal, origin=Origin(caller, "00")))
    assert log.page(0).records[0].identity == expected


def test_the_servers_own_functions_and_replays_are_not_recorded() -> None:
    log, _ = make_log()
    log.record(completion("_system/cli/tables:default"))
    log.record(completion(kind="mutation", replayed_ts=5))
    assert len(log) == 0


def test_what_an_action_prints_is_a_record_of_its_own() -> None:
    log, _ = make_log()
    asked = completion("m:act", call=3, kind="action").call
    log.record_progress(asked, "action", ["[LOG] x"], 0.25)
    (record,) = log.page(0).records
    assert (record.progress, record.kind, record.execution, record.micros) == (True, "action", 3, 250_000)


# --- cursors ----------------------------------------------------------------------------------------------------------


def test_cursors_are_the_time_and_strictly_increase() -> None:
    log, clock = make_log()
    for _ in range(3):
        log.record(completion())
    clock.now += 5_000
    log.record(completion())
    clock.now -= 10**12
    log.record(completion())
    assert [record.cursor - START for record in log.page(0).records] == [0, 1, 2, 5, 6]


def test_a_page_holds_what_came_after_its_cursor_and_ends_at_the_newest() -> None:
    log, _ = make_log()
    for call in range(1, 6):
        log.record(completion(call=call))
    page = log.page(START + 2)
    assert [record.execution for record in page.records] == [4, 5]
    assert page.cursor == START + 4
    assert log.page(page.cursor) == ([], page.cursor, False)
    assert [record.execution for record in log.page(0, 2).records] == [4, 5]
    assert log.page(0, 0) == ([], START + 4, False)


def test_an_empty_log_begins_just_before_now() -> None:
    log, clock = make_log()
    page = log.page(0)
    assert page.records == []
    log.record(completion())
    assert len(log.page(page.cursor).records) == 1
    # Somebody who followed the server before it was started again goes on where they were.
    clock.now += 10**9
    log.record(completion(call=2))
    assert [record.execution for record in log.page(START - 60 * SECOND).records] == [1, 2]


def test_a_cursor_from_before_the_clock_was_set_back_begins_anew() -> None:
    log, _ = make_log()
    ahead = START + 3600 * SECOND
    assert log.is_ahead(ahead)
    assert not log.is_ahead(START)
    assert log.page(ahead) == ([], START - 1, False)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_oldest_records_go_when_there_are_too_many() -> None:
    log, _ = make_log(log_records_max=3)
    for call in range(1, 6):
        log.record(completion(call=call))
    assert [record.execution for record in log.page(0).records] == [3, 4, 5]
    assert log.page(START).incomplete
    assert not log.page(START + 1).incomplete
    assert not log.page(0).incomplete, "whoever begins has missed nothing"


def test_the_oldest_records_go_when_they_are_too_large_together() -> None:
    log, _ = make_log(log_bytes_max=10_000)
    log.record(completion(call=1, log_lines=["x" * 3000]))
    log.record(completion(call=2, result=None, error=failure("y" * 3000)))
    log.record(completion(call=3))
    assert len(log) == 3
    log.record(completion(call=4, log_lines=["z" * 3000] * 2))
    assert [record.execution for record in log.page(0).records] == [3, 4]
    log.record(completion(call=5, log_lines=["z" * 11_000]))
    assert len(log) == 0
    assert log.page(START + 1).incomplete
    # What has gone is not counted any more.
    for call in range(6, 16):
        log.record(completion(call=call))
    assert len(log) == 10


def test_what_a_client_takes_for_a_path_is_kept_in_little_memory() -> None:
    log, _ = make_log(log_bytes_max=10_000)
    with capture_logs() as said:
        log.record(completion("x" * 1_000_000, result=None, error=failure(), log_lines=["[LOG] x"]))
    (record,) = log.page(0).records
    assert record.path == "x" * 1024 + "…"
    assert [line["function"] for line in said] == [record.path] * 2
    for call in range(10):
        log.record(completion("x" * 1024, call=call))
    assert len(log) == 6, "paths count"


# --- the server's own log ---------------------------------------------------------------------------------------------


def test_lines_and_errors_are_told_to_whoever_runs_the_server() -> None:
    log, _ = make_log()
    with capture_logs() as said:
        log.record(completion())
        log.record(completion(log_lines=["[LOG] x"]))
        log.record(completion(result=None, error=failure()))
        log.record(completion(result=None, error=failure(system=503)))
    assert said == [
        {
            "event": "function printed",
            "function": "m:f",
            "lines": ["[LOG] x"],
            "log_level": "info",
            "request_id": "00ff",
        },
        {
            "event": "function failed",
            "function": "m:f",
            "code": "FunctionError",
            "error": "Uncaught ValueError: no",
            "at": "    at f (m.py:1)\n",
            "log_level": "info",
            "request_id": "00ff",
        },
    ]


def test_an_actions_lines_are_told_once_as_they_come() -> None:
    log, _ = make_log()
    ended = completion(kind="action", log_lines=["[LOG] x"])
    with capture_logs() as said:
        log.record_progress(ended.call, "action", ["[LOG] x"], 0)
        log.record(ended)
    assert [event["lines"] for event in said] == [["[LOG] x"]]


def test_what_is_told_of_one_execution_is_bounded() -> None:
    log, _ = make_log()
    with capture_logs() as said:
        log.record(completion(log_lines=["x" * 4000, "y" * 4000, "z"]))
        log.record(completion(result=None, error=failure("x" * 10_000)))
    assert said[0]["lines"] == ["x" * 4000, "y" * 96 + "…"]
    assert len(said[1]["error"]) == 4096


# --- polls ------------------------------------------------------------------------------------------------------------


def pages(link: RecordingLink) -> list[tuple[int, int, int]]:
    """Take what was answered: the number of the poll, how many records, and the cursor from the start."""
    taken = link.take()
    assert all(isinstance(page, LogPage) for page in taken)
    return [(page.poll, len(page.records), page.cursor - START) for page in taken]  # type: ignore[union-attr]  # as said


async def test_who_begins_is_answered_at_once_and_who_has_read_everything_when_there_is_more() -> None:
    log, _ = make_log()
    polls, link = LogPolls(Limits(), log), RecordingLink()
    polls.poll(0, link, LogPoll(1, 0))
    assert pages(link) == [(1, 0, -1)]
    polls.poll(0, link, LogPoll(2, START - 1))
    polls.answer_due()
    assert pages(link) == []
    log.record(completion())
    log.record(completion())
    assert pages(link) == [], "recording costs no more for being read"
    polls.answer_due()
    assert pages(link) == [(2, 2, 1)]
    assert len(polls) == 0


async def test_waiting_ends_after_a_while_with_nothing(autojump_clock: MockClock) -> None:
    log, _ = make_log()
    log.record(completion())
    polls, link = LogPolls(Limits(log_poll_seconds_max=60), log), RecordingLink()
    polls.poll(0, link, LogPoll(1, START))
    await trio.sleep(59)
    polls.answer_due()
    assert pages(link) == []
    await trio.sleep(1)
    polls.answer_due()
    assert pages(link) == [(1, 0, 0)]


async def test_who_has_gone_away_is_not_answered() -> None:
    log, _ = make_log()
    polls, link, other = LogPolls(Limits(), log), RecordingLink(), RecordingLink()
    polls.poll(0, link, LogPoll(1, START))
    polls.poll(0, link, LogPoll(2, START))
    polls.poll(1, other, LogPoll(1, START))
    polls.cancel(0, 1)
    polls.cancel(0, 7)
    polls.remove_gateway(1)
    log.record(completion())
    log.record(completion())
    polls.answer_due()
    assert [number for number, _, _ in pages(link)] == [2]
    assert other.messages == []


async def test_a_cursor_of_the_future_is_not_waited_with() -> None:
    log, _ = make_log()
    polls, link = LogPolls(Limits(), log), RecordingLink()
    polls.poll(0, link, LogPoll(1, START + SECOND))
    assert pages(link) == [(1, 0, -1)]
