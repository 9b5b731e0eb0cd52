"""Queries and mutations in TypeScript, made with the npm library, run over a real committer as a runner runs them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from rtdb.config import Limits
from rtdb.errors import StorageError
from rtdb.functions.description import Position
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.services import Services
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import ScheduledRun, SessionRequest
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import ENVIRONMENT_VARIABLES_TABLE, environment_variable_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode
from rtdb.values.ordering import encode_key
from rtdb.values.value import Int64
from tests.functions.app_bench import AppBench
from tests.functions.typescript.typescript_bench import typescript_bench

MESSAGES = Path(__file__).with_name("messages.ts").read_text()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppBench]:
    limits = Limits(typescript_seconds_max=0.5)
    bench = typescript_bench(tmp_path_factory.mktemp("typescript"), {"messages": MESSAGES}, limits)
    yield bench
    bench.close()


@pytest.fixture(scope="module", autouse=True)
def numbers(app: AppBench) -> None:
    app.run("messages:fill", {"count": 10})


# --- results and errors -----------------------------------------------------------------------------------------------


def test_a_mutation_writes_and_a_query_reads(app: AppBench) -> None:
    id = app.run("messages:send", {"author": "ada", "body": "hello"})
    listed = app.run("messages:list")
    assert [(row["_id"], row["author"], row["body"]) for row in listed] == [(id, "ada", "hello")]
    assert "body" not in app.run("messages:edit", {"id": id})


def test_results_are_canonical(app: AppBench) -> None:
    outcome = app.execute("messages:evaluate", {"source": "metadata"})
    assert outcome.result == (b'{"componentPath":"","name":"messages:evaluate","type":"query","visibility":"public"}')


@pytest.mark.parametrize(
    ("args", "result"),
    [
        (b'{"value":\n 1}', b"1.0"),
        (b' \n[\r\n{"value": "a\\nb"} ]\n', b'"a\\nb"'),
        (b'{"value":{"$integer":"AQAAAAAAAAA="}}', b'{"$integer":"AQAAAAAAAAA="}'),
        (b'{"value":-0.0}', b'{"$float":"AAAAAAAAAIA="}'),
        ('{"value":"\u2028é"}'.encode(), '"\u2028é"'.encode()),
    ],
)
def test_arguments_may_be_written_in_any_way(app: AppBench, args: bytes, result: bytes) -> None:
    assert app.execute("messages:echo", raw_args=args).result == result


def test_an_error_names_the_place_in_the_authors_file(app: AppBench) -> None:
    error = app.error("messages:fail")
    line = next(number for number, text in enumerate(MESSAGES.split("\n"), 1) if "nothing works" in text)
    assert error.message == "Uncaught Error: nothing works"
    assert error.frames == f"    at handler (../convex/messages.ts:{line}:15)\n"


def test_a_convex_error_keeps_its_data(app: AppBench) -> None:
    error = app.error("messages:refuse")
    assert error.message.startswith("Uncaught ConvexError: ")
    assert error.data is not None
    assert decode(error.data) == {"code": "FULL", "count": Int64(3)}


@pytest.mark.parametrize(
    ("path", "args", "message"),
    [
        ("messages:send", {"author": "a"}, "ArgumentValidationError: Object is missing the required field `body`."),
        ("messages:wrong", {}, "ReturnsValidationError: Value does not match validator.\n\nValue: 1.0"),
        ("messages:hidden", {"n": 1}, "Could not find public function for 'messages:hidden'."),
        ("messages:absent", {}, "Could not find public function for 'messages:absent'."),
    ],
)
def test_what_the_server_checks_is_said_as_for_python(app: AppBench, path: str, args: Any, message: str) -> None:
    assert app.error(path, args).message.startswith(message)


def test_a_function_that_waits_for_nothing_or_never_ends_is_stopped(app: AppBench) -> None:
    assert app.error("messages:evaluate", {"source": "stuck"}).message == "Returned promise will never resolve"
    error = app.error("messages:evaluate", {"source": "loop"})
    assert (error.code, error.message) == (
        "FunctionTimedOut",
        "Function execution timed out (maximum duration: 0.5s)",
    )
    assert app.run("messages:notes") >= 0


def test_a_host_that_was_killed_is_replaced(app: AppBench) -> None:
    assert app.app.host is not None
    assert app.app.host.pid is not None
    killed = app.app.host.pid
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert app.run("messages:notes") >= 0
    assert app.app.host.pid != killed


def test_log_lines_come_with_their_levels(app: AppBench) -> None:
    assert app.execute("messages:evaluate", {"source": "log"}).log_lines == ["[LOG] 1", "[ERROR] 2"]


def test_the_description_says_where_functions_are(app: AppBench) -> None:
    described = {function.path: function for function in app.app.description.functions}
    line = next(number for number, text in enumerate(MESSAGES.split("\n")) if 'ctx.db.insert("messages"' in text)
    position = described["messages:send"].position
    assert isinstance(position, Position)
    assert (position.path, position.line) == ("../convex/messages.ts", line)
    assert described["messages:hidden"].internal
    assert described["messages:send"].args["value"]["author"] == {"fieldType": {"type": "string"}, "optional": False}


# --- what is read -----------------------------------------------------------------------------------------------------


def test_only_rows_that_were_looked_at_are_read(app: AppBench) -> None:
    outcomes = [app.execute("messages:first", {"n": n}) for n in (1, 3, 10, 11)]
    assert [outcome.usage.documents_read for outcome in outcomes] == [1, 3, 10, 10]
    for fewer, more in pairwise(outcomes):
        assert fewer.reads != more.reads, "who sees more depends on more"


def test_a_loop_that_writes_what_it_reads_sees_each_row_and_the_new_one(app: AppBench) -> None:
    app.clock.now += 1_000_000_000  # what is inserted comes last
    outcome = app.execute("messages:double")
    assert outcome.result == b"11.0"
    assert outcome.usage.documents_written == 11, "the double of 0 is no change"


def test_pages_meet_and_keep_their_ends(app: AppBench) -> None:
    first = app.run("messages:page", {"paginationOpts": {"numItems": 3, "cursor": None}})
    second = app.run("messages:page", {"paginationOpts": {"numItems": 9, "cursor": first["continueCursor"]}})
    assert [row["n"] for page in (first, second) for row in page["page"]] == [float(n) for n in range(3, 10)]
    assert (first["isDone"], second["isDone"]) == (False, True)
    outcome = app.execute("messages:page", {"paginationOpts": {"numItems": 3, "cursor": None}})
    assert outcome.journal is not None
    invalid = app.error("messages:page", {"paginationOpts": {"numItems": 3, "cursor": "x"}})
    assert invalid.message == "Uncaught Error: Failed to parse cursor"


def test_a_variable_is_a_read_of_that_variable(app: AppBench) -> None:
    outcome = app.execute("messages:evaluate", {"source": "env"})
    assert decode(outcome.result or b"") == ["http://cloud", None, None]
    unset = encode_id(ENVIRONMENT_VARIABLES_TABLE, environment_variable_id("UNSET"))
    read = prefix_range(index_number(ENVIRONMENT_VARIABLES_TABLE, BY_ID), encode_key(unset))
    assert read in outcome.reads
    assert len(outcome.reads) == 2, "that one, and the deployment"


def test_a_variable_that_cannot_be_read_is_the_end_of_the_call_and_says_why(
    app: AppBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"changes": [{"name": "UNSET", "value": "sealed"}]}
    app.run("_system/environment_variables:update", changes, internal=True)
    variables = EnvironmentVariables(b"another key 16 b", {}, app.limits)
    services = Services("rtdb", app.cursors, variables, app.services.addresses)
    with monkeypatch.context() as other_key:
        other_key.setattr(app, "services", services)
        error = app.error("messages:evaluate", {"source": "env"})
    assert error.code == "EnvironmentVariableUnreadable"
    assert "instance.secret" in error.message
    assert app.run("messages:evaluate", {"source": "env"})[1] == "sealed"
    app.run("_system/environment_variables:update", {"changes": [{"name": "UNSET"}]}, internal=True)


@pytest.mark.parametrize("method", ["normalize_id", "get_encoded"])
def test_a_failure_of_the_server_is_not_told_to_the_app(
    app: AppBench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Also where the host waits for the answer in the middle of what it runs."""
    id = app.run("messages:send", {"author": "a", "body": "b"})

    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is gone")

    source = "normalize" if method == "normalize_id" else "table"
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(Transaction, method, fail)
        error = app.error("messages:evaluate", {"source": source, "id": id})
    assert (error.code, error.system, "disk" in error.message) == ("StorageFailure", 500, False)
    assert [entry["event"] for entry in logs] == ["execution failed"]
    assert app.run("messages:evaluate", {"source": "normalize", "id": id}) == [id, None]


