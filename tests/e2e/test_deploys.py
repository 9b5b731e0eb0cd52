"""Deploys onto a server that serves: what its clients see of them, and what they do not see."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from rtdb.cli.deploy_client import DeployError, Unreachable, deploy_events
from rtdb.config import Limits
from rtdb.functions.bundle import pack, read_bundle
from rtdb.storage.check import check
from tests.e2e.conftest import StartClient
from tests.e2e.deploys import deploy, target_of, write_modules
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

ITEMS = """
    VERSION = {version}

    @query
    def version(ctx):
        return VERSION

    @query
    def count(ctx):
        return [VERSION, len(ctx.db.query("items").collect())]

    @mutation
    def add(ctx, n):
        ctx.db.insert("items", {{"n": n}})
        return VERSION

    @mutation
    def fill(ctx, first, many):
        for n in range(int(first), int(first) + int(many)):
            ctx.db.insert("items", {{"n": float(n), "text": "x" * 50}})
"""
LOOKUP = """
    @query
    def lookup(ctx, n):
        return len(ctx.db.query("items").with_index("by_n", lambda q: q.eq("n", n)).collect())
"""
TEXT_LOOKUP = """
    @query
    def lookup(ctx, n):
        return len(ctx.db.query("items").with_index("by_n", lambda q: q.eq("text", "x" * 50).eq("n", n)).collect())
"""


def items(version: int, more: str = "") -> str:
    return ITEMS.format(version=version) + more


def schema(fields: str, indexes: str = "") -> str:
    return f'schema = define_schema({{"items": define_table({{{fields}}}){indexes}}})'


LOOSE = '"n": v.any(), "text": v.optional(v.string())'
STRICT = '"n": v.number(), "text": v.optional(v.string())'
BY_N = '.index("by_n", ["n"])'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A functions directory with the first version."""
    return write_modules(tmp_path / "functions", items=items(1))


@pytest.fixture
def server(tmp_path: Path, app: Path) -> Iterator[ServerProcess]:
    """A server that was started without an app and has been given one since."""
    with ServerProcess(tmp_path / "data") as server:
        deploy(server, app)
        yield server


def call(server: ServerProcess, path: str, args: dict[str, Any] | None = None) -> Any:
    """Call any function over HTTP and return its result."""
    body = {"path": path, "args": args or {}, "format": "json"}
    headers = {"Authorization": f"Convex {server.admin_key}"}
    response = httpx.post(f"{server.url}/api/function", json=body, headers=headers)
    answer = response.json()
    assert answer.get("status") == "success", (response.status_code, answer)
    return answer["value"]


def fill(server: ServerProcess, documents: int) -> None:
    for first in range(0, documents, 2000):
        call(server, "items:fill", {"first": first, "many": min(2000, documents - first)})


class Load:
    """Clients that call mutations one after the other and note every failure."""

    def __init__(self, server: ServerProcess, clients: int = 3, path: str = "items:add") -> None:
        self.failures: list[str] = []
        self.versions: list[float] = []
        self.calls = 0
        self._server = server
        self._path = path
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def _work(self) -> None:
        body = {"path": self._path, "args": {"n": 1}, "format": "json"}
        with httpx.Client(base_url=self._server.url) as client:
            while not self._ended.is_set():
                try:
                    answer = client.post("/api/mutation", json=body).json()
                except (httpx.HTTPError, json.JSONDecodeError) as error:
                    self.failures.append(repr(error))
                    return
                self.calls += 1
                if answer.get("status") == "success":
                    self.versions.append(answer["value"])
                else:
                    self.failures.append(str(answer))

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()


# --- the switch -------------------------------------------------------------------------------------------------------


def test_a_subscription_is_given_the_new_codes_result_on_its_old_connection(
    tmp_path: Path, app: Path, start_client: StartClient
) -> None:
    with ServerProcess(tmp_path / "data", app, ["--log-level", "debug"]) as server:
        client = start_client(server)
        subscription = client.subscribe("items:count")
        subscription.wait(lambda value: value == [1, 0])
        deploy(server, write_modules(app, items=items(2)))
        subscription.wait(lambda value: value == [2, 0])
        client.mutation("items:add", {"n": 1.0})
        subscription.wait(lambda value: value == [2, 1])
        assert server.log.count("session opened") == 1
        assert subscription.errors == []


