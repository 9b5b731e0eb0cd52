from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.functions.app_loader import App, AppLoadError, load_app
from rtdb.functions.description import RouteDescription, decode_description, encode_description
from rtdb.link.frames import ExecutionError
from tests.functions.app_bench import write_app

SCHEMA = 'schema = define_schema({"items": define_table({"n": v.number()}).index("by_n", ["n"])})'


def call(app: App, path: str) -> Any:
    handler = app.functions[path].handler
    assert handler is not None
    return handler(None)


def load(directory: Path, **modules: str) -> App:
    return load_app(write_app(directory, **modules), Limits())


def load_error(directory: Path, **modules: str) -> ExecutionError:
    with pytest.raises(AppLoadError) as raised:
        load(directory, **modules)
    return raised.value.error


def test_functions_are_found_under_module_and_exported_name(tmp_path: Path) -> None:
    app = load(
        tmp_path,
        notifications="""
        @query
        def list(ctx): pass

        @mutation(name="markAsRead", args={"id": v.id("notifications")}, returns=v.null())
        def mark_as_read(ctx, id): pass

        def helper(): pass
        """,
        admin__jobs="""
        @internal_mutation
        def cleanup(ctx): pass
        """,
    )
    assert list(app.functions) == ["admin/jobs:cleanup", "notifications:list", "notifications:markAsRead"]
    assert app.functions["admin/jobs:cleanup"].internal
    assert app.functions["notifications:markAsRead"].kind == "mutation"


def test_the_description_says_all_that_others_need_and_survives_encoding(tmp_path: Path) -> None:
    app = load(tmp_path, schema=SCHEMA, m='@query(args={"n": v.number()})\ndef f(ctx, n): pass')
    (function,) = app.description.functions
    assert (function.path, function.kind, function.internal) == ("m:f", "query", False)
    assert function.args == {
        "type": "object",
        "value": {"n": {"fieldType": {"type": "number"}, "optional": False}},
    }
    assert function.returns is None
    assert app.description.schema is not None
    assert app.description.schema["tables"][0]["tableName"] == "items"
    assert decode_description(encode_description(app.description)) == app.description


def test_equal_apps_have_equal_descriptions(tmp_path: Path) -> None:
    source = "@query\ndef b(ctx): pass\n@query\ndef a(ctx): pass"
    turned = "@query\ndef a(ctx): pass\n@query\ndef b(ctx): pass"
    first, second = load(tmp_path / "1", m=source), load(tmp_path / "2", m=turned)
    assert encode_description(first.description) == encode_description(second.description)


def test_an_empty_directory_is_an_app_without_functions(tmp_path: Path) -> None:
    app = load(tmp_path)
    assert (app.functions, app.schema) == ({}, None)


def test_a_module_named_like_one_of_the_standard_library_shadows_nothing(tmp_path: Path) -> None:
    path = list(sys.path)
    app = load(
        tmp_path,
        http="http = HttpRouter()",
        json="""
        @query
        def f(ctx): pass
        """,
        m="""
        import http.client
        import json

        @query
        def f(ctx): return [http.client.OK, json.dumps(1)]
        """,
    )
    assert list(app.functions) == ["json:f", "m:f"]
    assert call(app, "m:f") == [200, "1"]
    assert sys.path == path


def test_http_routes_are_described_exact_ones_first(tmp_path: Path) -> None:
    app = load(
        tmp_path,
        hooks="""
        @http_action
        async def receive(ctx, request): return Response()
        """,
        http="""
        from .hooks import receive

        http = HttpRouter()
        http.route(path_prefix="/hooks/", method="POST", handler=receive)
        http.route(path="/b", method="POST", handler=receive)
        http.route(path="/b", method="GET", handler=receive)
        http.route(path="/a", method="PUT", handler=receive)
        """,
    )
    assert app.functions == {}
    assert app.description.routes == [
        RouteDescription("/a", "PUT"),
        RouteDescription("/b", "GET"),
        RouteDescription("/b", "POST"),
        RouteDescription("/hooks/*", "POST"),
    ]
    assert decode_description(encode_description(app.description)) == app.description


def test_an_app_without_an_http_module_has_no_routes_at_all(tmp_path: Path) -> None:
    assert load(tmp_path / "1", m="").description.routes is None
    assert load(tmp_path / "2", http="http = HttpRouter()").description.routes == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "http.py does not define `http`. Write `http = HttpRouter()`."),
        ("http = 5", "`http` in http.py is not a router but int. Write `http = HttpRouter()`."),
        (
            "http = HttpRouter()\nhttp.route(path='a', method='GET', handler=http_action(f))",
            "http.py cannot be imported: Uncaught ValueError: path 'a' does not start with a /",
        ),
    ],
)
def test_an_http_module_without_a_router_is_refused(tmp_path: Path, source: str, message: str) -> None:
    error = load_error(tmp_path, http=f"async def f(ctx, request): pass\n{source}")
    assert (error.code, error.message) == ("InvalidModules", message)