def test_time_and_identity_are_noted_when_they_are_looked_at(app: AppBench) -> None:
    looked = app.execute("messages:evaluate", {"source": "time"})
    assert (looked.read_time, looked.read_identity) == (True, False)
    assert decode(looked.result or b"") == app.clock.now // 1_000_000
    asked = app.execute("messages:evaluate", {"source": "identity"}, identity=b'{"subject":"ada"}')
    assert (asked.read_time, asked.read_identity, asked.result) == (False, True, b'{"subject":"ada"}')
    random = [app.run("messages:evaluate", {"source": "random"}) for _ in range(2)]
    assert random[0] != random[1]


# --- syscalls ---------------------------------------------------------------------------------------------------------


def test_metadata(app: AppBench) -> None:
    assert app.run("messages:evaluate", {"source": "deployment"}) == {"name": "rtdb", "region": None, "class": "s16"}
    metrics = app.run("messages:evaluate", {"source": "metrics"})
    assert metrics["documentsRead"] == {"used": 0.0, "remaining": 32000.0}
    outcome = app.execute("messages:evaluate", {"source": "bigint"})
    assert decode(outcome.result or b"") == Int64(outcome.ts)
    assert app.run("messages:evaluate", {"source": "count"}) == 10.0


def test_ids_are_recognised_by_their_table(app: AppBench) -> None:
    id = app.run("messages:send", {"author": "a", "body": "b"})
    assert app.run("messages:evaluate", {"source": "normalize", "id": id}) == [id, None]
    assert app.run("messages:evaluate", {"source": "normalize", "id": "nothing"}) == [None, None]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("insert", "Uncaught Error: Unknown async operation 1.0/insert"),
        ("unknown", "Uncaught Error: Unknown async operation 1.0/whatever"),
        ("request", "Uncaught Error: Cannot get request metadata in a query"),
        ("user", "Uncaught Error: User tables cannot be accessed with db.system."),
        ("malformed", "Uncaught Error: Invalid argument `id` for `db.get`, expected string but got 'int': 7"),
        (
            "table",
            'Uncaught Error: Invalid argument `id` for `db.get`: expected to be an Id<"numbers">, got Id<"messages"> '
            "instead.",
        ),
        ("index", "Uncaught Error: Index messages.nowhere not found."),
        ("search", "Uncaught Error: Search indexes are not supported by this server"),
        ("reference", "Uncaught Error: Couldn't resolve _reference/childComponent/x/y"),
    ],
)
def test_errors_of_syscalls_are_the_apps_to_catch(app: AppBench, source: str, message: str) -> None:
    id = app.run("messages:send", {"author": "a", "body": "b"})
    assert app.error("messages:evaluate", {"source": source, "id": id}).message.startswith(message)


