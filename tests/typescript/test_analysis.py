"""What modules contain is found by importing them, as the library describes itself, or it is said what is wrong."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.typescript.analysis import Analysis, AnalysisError, AnalyzedFunction
from rtdb.typescript.host import Host
from rtdb.typescript.module_set import TypeScriptModule
from tests.typescript.bundling import bundle_typescript
from tests.typescript.conftest import module_set, query

pytestmark = pytest.mark.slow


def analyze(host: Host, sources: dict[str, str], **variables: str) -> Analysis:
    host.load(bundle_typescript(sources))
    return host.analyze(variables)


def failure(host: Host, sources: dict[str, str], **variables: str) -> AnalysisError:
    with pytest.raises(AnalysisError) as raised:
        analyze(host, sources, **variables)
    return raised.value


MESSAGES = """
import { query, mutation, action, internalMutation, httpAction } from "./_generated/server";
import { v } from "convex/values";

export const list = query({
    args: { channel: v.id("channels"), limit: v.optional(v.number()) },
    returns: v.array(v.string()),
    handler: async (ctx) => [],
});

export const send = internalMutation(async (ctx, args) => null);

const same = () => null;
export const first = mutation({ args: {}, handler: () => null });
export const second = mutation({ args: {}, handler: () => null });
export const shared = action({ args: {}, handler: same });
export const hook = httpAction(async () => new Response("ok"));
export const helper = () => 7;
export const value = { isQuery: "yes" };
export default query({ args: v.any(), handler: async () => 1 });
"""


def line_of(text: str, source: str = MESSAGES) -> int:
    return source[: source.index(text)].count("\n")


def test_functions_are_described_with_their_positions(host: Host) -> None:
    functions = {each.name: each for each in analyze(host, {"messages": MESSAGES}).modules["messages.js"].functions}
    assert set(functions) == {"list", "send", "first", "second", "shared", "default"}
    found = functions["list"]
    assert (found.kind, found.visibility) == ("query", "public")
    assert msgspec.json.decode(found.args) == {
        "type": "object",
        "value": {
            "channel": {"fieldType": {"type": "id", "tableName": "channels"}, "optional": False},
            "limit": {"fieldType": {"type": "number"}, "optional": True},
        },
    }
    assert msgspec.json.decode(found.returns) == {"type": "array", "value": {"type": "string"}}
    assert found.position is not None
    assert found.position.path == "../convex/messages.ts"
    assert found.position.line == line_of("handler: async (ctx) => []")
    assert functions["send"] == AnalyzedFunction(
        "send", "mutation", "internal", '{"type":"any"}', "null", functions["send"].position
    )
    assert functions["shared"].kind == "action"


def test_functions_that_read_alike_have_their_own_positions(host: Host) -> None:
    functions = {each.name: each for each in analyze(host, {"messages": MESSAGES}).modules["messages.js"].functions}
    lines = {name: each.position.line for name, each in functions.items() if each.position is not None}
    assert lines["first"] == line_of("export const first")
    assert lines["second"] == line_of("export const second")
    assert lines["shared"] == line_of("const same")


def test_functions_are_in_the_order_of_their_positions(host: Host) -> None:
    positions = [each.position for each in analyze(host, {"messages": MESSAGES}).modules["messages.js"].functions]
    known = [position for position in positions if position is not None]
    assert known == sorted(known)


def test_a_function_from_another_module_has_no_position(host: Host) -> None:
    sources = {"a": MESSAGES, "b": 'export { list } from "./a";'}
    analysis = analyze(host, sources)
    [found] = analysis.modules["b.js"].functions
    assert (found.name, found.position) == ("list", None)


def test_chunks_and_node_modules_are_not_looked_at_by_themselves(host: Host) -> None:
    modules = bundle_typescript({"a": MESSAGES, "b": MESSAGES})
    assert any(module.path.startswith("_deps/") for module in modules.modules)
    node = TypeScriptModule("n.js", 'import "node:fs"; throw 1;', None, "node")
    host.load(msgspec.structs.replace(modules, modules=(*modules.modules, node)))
    assert set(host.analyze({}).modules) == {"a.js", "b.js"}


def test_a_schema_is_its_json(host: Host) -> None:
    schema = """
        import { defineSchema, defineTable } from "convex/server";
        import { v } from "convex/values";
        export default defineSchema({ users: defineTable({ name: v.string() }).index("by_name", ["name"]) });
    """
    analysis = analyze(host, {"schema": schema})
    assert analysis.schema is not None
    [table] = msgspec.json.decode(analysis.schema)["tables"]
    assert table["tableName"] == "users"
    assert table["indexes"] == [{"indexDescriptor": "by_name", "fields": ["name"]}]
    assert analysis.modules["schema.js"].functions == []


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("export const schema = 1;", "MissingSchemaExportError", "Schema file missing default export."),
        ("export default 7;", "InvalidSchemaExport", "Default export from schema file isn't a Convex schema."),
        ("throw new Error('no');", "InvalidSchema", "Failed to analyze schema.js: Uncaught Error: no"),
        (
            "export default { tables: {}, export: () => process.env.A };",
            "InvalidSchema",
            "Environment variables unsupported when evaluating schema",
        ),
        ("export default { tables: {}, export: () => 'not json' };", "InvalidSchema", "Uncaught SyntaxError"),
        ("for (;;);", "InvalidSchema", "timed out (maximum duration: 0.5s)"),
    ],
)
def test_a_schema_that_is_none_is_refused(host: Host, source: str, code: str, message: str) -> None:
    error = failure(host, {"schema": source}, A="1")
    assert error.code == code
    assert message in error.message


def test_a_schema_imports_nothing(host: Host) -> None:
    host.load(module_set({"schema.js": 'import "./other.js";', "other.js": ""}))
    with pytest.raises(AnalysisError, match=r"Can't import \./other\.js while evaluating schema") as raised:
        host.analyze({})
    assert raised.value.code == "InvalidSchema"


def test_crons_are_their_json(host: Host) -> None:
    crons = """
        import { cronJobs } from "convex/server";
        import { internal } from "./_generated/api";
        const crons = cronJobs();
        crons.interval("clean", { minutes: 5 }, internal.messages.send, { all: true });
        crons.cron("reckon", "0 0 1 * *", internal.billing.close);
        export default crons;
    """
    analysis = analyze(host, {"crons": crons})
    text = analysis.modules["crons.js"].crons
    assert text is not None
    assert msgspec.json.decode(text) == {
        "clean": {"name": "messages:send", "args": [{"all": True}], "schedule": {"type": "interval", "minutes": 5}},
        "reckon": {"name": "billing:close", "args": [{}], "schedule": {"type": "cron", "cron": "0 0 1 * *"}},
    }


def test_routes_are_in_the_order_of_the_router(host: Host) -> None:
    http = """
        import { httpRouter } from "convex/server";
        import { httpAction } from "./_generated/server";
        const http = httpRouter();
        const handler = httpAction(async () => new Response("ok"));
        http.route({ pathPrefix: "/files/", method: "GET", handler });
        http.route({ path: "/hook", method: "POST", handler });
        export default http;
    """
    routes = analyze(host, {"http": http}).modules["http.js"].routes
    assert routes is not None
    assert [(route.path, route.method) for route in routes] == [("/hook", "POST"), ("/files/*", "GET")]


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("http", "export const a = 1;", "`convex/http.js` must have a default export of a Router."),
        ("http", "export default {};", "The default export of `convex/http.js` is not a Router."),
        ("crons", "export const a = 1;", "`convex/crons.js` must have a default export of a Crons object."),
        ("crons", "export default null;", "The default export of `convex/crons.js` is not a Crons object."),
    ],
)
def test_a_router_or_crons_that_is_none_is_refused(host: Host, name: str, source: str, message: str) -> None:
    error = failure(host, {name: source})
    assert (error.code, error.message) == ("InvalidModules", message)


def test_only_the_modules_at_the_root_have_a_meaning_of_their_own(host: Host) -> None:
    analysis = analyze(host, {"lib/http": "export const a = 1;", "lib/schema": "export default 7;"})
    assert analysis.schema is None
    assert analysis.modules["lib/http.js"].routes is None


AUTH = "export default { providers: [{ domain: process.env.DOMAIN, applicationID: 'convex' }] };"


def test_an_auth_config_is_made_with_the_variables(host: Host) -> None:
    analysis = analyze(host, {"auth.config": AUTH}, DOMAIN="https://example.com")
    assert analysis.auth_config is not None
    assert msgspec.json.decode(analysis.auth_config) == {
        "providers": [{"domain": "https://example.com", "applicationID": "convex"}]
    }
    assert analysis.modules["auth.config.js"].functions == []


def test_an_auth_config_without_its_variable_says_which(host: Host) -> None:
    error = failure(host, {"auth.config": AUTH})
    assert error.code == "AuthConfigMissingEnvironmentVariable"
    assert error.message == "Environment variable DOMAIN is used in auth config file but its value was not set"


def test_an_auth_config_without_a_default_export_is_refused(host: Host) -> None:
    assert failure(host, {"auth.config": "export const a = 1;"}).code == "AuthConfigMissingExportError"


def test_an_app_definition_is_its_json(host: Host) -> None:
    source = 'import { defineApp } from "convex/server"; export default defineApp();'
    analysis = analyze(host, {"convex.config": source})
    assert analysis.definition is not None
    assert msgspec.json.decode(analysis.definition)["childComponents"] == []
    assert failure(host, {"convex.config": "export default 7;"}).code == "InvalidDefinition"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("throw new TypeError('at import');", "Failed to analyze m.js: Uncaught TypeError: at import\n    at "),
        ("console.log('so far', 1); throw 7;", "Failed to analyze m.js: Uncaught 7\n[LOG] 'so far' 1"),
        ("const a = await fetch('http://localhost');", "fetch() unsupported at import time"),
        ("for (;;);", "Failed to analyze m.js: Module analysis timed out (maximum duration: 0.5s)"),
        ("await new Promise(() => {});", "Top-level awaits in source files are unsupported"),
        ("export const f = { isQuery: true, exportArgs: () => '7' };", "Args validator must be an object or any"),
        ("export const f = { isQuery: true, exportArgs: () => { throw new Error('circular'); } };", "circular"),
        ("export const f = { isQuery: true, exportArgs() { for (;;); } };", "timed out"),
        ("Object.prototype.toJSON = () => 7;", "The module's exports could not be read."),
        ("Array.prototype.toJSON = () => [7];", "The module's exports could not be read: "),
        ("const f = { isQuery: true }; export { f as 'a b' };", "Invalid function name used in `m.js`: a b"),
    ],
)
def test_a_module_that_cannot_be_used_is_named(host: Host, source: str, message: str) -> None:
    error = failure(host, {"m": source})
    assert error.code == "InvalidModules"
    assert message in error.message


def test_variables_can_be_read_at_import(host: Host) -> None:
    analyze(host, {"m": "if (process.env.A !== '1') throw new Error('unset');"}, A="1")


def test_modules_are_not_of_each_others_doing(host: Host) -> None:
    """What one module does to its globals is not seen by the next."""
    host.load(module_set({"a.js": "Object.prototype.isQuery = true;", "b.js": "export const x = {};" + query("")}))
    functions = {path: [each.name for each in found.functions] for path, found in host.analyze({}).modules.items()}
    assert functions == {"a.js": [], "b.js": ["f"]}


def test_an_analysis_can_be_repeated(host: Host) -> None:
    host.load(bundle_typescript({"messages": MESSAGES}))
    assert host.analyze({}) == host.analyze({})


def test_a_module_with_a_picture_in_it_is_analyzed_at_once(host: Host) -> None:
    """Half a megabyte of letters without a space, as bundlers write what they inline. It once took minutes."""
    analyze(host, {"m": query("") + f'export const picture = "{"A" * 500_000}";'})
