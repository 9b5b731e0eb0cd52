"""The routes of the function log: who may read it, what reaches the hub, and the form of what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
import trio

from rtdb.http.log_entries import LogFormat, encode_page
from rtdb.link.frames import NO_USAGE, Beaten, DatabaseUsage, LogPage, LogRecord, Origin
from rtdb.sync.messages import request_identifier
from tests.gateway.scripted_hub import ScriptedHub
from tests.http.test_app import open_api

PATH = "/api/stream_function_logs"
SERVER = 0x0102030405060708
RECORD = LogRecord(
    cursor=1_700_000_000_500_000,
    progress=False,
    kind="mutation",
    path="messages:send",
    log_lines=["[LOG] one [two]", "[WARN] three (truncated due to length)"],
    execution=9,
    origin=Origin("SyncWorker", "00ff"),
    identity="user",
    micros=250_000,
    cached=False,
    error=None,
    result_bytes=4,
    usage=DatabaseUsage(1, 2, 3, 4),
)


def entries(*records: LogRecord, **wanted: Any) -> list[dict[str, Any]]:
    page = LogPage(1, list(records), 5, False, SERVER)
    decoded = msgspec.json.decode(encode_page(page, LogFormat(**{"structured": False, **wanted})))
    found: list[dict[str, Any]] = decoded["entries"]
    return found


def changed(**changes: Any) -> LogRecord:
    return msgspec.structs.replace(RECORD, **changes)


# --- entries ----------------------------------------------------------------------------------------------------------


def test_a_completion_has_the_fields_of_the_reference() -> None:
    assert entries(RECORD) == [
        {
            "kind": "Completion",
            "udfType": "Mutation",
            "componentPath": None,
            "identifier": "messages:send",
            "logLines": ["[LOG] one [two]", "[WARN] three (truncated due to length)"],
            "timestamp": 1_700_000_000.5,
            "cachedResult": False,
            "caller": "SyncWorker",
            "parentExecutionId": None,
            "executionTime": 0.25,
            "userExecutionTime": 0.25,
            "success": None,
            "error": None,
            "requestId": "00ff",
            "executionId": "01020304-0506-0708-0000-000000000009",
            "usageStats": {
                "databaseReadBytes": 2,
                "databaseWriteBytes": 4,
                "databaseIoReadBytes": 2,
                "databaseIoWriteBytes": 4,
                "databaseReadDocuments": 1,
                "databaseWriteDocuments": 3,
                "storageReadBytes": 0,
                "storageWriteBytes": 0,
                "vectorIndexReadBytes": 0,
                "vectorIndexWriteBytes": 0,
                "textIndexQueryBytes": 0,
                "textIndexWriteQueryBytes": 0,
                "vectorIndexReadQueryBytes": 0,
                "vectorIndexWriteQueryBytes": 0,
                "networkEgressBytes": 0,
                "memoryUsedMb": 0,
            },
            "returnBytes": 4,
            "occInfo": None,
            "willRetry": False,
            "executionTimestamp": 1_700_000_000.25,
            "identityType": "user",
            "environment": "isolate",
        }
    ]


def test_a_mutation_that_was_beaten_says_how_often_and_by_whom() -> None:
    (entry,) = entries(changed(beaten=Beaten("rooms", "rooms:close", 2)))
    assert (entry["occInfo"], entry["willRetry"]) == (
        {
            "tableName": "rooms",
            "documentId": None,
            "writeSource": "rooms:close",
            "componentPath": None,
            "retryCount": 2,
        },
        False,
    )


def test_by_whom_a_mutation_was_beaten_may_not_be_known() -> None:
    (entry,) = entries(changed(beaten=Beaten("", "", 1)))
    assert (entry["occInfo"]["tableName"], entry["occInfo"]["writeSource"]) == (None, None)


def test_structured_lines_have_levels_and_the_time_a_query_or_mutation_stands_at() -> None:
    at = 1_700_000_000_250.0
    assert entries(RECORD, structured=True)[0]["logLines"] == [
        {"messages": ["one [two]"], "isTruncated": False, "timestamp": at, "level": "LOG", "systemMetadata": None},
        {"messages": ["three"], "isTruncated": True, "timestamp": at, "level": "WARN", "systemMetadata": None},
    ]
    odd = changed(log_lines=["no level", "[OTHER] level", "[LOG] two\nlines"])
    lines = entries(odd, structured=True)[0]["logLines"]
    assert [(line["level"], line["messages"]) for line in lines] == [
        ("LOG", ["no level"]),
        ("LOG", ["[OTHER] level"]),
        ("LOG", ["two\nlines"]),
    ]


def test_default_exports_are_named_by_their_module_and_parents_by_their_execution() -> None:
    (entry,) = entries(changed(path="dir/mod:default", origin=Origin("Action", "00ff", 8), error="Uncaught E: no"))
    assert entry["identifier"] == "dir/mod"
    assert entry["parentExecutionId"] == "01020304-0506-0708-0000-000000000008"
    assert (entry["caller"], entry["error"]) == ("Action", "Uncaught E: no")


def test_an_actions_lines_are_in_its_progress_and_not_again_in_its_completion() -> None:
    progress = changed(kind="action", progress=True, log_lines=["[LOG] a"], usage=NO_USAGE)
    ended = changed(kind="action", log_lines=["[LOG] a", "[LOG] b"])
    first, second = entries(progress, ended)
    assert first == {
        "kind": "Progress",
        "udfType": "Action",
        "componentPath": None,
        "identifier": "messages:send",
        "timestamp": 1_700_000_000.25,
        "logLines": ["[LOG] a"],
        "requestId": "00ff",
        "executionId": "01020304-0506-0708-0000-000000000009",
    }
    assert second["logLines"] == []
    (whole,) = entries(progress, ended, progress=False)
    assert whole["logLines"] == ["[LOG] a", "[LOG] b"]


def test_an_http_action_is_told_by_its_request_and_the_status_of_its_answer() -> None:
    answered = changed(kind="http", path="GET /hook", http_status=201, origin=Origin("HttpEndpoint", "00ff"))
    failed = changed(kind="http", path="GET /hook", error="Uncaught E: no", result_bytes=None)
    first, second = entries(answered, failed)
    assert (first["udfType"], first["identifier"], first["caller"]) == ("HttpAction", "GET /hook", "HttpEndpoint")
    assert (first["success"], first["returnBytes"]) == ({"status": "201"}, None)
    assert (second["success"], second["error"]) == (None, "Uncaught E: no")


def test_a_request_is_what_it_ran_itself() -> None:
    nested = changed(origin=Origin("Action", "00ff", 9), path="messages:nested")
    other = changed(origin=Origin("SyncWorker", "0100"), path="messages:other")
    assert [entry["identifier"] for entry in entries(RECORD, nested, other, request="00ff")] == ["messages:send"]


# --- routes -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_log(
    *records: LogRecord, incomplete: bool = False
) -> AsyncIterator[tuple[ScriptedHub, httpx.AsyncClient]]:
    """A gateway whose hub answers polls with these records, and a client that is an administrator."""
    async with open_api() as (hub, client):
        hub.on_poll = lambda poll: LogPage(poll.poll, list(records), 1_700_000_000_500_001, incomplete, SERVER)
        client.headers["Authorization"] = f"Convex {hub.admin_key}"
        yield hub, client


@pytest.mark.parametrize("prefix", ["/api", "/api/app_metrics"])
async def test_the_log_is_read_from_a_cursor_on(prefix: str) -> None:
    async with open_log(RECORD) as (hub, client):
        answer = (await client.get(f"{prefix}/stream_function_logs", params={"cursor": "1699999999999.125"})).json()
        assert answer["newCursor"] == 1_700_000_000_500.001
        assert [entry["identifier"] for entry in answer["entries"]] == ["messages:send"]
        assert "incomplete" not in answer
        assert (hub.polls[0].after, hub.polls[0].newest_max) == (1_699_999_999_999_125, None)
        await client.get(f"{prefix}/stream_udf_execution")
        assert hub.polls[1].after == 0


async def test_lines_are_structured_for_those_who_know_them() -> None:
    async with open_log(RECORD) as (_hub, client):
        for name, is_structured in (("npm-cli-1.48.0", True), ("dashboard-0.0.0", True), ("npm-1.48.0", False)):
            answer = (await client.get(PATH, headers={"Convex-Client": name})).json()
            assert isinstance(answer["entries"][0]["logLines"][0], dict) is is_structured
        answer = (await client.get("/api/stream_udf_execution", headers={"Convex-Client": "npm-cli-1.48.0"})).json()
        assert answer["entries"][0]["logLines"][0] == "[LOG] one [two]"


async def test_one_request_of_a_session_is_picked_out() -> None:
    mine = changed(origin=Origin("SyncWorker", request_identifier("session", 7)))
    async with open_log(RECORD, mine) as (_hub, client):
        answer = (await client.get(PATH, params={"sessionId": "session", "clientRequestCounter": "7"})).json()
        assert [entry["requestId"] for entry in answer["entries"]] == [mine.origin.request]


async def test_the_newest_entries_are_asked_for_and_gaps_are_told() -> None:
    async with open_log(RECORD, incomplete=True) as (hub, client):
        assert (await client.get(PATH, params={"newest": "20"})).json()["incomplete"] is True
        assert hub.polls[0].newest_max == 20


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=-1",
        "cursor=nan",
        "cursor=inf",
        "cursor=1e99",
        "newest=-1",
        "newest=1.5",
        "sessionId=a",
        "clientRequestCounter=1",
        "sessionId=a&clientRequestCounter=b",
    ],
)
async def test_parameters_that_make_no_sense_are_refused(query: str) -> None:
    async with open_log() as (hub, client):
        response = await client.get(f"{PATH}?{query}")
        assert response.status_code == 400
        assert response.json()["code"] == "BadQueryArgs"
        assert hub.polls == []


def test_a_completion_says_where_it_ran() -> None:
    assert [entry["environment"] for entry in entries(RECORD, changed(in_node=True))] == ["isolate", "node"]


async def test_only_administrators_read_it() -> None:
    async with open_log() as (hub, client):
        del client.headers["Authorization"]
        assert (await client.get(PATH)).status_code == 403
        assert hub.polls == []
        response = await client.get(PATH, headers={"Authorization": f"Convex {hub.read_only_key}"})
        assert response.json() == {"entries": [], "newCursor": 1_700_000_000_500.001}


async def test_a_wrong_key_is_refused_in_the_way_that_ends_a_reader_who_asks_again() -> None:
    async with open_log() as (hub, client):
        response = await client.get(PATH, headers={"Authorization": "Convex happy-animal-1|00"})
        assert (response.status_code, response.json()["code"]) == (403, "BadDeployKey")
        assert response.json()["message"] == "The provided admin key was invalid for this instance"
        assert hub.polls == []


async def test_a_reader_who_goes_away_is_told_to_the_hub() -> None:
    async with open_api() as (hub, client):
        client.headers["Authorization"] = f"Convex {hub.admin_key}"
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.get, PATH)
                await hub.wait_until(lambda: bool(hub.polls))
                scope.cancel()
        await hub.wait_until(lambda: hub.polls_cancelled == [hub.polls[0].poll])


async def test_readers_are_sent_away_when_the_server_stops() -> None:
    async with open_api() as (hub, client):
        client.headers["Authorization"] = f"Convex {hub.admin_key}"
        responses: list[httpx.Response] = []

        async def read() -> None:
            responses.append(await client.get(PATH))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await hub.wait_until(lambda: bool(hub.polls))
            hub.drain()
        assert responses[0].status_code == 503
        assert responses[0].json()["code"] == "ServerShuttingDown"
