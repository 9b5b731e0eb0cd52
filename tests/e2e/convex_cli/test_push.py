"""`npx convex dev --once` and `deploy`: what a project becomes on a server, and what goes wrong, told by the CLI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.convex_cli.typescript_project import Project
from tests.e2e.deploys import deploy, write_modules
from tests.e2e.server_process import ServerProcess

SCHEMA = """
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({
      messages: defineTable({ room: v.string(), body: v.string() }).index("by_room", ["room"]),
    });
"""
MESSAGES = """
    import { query, mutation } from "./_generated/server";
    import { v } from "convex/values";

    export const list = query({
      args: { room: v.string() },
      handler: async (ctx, { room }) => {
        const rows = await ctx.db.query("messages").withIndex("by_room", (q) => q.eq("room", room)).collect();
        return rows.map((row) => row.body);
      },
    });
    export const send = mutation({
      args: { room: v.string(), body: v.string() },
      handler: async (ctx, message) => {
        await ctx.db.insert("messages", message);
      },
    });
"""
APP = {"schema.ts": SCHEMA, "messages.ts": MESSAGES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests of this module."""
    with ServerProcess(tmp_path_factory.mktemp("pushed") / "data", None, ["--limit", "runners_min=1"]) as server:
        yield server


@pytest.fixture(scope="module")
def project(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project") / "app", server)


@pytest.fixture
def app(project: Project) -> Project:
    """The project with the app that works, and pushed."""
    project.write(APP)
    project.push()
    return project


def refused(project: Project, *arguments: str) -> str:
    """Deploy what cannot be deployed; return what the developer reads, and see that what was there is served."""
    done = project.run("deploy", *(arguments or ("--typecheck", "disable")))
    assert done.code == 1, done
    assert project.run("run", "messages:list", '{"room": "none"}').out == "[]\n"
    return done.err


def test_a_project_is_pushed_and_answers(project: Project) -> None:
    project.write(APP)
    pushed = project.run("dev", "--once", "--tail-logs", "disable", "--typecheck", "disable")
    assert pushed.code == 0, pushed.err
    assert "Added table indexes:\n  [+] messages.by_room   room" in pushed.err
    assert "Convex functions ready!" in pushed.err
    assert project.run("run", "messages:send", '{"room": "a", "body": "hello"}').code == 0
    assert json.loads(project.run("run", "messages:list", '{"room": "a"}').out) == ["hello"]
    assert "messages: typeof messages" in (project.functions / "_generated" / "api.d.ts").read_text()
    environment = (project.directory / ".env.local").read_text()
    assert f"CONVEX_URL={project.server.url}\n" in environment
    assert f"CONVEX_SITE_URL={project.server.site_url}\n" in environment
    assert "admin" not in environment.lower()


def test_deploying_the_same_again_changes_nothing_and_a_dry_run_never_does(app: Project) -> None:
    app.write({**APP, "more.ts": MESSAGES})
    tried = app.run("deploy", "--dry-run", "--typecheck", "disable")
    assert tried.code == 0, tried.err
    assert f"Would have deployed Convex functions to {app.server.url}" in tried.err
    assert "more" not in app.run("function-spec").out
    deployed = app.run("deploy", "--typecheck", "disable")
    assert f"Deployed Convex functions to {app.server.url}" in deployed.err
    assert "more.js:send" in app.run("function-spec").out
    assert app.run("deploy", "--typecheck", "disable", "--message", "again").code == 0


def test_codegen_writes_the_types_of_what_there_is_and_pushes_nothing(app: Project) -> None:
    app.write({**APP, "fresh.ts": MESSAGES})
    made = app.run("codegen", "--typecheck", "disable")
    assert made.code == 0, made.err
    assert "Generating TypeScript bindings..." in made.err
    assert "fresh: typeof fresh" in (app.functions / "_generated" / "api.d.ts").read_text()
    assert "fresh" not in app.run("function-spec").out
    app.write({**APP, "fresh.ts": 'throw new Error("on purpose");\nexport {};\n'})
    failed = app.run("codegen", "--typecheck", "disable")
    assert failed.code == 1
    assert "Failed to analyze fresh.js: Uncaught Error: on purpose" in failed.err


def test_a_document_that_breaks_the_new_schema_is_named(app: Project) -> None:
    assert app.run("run", "messages:send", '{"room": "schema", "body": "words"}').code == 0
    app.write({**APP, "schema.ts": SCHEMA.replace("body: v.string()", "body: v.number()")})
    told = refused(app)
    assert "Schema validation failed." in told
    assert 'in table "messages" does not match the schema' in told
    assert "Path: .body" in told


def test_an_error_at_import_is_shown_with_its_place_in_the_source(app: Project) -> None:
    app.write(
        {
            **APP,
            "broken.ts": "export const known: string[] = [];\n\nthrow new Error(`on purpose ${known.length}`);\n",
        }
    )
    told = refused(app)
    assert "InvalidModules: Hit an error while pushing:" in told
    assert "Failed to analyze broken.js: Uncaught Error: on purpose 0" in told
    assert "convex/broken.ts:3:7" in told


def test_a_type_error_stops_the_push(app: Project) -> None:
    assert app.run("codegen", "--init", "--typecheck", "disable").code == 0
    app.write({**APP, "wrong.ts": 'export const count: number = "many";\n'})
    told = refused(app, "--typecheck", "enable")
    assert "convex/wrong.ts" in told
    assert "Type 'string' is not assignable to type 'number'" in told


@pytest.mark.parametrize(
    ("file", "source", "reason"),
    [
        (
            "crons.ts",
            """
            import { cronJobs } from "convex/server";
            import { anyApi } from "convex/server";
            const crons = cronJobs();
            crons.interval("sweep", { minutes: 1 }, anyApi.nothing.here);
            export default crons;
            """,
            "InvalidCron: Hit an error while pushing:\nThe cron job 'sweep' schedules a function that does not exist: "
            "nothing:here",
        ),
        (
            "auth.config.ts",
            "export default { providers: [{ domain: 'https://example.com' }] };",
            "The pushed auth config is invalid: auth config file must include a list of provider credentials: "
            "providers[0]: Object missing required field `applicationID`",
        ),
        (
            "convex.config.ts",
            """
            import { defineApp } from "convex/server";
            import { v } from "convex/values";
            export default defineApp({ env: { COUNT: v.number() as any } });
            """,
            "Env var `COUNT` on the app has a non-string validator",
        ),
        (
            "schema.ts",
            SCHEMA.replace('["room"])', '["room"]).searchIndex("words", { searchField: "body" })'),
            "searchIndexes",
        ),
        (
            "my-file.ts",
            "export const a = 1;",
            "BadConvexModuleIdentifier",
        ),
    ],
)
def test_what_an_app_must_not_be_is_refused_with_the_reason(app: Project, file: str, source: str, reason: str) -> None:
    app.write({**APP, file: source})
    assert reason in refused(app)


def test_a_component_is_refused_by_name(app: Project) -> None:
    app.write(
        {
            **APP,
            "convex.config.ts": """
                import { defineApp } from "convex/server";
                import counter from "./counter/convex.config";
                const app = defineApp();
                app.use(counter);
                export default app;
            """,
            "counter/convex.config.ts": """
                import { defineComponent } from "convex/server";
                export default defineComponent("counter");
            """,
        }
    )
    assert "ComponentsNotSupported" in (told := refused(app))
    assert "uses components (counter)" in told


def test_a_variable_that_is_not_set_is_named_with_the_command_that_sets_it(app: Project) -> None:
    app.write(
        {
            **APP,
            "auth.config.ts": """
                export default { providers: [{ domain: process.env.ISSUER!, applicationID: "app" }] };
            """,
            "convex.config.ts": """
                import { defineApp } from "convex/server";
                import { v } from "convex/values";
                export default defineApp({ env: { TOKEN: v.string(), DEBUG: v.optional(v.string()) } });
            """,
        }
    )
    told = refused(app)
    assert "Environment variable ISSUER is used in auth config file but its value was not set." in told
    assert "npx convex env set" in told
    assert app.run("env", "set", "ISSUER", "https://example.com").code == 0
    told = refused(app)
    assert "Environment variable TOKEN is declared as required in convex.config.ts but its value was not set." in told
    assert app.run("env", "set", "TOKEN", "sesame").code == 0
    app.push()
    assert "env" in (app.functions / "_generated" / "server.d.ts").read_text()


def test_each_language_calls_the_other(app: Project, tmp_path: Path) -> None:
    python = """
        @query
        def count(ctx, room):
            return len(ctx.run_query("messages:list", {"room": room}))
    """
    deploy(app.server, write_modules(tmp_path / "functions", totals=python))
    app.write(
        {
            **APP,
            "report.ts": """
                import { query } from "./_generated/server";
                import { anyApi } from "convex/server";
                export default query({
                  args: {},
                  handler: async (ctx) => `${await ctx.runQuery(anyApi.totals.count, { room: "both" })} messages`,
                });
            """,
        }
    )
    static = app.directory / "convex.json"
    static.write_text('{"codegen": {"staticApi": true}}')
    app.push()
    static.unlink()
    assert 'count: FunctionReference<"query", "public"' in (app.functions / "_generated" / "api.d.ts").read_text()
    assert app.run("run", "messages:send", '{"room": "both", "body": "hello"}').code == 0
    assert json.loads(app.run("run", "report").out) == "1 messages"
    again = MESSAGES.replace("ctx.db.query", "ctx.db.query")
    app.write({**APP, "totals.ts": again.replace("export const list", "export const count")})
    assert "The function totals:count is defined in Python and in TypeScript" in refused(app)
    schema = 'schema = define_schema({"messages": define_table({"room": v.string(), "body": v.string()})})'
    with pytest.raises(Exception, match="The app defines a schema in Python and in TypeScript"):
        deploy(app.server, write_modules(tmp_path / "functions", totals=python, schema=schema))
    deploy(app.server, write_modules(tmp_path / "functions"))


def test_indexes_of_large_tables_are_dropped_and_built_only_when_somebody_says_so(app: Project) -> None:
    assert app.run("run", "messages:send", '{"room": "large", "body": "hello"}').code == 0
    app.environment = {
        "CONVEX_MIN_DOCUMENTS_FOR_INDEX_DELETE_WARNING": "1",
        "CONVEX_MIN_DOCUMENTS_FOR_INDEX_BACKFILL_WARNING": "1",
    }
    try:
        app.write({**APP, "schema.ts": SCHEMA.replace('"by_room", ["room"]', '"by_room", ["room", "body"]')})
        told = refused(app)
        assert "This code push will delete the following index" in told
        assert "--skip-large-indexes-check" in told
        with app.terminal("deploy", "--typecheck", "disable") as terminal:
            terminal.wait_for(r"messages.by_room\s+room\b")
            terminal.wait_for("Delete this index\\?")
            terminal.type("n\r")
            terminal.wait_for("Canceling push")
            assert terminal.end() == 1
        with app.terminal("deploy", "--typecheck", "disable") as terminal:
            terminal.wait_for("Delete this index\\?")
            terminal.type("y\r")
            terminal.wait_for("Create this index now\\?")
            terminal.type("y\r")
            terminal.wait_for("Added table indexes")
            terminal.wait_for("Deployed Convex functions")
            assert terminal.end() == 0
            app.pushed = app.written
        assert json.loads(app.run("run", "messages:list", '{"room": "large"}').out) == ["hello"]
    finally:
        app.environment = {}
