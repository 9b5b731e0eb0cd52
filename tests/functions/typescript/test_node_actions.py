"""Actions in modules that say "use node", in a real Node, and what becomes of the process that they share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.link.frames import EnvironmentChanged
from rtdb.typescript.node_app import NodeApps
from tests.e2e.official_client import node_executable
from tests.functions.action_bench import ActionBench, running_actions
from tests.functions.typescript.test_actions import HEADER, NOTES
from tests.typescript.bundling import bundle_typescript

pytestmark = pytest.mark.slow

SOURCE = """
const require = (globalThis as any).require;
let calls = 0;

export const count = action({ handler: async () => (calls += 1) });
export const fine = action({ handler: async (ctx) => (await ctx.runQuery(api.notes.texts)).length });
export const mode = action({ handler: async () => process.env.MODE ?? null });
export const reads = action({ handler: async () => require("node:fs").readFileSync("/nowhere", "utf8") });
export const loops = action({ handler: async () => { for (;;); } });
export const exits = action({ handler: async () => { (process as any).exit(7); } });
export const fills = action({ handler: async () => {
    const kept = [];
    for (;;) { kept.push(new Array(100_000).fill({})); await null; }
} });
export const rejects = action({ handler: async () => {
    void Promise.reject(new Error("mine"));
    await new Promise(() => {});
} });
export const throws = action({ handler: async () => {
    setTimeout(() => { throw new Error("mine"); }, 1);
    await new Promise(() => {});
} });
export const writes = action({ handler: async () => {
    (process as any).stdout.write("to nobody's harm\\\\n");
    console.log("said");
} });
"""


@asynccontextmanager
async def acting_in_node(tmp_path: Path, limits: Limits | None = None) -> AsyncIterator[ActionBench]:
    """Run the actions of ``m.ts`` in Node beside notes."""
    isolate = bundle_typescript({"notes": NOTES})
    node = bundle_typescript({"m": HEADER + SOURCE})
    in_node = [msgspec.structs.replace(module, environment="node") for module in node.modules]
    modules = msgspec.structs.replace(isolate, modules=(*isolate.modules, *in_node))
    limits = limits or Limits()
    app = tmp_path / "server" / "app"
    for path, content in modules.files().items():
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        (app / path).write_bytes(content)
    NodeApps(tmp_path, Path(node_executable()), limits).prepare(app)
    async with running_actions(tmp_path / "server", limits) as bench:
        yield bench


async def test_a_module_in_node_keeps_its_variables_until_the_environment_changes(tmp_path: Path) -> None:
    async with acting_in_node(tmp_path) as bench:
        assert [await bench.act("m:count") for _ in range(3)] == [1, 2, 3]
        assert await bench.act("m:mode") is None
        arguments = {"changes": [{"name": "MODE", "value": "live"}]}
        bench.app.run("_system/environment_variables:update", arguments, internal=True)
        bench.link.send_nowait(EnvironmentChanged())
        assert await bench.act("m:mode") == "live"
        assert await bench.act("m:count") == 1


async def test_errors_in_node_are_those_of_their_action_with_places_in_its_source(tmp_path: Path) -> None:
    async with acting_in_node(tmp_path) as bench:
        error = await bench.error("m:reads")
        assert error.message == "Uncaught Error: ENOENT: no such file or directory, open '/nowhere'"
        assert "    at handler (../convex/m.ts:" in error.frames
        assert str(tmp_path) not in error.frames
        bench.holding = True
        waiting = bench.start("m:fine")
        await bench.wait_requests(1)
        for path in ["m:rejects", "m:throws"]:
            assert (await bench.error(path)).message == "Uncaught Error: mine"
        bench.holding = False
        bench.release()
        assert (await bench.outcome(waiting)).error is None


async def test_whatever_ends_node_ends_its_action_and_another_takes_its_place(tmp_path: Path) -> None:
    limits = Limits(action_blocked_seconds_max=1, typescript_action_heap_bytes_max=64 << 20)
    async with acting_in_node(tmp_path, limits) as bench:
        expected = {
            "m:loops": "Function m:loops was stopped: for 1 s (action_blocked_seconds_max)",
            "m:fills": "JavaScript execution ran out of memory (maximum memory usage: 64 MB)",
            "m:exits": "Transient error while executing action: the process it ran in has ended (exit code 7",
        }
        for path, message in expected.items():
            assert (await bench.error(path)).message.startswith(message)
            assert await bench.act("m:fine") == 0


async def test_what_node_writes_on_its_output_is_no_frame(tmp_path: Path) -> None:
    async with acting_in_node(tmp_path) as bench:
        outcome = await bench.outcome(bench.start("m:writes"))
        assert outcome.error is None
        assert outcome.log_lines == ["[LOG] 'said'"]


async def test_variables_that_change_during_long_actions_do_not_pile_up_processes(tmp_path: Path) -> None:
    limits = Limits(typescript_action_hosts_max=1, typescript_start_seconds_max=3)
    async with acting_in_node(tmp_path, limits) as bench:
        assert bench.typescript is not None
        hosts = bench.typescript.hosts["node"]

        async def hold() -> int:
            call = bench.start("m:fine")
            await bench.wait_requests(len(bench.requests) + 1)
            return call

        def change(value: str) -> None:
            arguments = {"changes": [{"name": "MODE", "value": value}]}
            bench.app.run("_system/environment_variables:update", arguments, internal=True)
            bench.link.send_nowait(EnvironmentChanged())

        bench.holding = True
        waiting = []
        for value in ("1", "2"):
            change(value)
            waiting.append(await hold())
        change("3")
        error = await bench.error("m:mode")
        assert error.code == "ActionHostUnavailable"
        assert "2 processes still run actions that began before their processes were to be replaced" in error.message
        assert hosts.started == 2
        patient = bench.start("m:mode")
        bench.holding = False
        bench.release()
        assert [(await bench.outcome(call)).result for call in waiting] == [b"0.0", b"0.0"]
        assert (await bench.outcome(patient)).result == b'"3"'
        assert hosts.started == 3


async def test_a_directory_that_is_not_as_it_was_made_fails_calls_and_not_the_runner(tmp_path: Path) -> None:
    async with acting_in_node(tmp_path) as bench:
        [prepared] = (tmp_path / "node").glob("*/prepared.json")
        as_it_was = prepared.read_bytes()
        for damaged in (b"", b'{"node": 7}', None):
            if damaged is None:
                prepared.unlink()
            else:
                prepared.write_bytes(damaged)
            error = await bench.error("m:count")
            assert error.code == "ActionHostUnavailable"
            assert "Start the server again, or push the app again" in error.message
        prepared.write_bytes(as_it_was)
        assert await bench.act("m:count") == 1
