from __future__ import annotations

from rtdb.functions.description import CronDescription, Description, FunctionDescription, RouteDescription
from rtdb.functions.description_change import IndexChange, compare_descriptions
from rtdb.schema.schema import define_schema
from rtdb.schema.table import Table, define_table
from rtdb.schema.validators import v


def function(path: str, args: dict[str, object] | None = None) -> FunctionDescription:
    return FunctionDescription(path, "query", False, args or {"type": "any"}, None)


def description(*functions: FunctionDescription, **tables: Table) -> Description:
    return Description(functions=list(functions), schema=define_schema(tables).to_json() if tables else None)


def test_everything_is_new_at_first() -> None:
    change = compare_descriptions(
        None, description(function("m:f"), items=define_table({"n": v.number()}).index("by_n", ["n"]))
    )
    assert (change.functions_added, change.tables_added) == (["m:f"], ["items"])
    assert change.indexes == [IndexChange("items", "by_n", (), ("n",))]


def test_equal_apps_differ_in_nothing() -> None:
    app = description(function("m:f"), items=define_table({"n": v.number()}).index("by_n", ["n"]))
    change = compare_descriptions(app, app)
    assert not any(getattr(change, name) for name in change.__struct_fields__)


def test_functions_and_tables_are_changed_when_what_they_promise_is() -> None:
    before = description(
        function("m:gone"), function("m:kept"), function("m:other"), a=define_table({}), b=define_table({})
    )
    after = description(
        function("m:kept"),
        function("m:new"),
        function("m:other", {"type": "string"}),
        b=define_table({"n": v.number()}),
        c=define_table({}),
    )
    change = compare_descriptions(before, after)
    assert (change.functions_added, change.functions_changed, change.functions_removed) == (
        ["m:new"],
        ["m:other"],
        ["m:gone"],
    )
    assert (change.tables_added, change.tables_changed, change.tables_removed) == (["c"], ["b"], ["a"])


def test_routes_come_and_go() -> None:
    before = Description([], None, routes=[RouteDescription("/a", "GET"), RouteDescription("/b/*", "GET")])
    after = Description([], None, routes=[RouteDescription("/a", "POST"), RouteDescription("/b/*", "GET")])
    change = compare_descriptions(before, after)
    assert (change.routes_added, change.routes_removed) == (["POST /a"], ["GET /a"])
    assert compare_descriptions(Description([], None), before).routes_added == ["GET /a", "GET /b/*"]


def test_cron_jobs_come_change_and_go() -> None:
    def cron(name: str, seconds: int) -> CronDescription:
        return CronDescription(name, "m:f", {}, {"type": "interval", "seconds": seconds})

    before = Description([], None, crons=[cron("a", 1), cron("b", 1), cron("c", 1)])
    after = Description([], None, crons=[cron("b", 2), cron("c", 1), cron("d", 1)])
    change = compare_descriptions(before, after)
    assert (change.crons_added, change.crons_changed, change.crons_removed) == (["d"], ["b"], ["a"])


def test_an_index_with_other_fields_is_one_change() -> None:
    fields = {"n": v.number(), "m": v.number()}
    before = description(items=define_table(fields).index("by_n", ["n"]).index("gone", ["m", "n"]))
    after = description(items=define_table(fields).index("by_n", ["n", "m"]))
    change = compare_descriptions(before, after)
    assert change.indexes == [
        IndexChange("items", "by_n", ("n",), ("n", "m")),
        IndexChange("items", "gone", ("m", "n"), ()),
    ]
    assert change.tables_changed == []