def test_no_call_fails_and_old_code_never_answers_after_new_while_apps_are_deployed(
    server: ServerProcess, app: Path
) -> None:
    load = Load(server, clients=1)
    with load.running():
        for version in range(2, 5):
            deploy(server, write_modules(app, items=items(version), schema=schema(LOOSE, BY_N * (version % 2))))
    assert load.failures == []
    assert load.versions == sorted(load.versions)
    assert call(server, "items:version") == 4
    assert call(server, "items:count") == [4, len(load.versions)]


def test_a_changed_signature_and_kind_hold_from_the_switch_on(server: ServerProcess, app: Path) -> None:
    turned = items(2).replace(
        "@query\n    def version(ctx):\n", "@mutation\n    def version(ctx):\n        ctx.db.insert('log', {})\n"
    )
    events = deploy(server, write_modules(app, items=turned))
    assert events[0]["change"]["functions_changed"] == ["items:version"]
    assert call(server, "items:version") == 2
    assert events[-1] == {"type": "deployed", "bundle": events[0]["bundle"], "unchanged": False, "dryRun": False}
    assert deploy(server, app)[-1]["unchanged"]


def test_a_dry_run_tells_what_would_change_and_changes_nothing(server: ServerProcess, app: Path) -> None:
    write_modules(app, items=items(2), schema=schema(STRICT, BY_N))
    (described, deployed) = deploy(server, app, dry_run=True)
    assert described["change"]["tables_added"] == ["items"]
    assert described["change"]["indexes"] == [{"table": "items", "name": "by_n", "fields_before": [], "fields": ["n"]}]
    assert deployed["dryRun"]
    assert call(server, "items:version") == 1


# --- what stops a deploy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "message", "frames"),
    [
        ({"items": "def broken(:\n"}, "items.py cannot be imported: SyntaxError", "items.py:2"),
        ({"items": "1 / 0\n"}, "items.py cannot be imported: Uncaught ZeroDivisionError", "items.py:2"),
        ({"items": "import os\nos._exit(3)\n"}, "it ended the process that imported it (exit code 3)", ""),
        ({"schema": "schema = 1\n"}, "`schema` in schema.py is not a schema but int", ""),
    ],
)
def test_an_app_that_cannot_be_loaded_leaves_the_running_one(
    server: ServerProcess, app: Path, modules: dict[str, str], message: str, frames: str
) -> None:
    with pytest.raises(DeployError) as raised:
        deploy(server, write_modules(app, **modules))
    assert message in raised.value.message
    assert frames in raised.value.frames
    assert call(server, "items:version") == 1
    deploy(server, write_modules(app, items=items(2)))
    assert call(server, "items:version") == 2


def test_a_document_that_breaks_the_new_schema_leaves_the_running_app(server: ServerProcess, app: Path) -> None:
    call(server, "items:add", {"n": "one"})
    with pytest.raises(DeployError, match='in table "items" does not match the schema: Value does not match') as raised:
        deploy(server, write_modules(app, items=items(2, LOOKUP), schema=schema(STRICT, BY_N)))
    assert raised.value.message.startswith('Document with ID "')
    assert call(server, "items:version") == 1
    # The old schema, which is none, still holds.
    call(server, "items:add", {"n": "two"})


def test_a_write_that_breaks_the_schema_to_come_stops_the_deploy_and_goes_through_itself(
    server: ServerProcess, app: Path
) -> None:
    fill(server, 3_000)
    write_modules(app, items=items(2, LOOKUP), schema=schema(STRICT, BY_N))

    def meanwhile(event: dict[str, Any]) -> None:
        if event["type"] in ("checking", "indexing"):
            call(server, "items:add", {"n": "bad"})

    with pytest.raises(DeployError) as raised:
        deploy(server, app, meanwhile=meanwhile)
    assert raised.value.message.startswith('New document in table "items" does not match the schema: ')
    assert call(server, "items:version") == 1


