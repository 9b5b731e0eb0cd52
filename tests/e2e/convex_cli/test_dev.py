"""`npx convex dev` in a terminal: saves are pushed, what is wrong is said, and it waits for whatever may mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.convex_cli.command_line import Terminal
from tests.e2e.convex_cli.typescript_project import Project
from tests.e2e.server_process import ServerProcess

SCHEMA = """
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ notes: defineTable({ text: v.string() }) });
"""
NOTES = """
    import { internalMutation, mutation, query } from "./_generated/server";
    import { v } from "convex/values";

    export const count = query({ args: {}, handler: async (ctx) => (await ctx.db.query("notes").collect()).length });
    export const add = mutation({
      args: { text: v.string() },
      handler: async (ctx, { text }) => {
        console.log("adding", text);
        await ctx.db.insert("notes", { text });
      },
    });
    export const clear = internalMutation({
      args: {},
      handler: async (ctx) => {
        for (const { _id } of await ctx.db.query("notes").collect()) await ctx.db.delete(_id);
      },
    });
    export const seed = internalMutation({
      args: {},
      handler: async (ctx) => {
        await ctx.db.insert("notes", { text: "seeded" });
        return "done";
      },
    });
    export const fail = mutation({
      args: {},
      handler: async () => {
        throw new Error("on purpose");
      },
    });