def test_modules_import_each_other_relatively(tmp_path: Path) -> None:
    app = load(
        tmp_path,
        users="""
        @query
        def find(ctx): return "found"
        """,
        admin__tools="""
        from ..users import find

        @query
        def again(ctx): return find(ctx)
        """,
    )
    # What was imported is addressed where it was defined.
    assert list(app.functions) == ["admin/tools:again", "users:find"]
    assert call(app, "admin/tools:again") == "found"


def test_two_versions_of_an_app_live_side_by_side(tmp_path: Path) -> None:
    old = load(tmp_path / "old", m="@query\ndef f(ctx): return 1")
    new = load(tmp_path / "new", m="@query\ndef f(ctx): return 2")
    assert (call(old, "m:f"), call(new, "m:f")) == (1, 2)


def test_loading_writes_nothing_into_the_apps_directory(tmp_path: Path) -> None:
    load(tmp_path, m="@query\ndef f(ctx): pass")
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]


def test_hidden_and_package_files_are_not_modules(tmp_path: Path) -> None:
    write_app(tmp_path, folder____init__="", m="@query\ndef f(ctx): pass")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "bad.py").write_text("raise SystemExit")
    assert list(load_app(tmp_path, Limits()).functions) == ["m:f"]


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_at_import_names_file_and_line(tmp_path: Path) -> None:
    error = load_error(
        tmp_path,
        helpers="""
        def fail(): raise ValueError("no")
        """,
        m="""
        from .helpers import fail
        fail()
        """,
    )
    assert error.message == "m.py cannot be imported: Uncaught ValueError: no"
    assert error.frames == "    at fail (helpers.py:2)\n    at <module> (m.py:3)\n"
    assert error.code == "InvalidModules"


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    error = load_error(tmp_path, m="\nx = = 1\n")
    assert error.message == "m.py cannot be imported: SyntaxError: invalid syntax"
    assert error.frames == "    at <module> (m.py:2)\n"


def test_a_module_that_ends_the_process_is_an_error(tmp_path: Path) -> None:
    message = load_error(tmp_path, m="import sys; sys.exit(1)").message
    assert message == ("m.py cannot be imported: Uncaught SystemExit: a function cannot end the process (exit code 1)")


def test_a_wrong_definition_names_its_line(tmp_path: Path) -> None:
    error = load_error(tmp_path, m="@query\nasync def f(ctx): pass")
    assert "f is an `async def`" in error.message
    assert error.frames == "    at <module> (m.py:2)\n"


def test_an_invalid_schema_says_that_it_is_the_schema(tmp_path: Path) -> None:
    error = load_error(tmp_path, schema='schema = define_schema({"_x": define_table({})})')
    assert error.message == ("Hit an error while evaluating your schema:\nUncaught Error: _x is a reserved table name.")
    assert error.code == "TableNameReserved"
    assert error.frames == "    at <module> (schema.py:2)\n"


def test_a_schema_larger_than_the_server_allows_is_refused(tmp_path: Path) -> None:
    directory = write_app(tmp_path, schema=SCHEMA)
    with pytest.raises(AppLoadError) as raised:
        load_app(directory, Limits(index_fields_max=1))
    assert raised.value.error.code == "IndexTooManyFields"
    assert raised.value.error.message == (
        'Hit an error while evaluating your schema:\nIn index "by_n": Indexes may have up to 1 fields.'
    )


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"schema": "pass"}, "schema.py does not define `schema`. Write `schema = define_schema({...})`."),
        (
            {"schema": "schema = {}"},
            "`schema` in schema.py is not a schema but dict. Write `schema = define_schema({...})`.",
        ),
        (
            {"m": "@query\ndef a(ctx): pass\n@query(name='a')\ndef b(ctx): pass"},
            "m.py defines the function `a` twice",
        ),
        ({"_system__m": "@query\ndef a(ctx): pass"}, "_system/m.py: modules under `_system` are the server's own"),
    ],
)
def test_apps_that_cannot_be_addressed_are_refused(tmp_path: Path, modules: dict[str, str], message: str) -> None:
    assert load_error(tmp_path, **modules).message == message


def test_a_name_that_is_no_identifier_is_refused(tmp_path: Path) -> None:
    error = load_error(tmp_path, m="@query(name='not-a-name')\ndef a(ctx): pass")
    assert error.message.startswith("m.py: Invalid function path 'm:not-a-name'")


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match="does not exist"):
        load_app(tmp_path / "nowhere", Limits())