def test_of_two_deploys_at_once_one_wins_and_the_other_is_told(server: ServerProcess, app: Path) -> None:
    fill(server, 3_000)
    write_modules(app, items=items(2), schema=schema(STRICT, BY_N))
    other = write_modules(app.with_name("other"), items=items(3))

    def meanwhile(event: dict[str, Any]) -> None:
        if event["type"] == "described":
            with pytest.raises(DeployError, match="Another deploy is under way on this server"):
                deploy(server, other)

    deploy(server, app, meanwhile=meanwhile)
    assert call(server, "items:version") == 2
    deploy(server, other)
    assert call(server, "items:version") == 3


def is_deployed(server: ServerProcess, app: Path) -> bool:
    """Deploy unless another deploy has not been given up yet."""
    try:
        deploy(server, app)
    except DeployError as error:
        if "Another deploy is under way" in error.message:
            return False
        raise
    return True


def test_a_deploy_whose_client_goes_away_is_given_up(server: ServerProcess, app: Path) -> None:
    fill(server, 3_000)
    write_modules(app, items=items(2), schema=schema(STRICT, BY_N))
    events = deploy_events(target_of(server), read_bundle(app, Limits()))
    assert next(events)["type"] == "described"
    del events
    write_modules(app, items=items(3))
    while not is_deployed(server, app):
        pass
    assert call(server, "items:version") == 3


def test_only_an_administrator_may_deploy_and_only_what_is_an_app(server: ServerProcess, app: Path) -> None:
    archive = pack(read_bundle(app, Limits()))
    key = {"Authorization": f"Convex {server.admin_key}"}

    def post(content: bytes, headers: dict[str, str]) -> httpx.Response:
        return httpx.post(f"{server.url}/api/deploy", content=content, headers=headers)

    assert (post(archive, {}).status_code, post(archive, {}).json()["code"]) == (403, "BadDeployKey")
    assert post(archive, {"Authorization": "Convex rtdb|00ff"}).status_code == 401
    assert post(b"x" * (Limits().bundle_archive_bytes_max + 1), key).json()["code"] == "BundleTooLarge"
    assert json.loads(post(b"no archive", key).text)["code"] == "InvalidBundle"
    assert json.loads(post(archive, key).text.splitlines()[-1])["unchanged"]


# --- indexes ----------------------------------------------------------------------------------------------------------


def test_an_index_is_built_while_writes_go_on_and_found_by_the_code_it_is_for(server: ServerProcess, app: Path) -> None:
    fill(server, 6_000)
    load = Load(server)
    with load.running():
        events = deploy(server, write_modules(app, items=items(2, LOOKUP), schema=schema(STRICT, BY_N)))
        assert call(server, "items:lookup", {"n": 4321}) == 1
        # The same name over other fields: built beside the one in use, which serves until the switch.
        deploy(
            server,
            write_modules(app, items=items(3, TEXT_LOOKUP), schema=schema(STRICT, '.index("by_n", ["text", "n"])')),
        )
        assert call(server, "items:lookup", {"n": 4321}) == 1
    assert load.failures == []
    assert [event for event in events if event["type"] == "indexing"][-1]["complete"]
    deploy(server, write_modules(app, items=items(4)))
    server.stop()
    report = check(server.data_dir)
    assert report.is_clean, report.problems


def test_an_index_goes_on_being_built_after_kill_9(server: ServerProcess, app: Path) -> None:
    fill(server, 10_000)
    write_modules(app, items=items(2, LOOKUP), schema=schema(STRICT, BY_N))

    def meanwhile(event: dict[str, Any]) -> None:
        if event["type"] == "indexing":
            server.kill()

    for _ in range(2):
        with pytest.raises(Unreachable):
            deploy(server, app, meanwhile=meanwhile)
        server.start()
        assert call(server, "items:version") == 1
    deploy(server, app)
    assert call(server, "items:lookup", {"n": 9_999}) == 1
    server.stop()
    report = check(server.data_dir)
    assert report.is_clean, report.problems


# --- across starts ----------------------------------------------------------------------------------------------------


def test_a_server_without_functions_goes_on_with_what_was_deployed_last(server: ServerProcess, app: Path) -> None:
    deploy(server, write_modules(app, items=items(2)))
    write_modules(app, items="raise RuntimeError\n")
    server.stop()
    server.start()
    assert call(server, "items:version") == 2
    server.kill()
    server.start()
    assert call(server, "items:version") == 2