"""
APP = {"schema.ts": SCHEMA, "notes.ts": NOTES}
READY = "Convex functions ready!"
DEV = ("dev", "--typecheck", "disable")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("dev") / "data", None, ["--limit", "runners_min=1"]) as server:
        yield server


@pytest.fixture(scope="module")
def project(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project") / "app", server)


@pytest.fixture
def dev(project: Project) -> Iterator[Terminal]:
    """`npx convex dev`, which has pushed the app and goes on."""
    project.write(APP)
    with project.terminal(*DEV) as terminal:
        terminal.wait_for(READY)
        yield terminal


def test_a_save_is_pushed_and_what_functions_say_is_shown(project: Project, dev: Terminal) -> None:
    settings = (project.directory / ".env.local").read_text().split()
    assert f"CONVEX_URL={project.server.url}" in settings
    place = len(dev.text)
    project.run("run", "notes:add", '{"text": "one"}')
    place = dev.wait_for(r"\[CONVEX M\(notes:add\)\] \[LOG\] 'adding' 'one'", after=place)
    project.run("run", "notes:fail")
    place = dev.wait_for(r"\[CONVEX M\(notes:fail\)\] Uncaught Error: on purpose", after=place)
    place = dev.wait_for(r"^    at handler \(\.\./convex/notes\.ts:\d+:\d+\)$", after=place)
    project.write({**APP, "more.ts": 'export { count as again } from "./notes";\n'})
    place = dev.wait_for(READY, after=place)
    assert int(project.run("run", "more:again").out) >= 1
    # A mistake that the bundler finds never reaches the server; what was pushed last goes on.
    project.write({**APP, "more.ts": "export const broken = ;\n"})
    place = dev.wait_for(r"convex/more\.ts:1:22", after=place)
    assert int(project.run("run", "more:again").out) >= 1
    project.write(APP)
    dev.wait_for(READY, after=place)
    dev.interrupt()
    assert dev.end() == 130


def test_a_type_error_of_a_save_is_shown_and_what_mends_it_is_pushed(project: Project) -> None:
    assert project.run("codegen", "--init", "--typecheck", "disable").code == 0
    typed = """
        import { query } from "./_generated/server";
        const seven: number = %s;
        export const answer = query({ args: {}, handler: async () => seven });
    """
    project.write({**APP, "typed.ts": typed % "6"})
    with project.terminal("dev", "--typecheck", "enable") as dev:
        place = dev.wait_for(READY)
        project.write({**APP, "typed.ts": typed % '"seven"'})
        place = dev.wait_for(r"convex/typed\.ts\W+\d+\W+\d+\W+error\W+TS2322", after=place)
        place = dev.wait_for(r"Type 'string' is not assignable to type 'number'", after=place)
        assert project.run("run", "typed:answer").out == "6\n"
        project.write({**APP, "typed.ts": typed % "7"})
        dev.wait_for(READY, after=place)
        assert project.run("run", "typed:answer").out == "7\n"


def test_it_waits_for_the_documents_that_are_not_what_the_schema_says(project: Project, dev: Terminal) -> None:
    project.run("run", "notes:clear")
    assert project.run("run", "notes:add", '{"text": "a text"}').code == 0
    place = len(dev.text)
    project.write({**APP, "schema.ts": SCHEMA.replace("v.string()", "v.number()")})
    place = dev.wait_for(r'Document with ID "\w+" in table "notes" does not match the schema', after=place)
    place = dev.wait_for(r"^Path: \.text\nValue: \"a text\"\nValidator: v\.float64\(\)$", after=place)
    project.run("run", "notes:clear")
    dev.wait_for(READY, after=place)  # without a save
    assert project.run("run", "notes:add", '{"text": "a text"}').code == 1
    project.write(APP)


def test_it_waits_for_the_environment_variable_that_an_import_misses(project: Project, dev: Terminal) -> None:
    place = len(dev.text)
    needing = 'if (process.env.NEEDED === undefined) throw new Error("NEEDED is not set");\nexport {};\n'
    project.write({**APP, "needing.ts": needing})
    place = dev.wait_for(r"Failed to analyze needing\.js: Uncaught Error: NEEDED is not set", after=place)
    place = dev.wait_for(r"^    at \.\./convex/needing\.ts:1:\d+$", after=place)
    project.run("env", "set", "NEEDED", "1")
    dev.wait_for(READY, after=place)  # without a save
    project.run("env", "remove", "NEEDED")


def test_a_server_starts_again_when_an_import_has_come_to_fail(project: Project) -> None:
    project.run("env", "set", "NEEDED", "1")
    needing = """
        import { action, query } from "./_generated/server";
        if (process.env.NEEDED === undefined) throw new Error("NEEDED is not set");
        export const asked = query(async () => process.env.NEEDED);
        export const acted = action(async () => process.env.NEEDED);
    """
    project.write({**APP, "needing.ts": needing})
    project.push()
    assert project.run("run", "needing:acted").out == '"1"\n'
    project.run("env", "remove", "NEEDED")
    project.server.kill()
    project.server.start()
    for path in ("needing:asked", "needing:acted"):
        assert "Uncaught Error: NEEDED is not set" in project.run("run", path).err
    assert project.run("run", "notes:count").code == 0
    project.run("env", "set", "NEEDED", "2")
    for path in ("needing:asked", "needing:acted"):
        assert project.run("run", path).out == '"2"\n'
    project.run("env", "remove", "NEEDED")


def test_a_function_is_run_after_the_first_push(project: Project) -> None:
    project.write(APP)
    done = project.run(*DEV, "--until-success", "--run", "notes:seed")
    assert done.code == 0, done.err
    assert json.loads(done.out) == "done"
    assert 'Finished running function "notes:seed"' in done.err
    missing = project.run(*DEV, "--once", "--run", "notes:sed")
    assert missing.code == 1
    assert "Could not find function for 'notes:sed'" in missing.err
    assert "• notes:seed" in missing.err


def test_run_pushes_first_if_it_is_told_to(project: Project) -> None:
    project.write(
        {**APP, "fresh.ts": 'import { query } from "./_generated/server";\nexport default query(async () => 7);\n'}
    )
    done = project.run("run", "fresh", "--push", "--typecheck", "disable")
    assert (done.code, done.out) == (0, "7\n"), done.err


def test_init_writes_where_the_server_is_and_pushes_nothing(project: Project) -> None:
    (project.directory / ".env.local").unlink(missing_ok=True)
    assert project.run("init").code == 0
    assert f"CONVEX_URL={project.server.url}" in (project.directory / ".env.local").read_text()


def test_a_wrong_key_is_refused_before_anything_is_pushed(project: Project) -> None:
    project.write(APP)
    refused = project.run(*DEV, "--once", key="rtdb|0123456789abcdef")
    assert refused.code == 1
    assert "The provided admin key was invalid for this instance" in refused.err
