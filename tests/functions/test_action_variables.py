"""``ctx.env`` of actions: what it was when they started, asked for once until it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.functions.action_variables import VALUES_PATH, ActionVariables
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.services import Services
from rtdb.link.frames import Answer, EnvironmentChanged, ExecutionError, Origin, RequestKind
from rtdb.values.json_codec import encode
from rtdb.values.value import Value
from tests.functions.action_bench import ActionBench, running_actions

APP = """
    import trio

    @action
    async def value(ctx, name):
        return ctx.env.get(name)

    @action
    async def must(ctx, name):
        return ctx.env[name]

    @query
    def pause(ctx):
        return None

    @action
    async def before_and_after(ctx):
        before = ctx.env["MODE"]
        await ctx.run_query("m:pause")
        return [before, ctx.env["MODE"], await ctx.run_action("m:value", {"name": "MODE"})]
"""


def update(bench: ActionBench, **changes: str | None) -> None:
    """Change variables, and say so as the hub does."""
    arguments = {"changes": [{"name": name, "value": value} for name, value in changes.items()]}
    bench.app.run("_system/environment_variables:update", arguments, internal=True)
    bench.link.send_nowait(EnvironmentChanged())


async def test_actions_see_what_is_set_when_they_start(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        assert await bench.act("m:value", {"name": "MODE"}) is None
        assert await bench.act("m:value", {"name": "CONVEX_CLOUD_URL"}) == "http://cloud"
        update(bench, MODE="on")
        assert await bench.act("m:value", {"name": "MODE"}) == "on"
        update(bench, MODE=None)
        assert (await bench.error("m:must", {"name": "MODE"})).code == "EnvironmentVariableNotSet"
        assert (await bench.error("m:must", {"name": "1"})).code == "EnvironmentVariableNameInvalid"


async def test_an_action_keeps_the_values_of_its_start(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        update(bench, MODE="old")
        bench.holding = True
        call = bench.start("m:before_and_after")
        await bench.wait_requests(1)
        update(bench, MODE="new")
        bench.holding = False
        bench.release()
        outcome = await bench.outcome(call)
        assert outcome.result == b'["old","old","new"]', "the action that it runs has started later"


async def test_a_value_of_another_secret_is_said_to_be_and_does_not_hide_the_others(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        update(bench, OLD="1")
        bench.app.services = Services(
            "rtdb",
            bench.app.services.cursors,
            EnvironmentVariables(b"another key 16 b", {}, Limits()),
            bench.app.services.addresses,
        )
        update(bench, NEW="2")
        assert await bench.act("m:value", {"name": "NEW"}) == "2"
        assert (await bench.error("m:value", {"name": "OLD"})).code == "EnvironmentVariableUnreadable"


# --- asking -----------------------------------------------------------------------------------------------------------


class Hub:
    """Answers with the values it has at the end, when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.values: Value = [["A", "1"]]
        self.error: ExecutionError | None = None
        self.go_on = trio.Event()
        self.go_on.set()

    async def __call__(
        self, kind: RequestKind, path: str, args: bytes, identity: bytes | None, *, internal: bool, origin: Origin
    ) -> Answer:
        assert path == VALUES_PATH
        self.asked += 1
        values, error = encode(self.values), self.error
        await self.go_on.wait()
        return Answer(1, None if error else values, error, [], 0)


@pytest.fixture
def hub() -> Hub:
    return Hub()


async def test_it_is_asked_once_until_something_changes(hub: Hub) -> None:
    variables = ActionVariables(hub, {}, Limits())
    hub.go_on = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(variables.current)
        await wait_all_tasks_blocked()
        hub.go_on.set()
    assert (await variables.current()).environment["A"] == "1"
    assert hub.asked == 1
    hub.values = [["A", "2"]]
    variables.changed()
    assert (await variables.current()).environment["A"] == "2"
    assert hub.asked == 2


async def test_what_was_asked_before_a_change_is_not_kept(hub: Hub) -> None:
    variables = ActionVariables(hub, {}, Limits())
    hub.go_on = trio.Event()
    seen: list[str] = []

    async def look() -> None:
        seen.append((await variables.current()).environment["A"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await wait_all_tasks_blocked()
        hub.values = [["A", "2"]]
        variables.changed()
        nursery.start_soon(look)  # begun after the change: it must see it
        await wait_all_tasks_blocked()
        hub.go_on.set()
    assert seen == ["1", "2"]


async def test_who_cannot_be_told_hears_why_when_it_looks_and_the_next_one_asks_again(hub: Hub) -> None:
    variables = ActionVariables(hub, {"CONVEX_CLOUD_URL": "http://cloud"}, Limits())
    hub.error = ExecutionError("TooManyConcurrentRequests", "too many", system=429)
    environment = (await variables.current()).environment
    assert environment["CONVEX_CLOUD_URL"] == "http://cloud"
    with pytest.raises(Exception, match="could not be read when the action started: too many"):
        environment.get("A")
    hub.error = None
    assert (await variables.current()).environment["A"] == "1"