def test_functions_given_at_start_are_deployed_then(server: ServerProcess, tmp_path: Path, app: Path) -> None:
    server.stop()
    write_modules(app, items=items(7))
    with ServerProcess(server.data_dir, app) as started:
        assert call(started, "items:version") == 7
        deploy(started, write_modules(tmp_path / "newer", items=items(8)))
        assert call(started, "items:version") == 8


# --- many of them -----------------------------------------------------------------------------------------------------

TURNOVER = """
    @mutation
    def turn_over(ctx, n):
        ctx.db.delete(ctx.db.query("items").first()["_id"])
        ctx.db.insert("items", {"n": n})
"""
BRIEF_MEMORY = [
    *("--limit", "undo_seconds=5", "--limit", "mutation_seconds_max=5", "--limit", "log_retention_seconds=5"),
    *("--limit", "recent_changes_max=1000"),
]
"""The server remembers what was written for as long as this says. It is to be full of it when it is first measured."""


@pytest.mark.parametrize(
    ("deploys", "warm_up"), [(6, 3), pytest.param(100, 25, marks=pytest.mark.soak)], ids=["6", "100"]
)
def test_deploys_leak_nothing(tmp_path: Path, app: Path, deploys: int, warm_up: int, start_node: StartClient) -> None:
    """Under load no call fails, and processes, bundles, memory and open files end where they began.

    The load leaves the number of documents as it is. While a database grows, so does the committer, by what LMDB keeps
    of the pages that its largest transaction has changed: building an index changes ever more pages at a time, up to
    one for each document of a chunk. That is bounded, and is not what this test is about.
    """

    def version(number: int) -> Path:
        # An index now and then, so that its building and erasing is among what could leak.
        indexes = BY_N if number % 5 == 0 else ""
        return write_modules(app, items=items(number, TURNOVER), schema=schema(STRICT, indexes))

    with ExitStack() as stack:
        server = stack.enter_context(ServerProcess(tmp_path / "data", arguments=BRIEF_MEMORY))
        deploy(server, version(1))
        fill(server, 2_000)
        load = Load(server, path="items:turn_over")
        subscription = start_node(server).subscribe("items:version")
        stack.enter_context(load.running())
        for number in range(2, 2 + warm_up):  # until everything there is has been used once
            deploy(server, version(number))
        before = settled(server)
        for number in range(2 + warm_up, 2 + warm_up + deploys):
            deploy(server, version(number))
        after = settled(server)
        subscription.wait(lambda value: value == 1 + warm_up + deploys)
    assert load.failures == []
    assert after.processes == before.processes
    assert len(list((server.data_dir / "bundles").iterdir())) <= 2
    assert subscription.errors == []
    for name in before.files:
        assert after.files[name] <= before.files[name] * 1.1, (name, before.files, after.files)
    if deploys >= 100:
        for name in before.memory:
            assert after.memory[name] <= before.memory[name] * 1.1, (name, before.memory, after.memory)
        # The file keeps the size of its fullest moment. Indexes that left their pages behind would double it.
        assert after.disk <= before.disk * 1.5, (before.disk, after.disk)


class Usage(NamedTuple):
    """What a server takes: processes, and by name of those that live through deploys memory (KiB) and open files; the
    database on disk, in KiB."""

    processes: int
    memory: dict[str, int]
    files: dict[str, int]
    disk: float


def is_settled(server: ServerProcess) -> bool:
    names = list(server.descendants().values())
    # What has just been started has not taken its name yet.
    return names.count("rtdb-runner") == 3 and all(name.startswith("rtdb-") for name in names)


def settled(server: ServerProcess) -> Usage:
    """Wait until the runners of earlier code are gone and nothing is starting, and measure."""
    wait_until(lambda: is_settled(server))
    found = server.descendants()
    memory: dict[str, int] = {}
    files: dict[str, int] = {}
    for pid, name in found.items():
        if name != "rtdb-runner":
            process = Path(f"/proc/{pid}")
            # Not the pages of the database that happen to be mapped.
            (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("RssAnon"))
            memory[name] = memory.get(name, 0) + int(line.split()[1])
            files[name] = files.get(name, 0) + len(list((process / "fd").iterdir()))
    disk = (server.data_dir / "db" / "data.mdb").stat().st_blocks / 2
    return Usage(len(found), memory, files, disk)