def test_functions_are_scheduled_by_path_and_by_handle(app: AppBench) -> None:
    id, job = app.run("messages:later", {"ms": 0})
    assert (job["_id"], job["name"], job["state"]) == (id, "messages.js:tick", {"kind": "pending"})
    assert job["scheduledTime"] == app.clock.now / 1_000_000
    run = ScheduledRun("job", decode_id(id).internal, job["scheduledTime"])
    app.run("messages:tick", kind="mutation", internal=True, scheduled=run)
    handle = app.run("messages:evaluate", {"source": "handle"})
    assert handle.startswith("function://")
    assert app.run("messages:later", {"ms": 5, "path": handle})[1]["name"] == "messages.js:send"
    missing = app.error("messages:later", {"ms": 0, "path": "messages:nothing"})
    assert "no exported function nothing found in the file: messages.js" in missing.message
    far = app.error("messages:later", {"ms": 1e13})
    assert "is more than 5 years in the future" in far.message
    app.run("messages:cancel", {"id": app.run("messages:later", {"ms": 1000})[0]})


def test_a_failed_nested_mutation_leaves_nothing_behind(app: AppBench) -> None:
    assert app.run("messages:nested") == [True, "half done", ["outer"]]


def test_calls_inside_each_other_have_a_limit(app: AppBench) -> None:
    assert app.run("messages:deep", {"n": 8}) == 8.0
    assert "Cross component call depth limit exceeded." in app.error("messages:deep", {"n": 9}).message


def test_a_stale_query_does_not_see_what_was_written(app: AppBench) -> None:
    mine, stale = app.run("messages:stale")
    assert mine == stale + 1


def test_a_nested_call_is_held_to_its_own_limits(app: AppBench) -> None:
    assert "Too many documents read in a single function execution" in app.error("messages:limited").message


def test_files_have_addresses_and_their_content_is_for_actions(app: AppBench) -> None:
    assert app.run("messages:files", {"op": "upload"}).startswith("http://files.example/api/storage/upload?token=")
    assert app.run("messages:files", {"op": "url"}) == [None]
    assert "not found" in app.error("messages:files", {"op": "delete"}).message
    assert "Can't use storage.store() in queries and mutations." in app.error("messages:files", {"op": "store"}).message


def test_what_this_server_cannot_store_is_said(app: AppBench) -> None:
    assert "`ctx.db.vars.commitTs` is not supported" in app.error("messages:stamp").message


@pytest.mark.parametrize(
    ("path", "args", "code"),
    [
        ("messages:limited", {}, "TooManyDocumentsRead"),
        ("messages:deep", {"n": 9}, "MaximumCallDepthExceeded"),
        ("messages:later", {"ms": 0, "path": "messages:nothing"}, "InvalidScheduledFunction"),
        ("messages:files", {"op": "sign"}, "SignJwtUnsupported"),
        ("messages:files", {"op": "own"}, "FunctionError"),
        ("messages:fail", {}, "FunctionError"),
    ],
)
def test_what_fails_for_an_error_that_nobody_catches_has_its_code(
    app: AppBench, path: str, args: Any, code: str
) -> None:
    assert app.error(path, args).code == code


def test_a_session_request_is_answered_twice_and_done_once(app: AppBench) -> None:
    session = SessionRequest("s", 1)
    first = app.run("messages:send", {"author": "x", "body": "y"}, kind="mutation", session=session)
    again = app.run("messages:send", {"author": "x", "body": "y"}, kind="mutation", session=session)
    assert first == again
