"""The steps of a deploy over a real committer, with writes in between wherever they could do harm."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.functions.system import deployments
from rtdb.functions.system.deployments import deployment_document_id
from rtdb.index.definition import IndexDefinition
from rtdb.link.frames import ExecutionError
from rtdb.transaction.snapshot import Snapshot
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

PUSH = "_system/deployments:push"
CURRENT = "_system/deployments:current"

WRITER = """
@mutation(args={"table": v.string(), "value": v.any()})
def add(ctx, table, value):
    return ctx.db.insert(table, value)

@mutation
def set(ctx, id, value):
    ctx.db.delete(id) if value is None else ctx.db.replace(id, value)
"""


def schema_of(fields: str, *indexes: str) -> str:
    return f'schema = define_schema({{"items": define_table({{{fields}}}){"".join(indexes)}}})'


BY_N = '.index("by_n", ["n"])'
NUMBERS = schema_of('"n": v.number()')
NUMBERS_BY_N = schema_of('"n": v.number()', BY_N)


def indexes(app: AppBench) -> dict[str, tuple[tuple[str, ...], str]]:
    """The indexes of `items` as queries find them."""
    table = app.committer.registry.table("items")
    assert table is not None
    return {
        index.name: (index.fields, index.state)
        for index in table.indexes.values()
        if index not in (table.by_id, table.by_creation_time)
    }


def dropped(app: AppBench) -> list[IndexDefinition]:
    return app.committer.registry.indexes_in_state("dropped")


def add(app: AppBench, n: Any) -> str:
    id: str = app.run("m:add", {"table": "items", "value": {"n": n}})
    return id


def step_error(app: AppBench, name: str, **more: Any) -> ExecutionError:
    return app.error(f"_system/deployments:{name}", app.step_arguments(**more), internal=True, by_server=True)


def deployed(bench: MakeBench, **modules: str) -> AppBench:
    app = bench(m=WRITER, **modules)
    app.push()
    return app


# --- the switch -------------------------------------------------------------------------------------------------------


def test_a_push_switches_indexes_and_deployment_in_one_transaction(bench: MakeBench) -> None:
    app = bench(schema=NUMBERS_BY_N)
    assert app.run(CURRENT, internal=True) is None
    prepared = app.step("prepare")
    assert indexes(app) == {"by_n": (("n",), "backfilled")}
    before = app.committer.position.seq
    pushed = app.step("push", since=prepared["seq"])
    assert app.committer.position.seq == before + 1
    assert indexes(app) == {"by_n": (("n",), "ready")}
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        assert snapshot.deployment == pushed["deployment"] == deployment_document_id("bundle0")
    current = app.run(CURRENT, internal=True)
    assert (current["deployment"], current["bundle"]) == (pushed["deployment"], "bundle0")


def test_pushing_the_same_again_writes_nothing(bench: MakeBench) -> None:
    app = bench(schema=NUMBERS_BY_N)
    app.push()
    for name in ("prepare", "push"):
        arguments = app.step_arguments(since=0)
        assert app.execute(f"_system/deployments:{name}", arguments, internal=True, by_server=True).writes == []


def test_a_push_leaves_the_indexes_of_system_tables_alone(bench: MakeBench) -> None:
    app = deployed(bench, schema=NUMBERS_BY_N)
    app.push(m=WRITER)
    assert [index.name for index in dropped(app)] == ["by_n"]
    jobs = app.committer.registry.index("_scheduled_jobs", "by_due")
    assert jobs is not None
    assert jobs.state == "ready"


def test_the_next_push_replaces_the_deployment(bench: MakeBench) -> None:
    app = deployed(bench)
    app.push(m=WRITER)
    assert app.run(CURRENT, internal=True)["bundle"] == "bundle2"
    table = app.committer.registry.table("_deployments")
    assert table is not None
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        assert len(list(snapshot.scan(table.by_creation_time, b"", b"\xff"))) == 1
        assert snapshot.deployment == deployment_document_id("bundle2")


def test_a_function_in_flight_loses_to_a_push(bench: MakeBench) -> None:
    app = deployed(bench)
    in_flight = app.execute("m:add", {"table": "items", "value": {}})
    app.push(m=WRITER)
    assert len(app.commit(in_flight).losses) == 1


def test_no_client_may_take_a_step_out_of_turn(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    assert app.error(PUSH, kind="mutation").message == "Operation mutation not permitted"
    assert app.error(CURRENT, kind="query").message == "Operation query not permitted"
    assert "only the server itself may take" in app.error(PUSH, app.step_arguments(since=0), internal=True).message
    assert app.error("_system/nothing:here", internal=True).message.startswith("Could not find function for")


@pytest.mark.parametrize("changed", [{"bundle": 1}, {"description": "{"}, {"since": "soon"}])
def test_a_push_of_something_else_is_an_error(bench: MakeBench, changed: Any) -> None:
    assert step_error(bench(m=WRITER), "push", **{"since": 0, **changed}).code == "InvalidPush"


# --- indexes ----------------------------------------------------------------------------------------------------------


def test_a_new_index_is_built_before_the_switch_and_found_after_it(bench: MakeBench) -> None:
    app = deployed(bench)
    add(app, 1)
    app.load(m=WRITER, schema=NUMBERS_BY_N)
    prepared = app.step("prepare")
    assert indexes(app) == {"by_n": (("n",), "backfilling")}
    assert step_error(app, "push", since=prepared["seq"]).message == "Index items.by_n is not complete yet."
    app.build_indexes()
    assert indexes(app) == {"by_n": (("n",), "backfilled")}
    app.step("push", since=prepared["seq"])
    assert indexes(app) == {"by_n": (("n",), "ready")}


def test_progress_counts_the_documents_of_each_index_under_way(bench: MakeBench) -> None:
    app = deployed(bench)
    for n in range(3):
        add(app, n)
    app.load(m=WRITER, schema=NUMBERS_BY_N)
    app.step("prepare")
    (begun,) = app.step("progress")
    assert begun == {"table": "items", "index": "by_n", "documents": 0.0, "total": 3.0, "complete": False}
    app.build_indexes()
    assert app.step("progress") == [{**begun, "documents": 3.0, "complete": True}]


def test_a_first_document_written_while_its_index_is_begun_makes_the_step_run_again(bench: MakeBench) -> None:
    app = deployed(bench, schema=NUMBERS)
    in_flight = app.execute("m:add", {"table": "items", "value": {"n": 1}})
    app.load(m=WRITER, schema=NUMBERS_BY_N)
    prepare = app.execute("_system/deployments:prepare", app.step_arguments(), internal=True, by_server=True)
    assert app.commit(in_flight).losses == []
    assert len(app.commit(prepare).losses) == 1


def test_an_index_with_other_fields_is_built_beside_the_one_in_use(bench: MakeBench) -> None:
    app = deployed(bench, schema=schema_of('"n": v.number(), "m": v.optional(v.number())', BY_N))
    add(app, 1)
    app.load(m=WRITER, schema=schema_of('"n": v.number(), "m": v.optional(v.number())', '.index("by_n", ["m"])'))
    prepared = app.step("prepare")
    app.build_indexes()
    assert indexes(app) == {"by_n": (("n",), "ready")}
    app.step("push", since=prepared["seq"])
    assert indexes(app) == {"by_n": (("m",), "ready")}
    assert [index.fields for index in dropped(app)] == [("n",)]


def test_indexes_that_are_no_longer_declared_are_dropped_at_the_switch(bench: MakeBench) -> None:
    app = bench(schema=schema_of('"n": v.number(), "m": v.number()', BY_N, '.index("by_m", ["m"])'))
    app.push()
    app.load(schema=schema_of('"n": v.number(), "m": v.number()', '.index("by_m", ["m"])'))
    prepared = app.step("prepare")
    assert dropped(app) == []
    app.step("push", since=prepared["seq"])
    assert indexes(app) == {"by_m": (("m",), "ready")}
    assert [index.name for index in dropped(app)] == ["by_n"]
    app.push(m=WRITER)
    assert indexes(app) == {}
    assert app.committer.registry.table("items") is not None


def test_an_abandoned_deploy_leaves_the_indexes_in_use(bench: MakeBench) -> None:
    app = deployed(bench, schema=NUMBERS_BY_N)
    add(app, 1)
    optional_m = '"n": v.number(), "m": v.optional(v.number())'
    app.load(m=WRITER, schema=schema_of(optional_m, BY_N, '.index("by_more", ["m"])'))
    app.step("prepare")
    app.step("abandon")
    assert indexes(app) == {"by_n": (("n",), "ready")}
    assert [index.name for index in dropped(app)] == ["by_more"]


def test_what_a_deploy_that_was_cut_off_has_built_is_taken_over_or_dropped(bench: MakeBench) -> None:
    app = deployed(bench)
    add(app, 1)
    app.load(
        m=WRITER,
        schema=schema_of('"n": v.number()', BY_N, '.index("by_x", ["x"])').replace(
            '"n":', '"x": v.optional(v.any()), "n":'
        ),
    )
    app.step("prepare")
    app.build_indexes()
    numbers = {index.name: index.number for index in app.committer.registry.indexes_in_state("backfilled")}
    app.push(m=WRITER, schema=NUMBERS_BY_N)
    assert [index.number for index in dropped(app)] == [numbers["by_x"]]
    table = app.committer.registry.table("items")
    assert table is not None
    assert table.indexes["by_n"].number == numbers["by_n"]


def test_more_indexes_than_a_table_has_numbers_for_are_an_error_that_says_to_wait(bench: MakeBench) -> None:
    app = bench(schema=NUMBERS)
    app.push()
    for number in range(126):
        app.push(schema=schema_of('"n": v.number()', f'.index("by_{number}", ["n"])'))
    app.load(schema=schema_of('"n": v.number()', '.index("by_more", ["n"])'))
    error = step_error(app, "prepare")
    assert (error.code, error.message.partition(":")[0]) == (
        "TooManyIndexes",
        'Table "items" has had too many indexes in the last minute',
    )


# --- documents --------------------------------------------------------------------------------------------------------


def test_documents_that_break_the_new_schema_are_found(bench: MakeBench) -> None:
    app = deployed(bench)
    id = add(app, "one")
    app.load(m=WRITER, schema=NUMBERS)
    assert app.step("prepare")["tables"] == [{"table": "items", "documents": 1.0}]
    error = step_error(app, "check", table="items", after="")
    assert error.code == "SchemaEnforcementError"
    assert error.message == (
        f'Document with ID "{id}" in table "items" does not match the schema: Value does not match validator.\n'
        'Path: .n\nValue: "one"\nValidator: v.float64()'
    )


def test_every_document_is_checked_whatever_the_chunks(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "CHECKED_AT_ONCE", 2)
    app = deployed(bench)
    old = app.app
    for n in range(5):
        add(app, n)
    app.load(m=WRITER, schema=NUMBERS)
    after: str | None = ""
    checked = []
    while after is not None:
        chunk = app.step("check", table="items", after=after)
        after = chunk["next"]
        checked.append(chunk["checked"])
    assert checked == [2, 2, 1]
    app.app, new = old, app.app
    add(app, "bad")
    app.app = new
    with pytest.raises(AssertionError, match="SchemaEnforcementError"):
        app.check_tables({"tables": [{"table": "items"}]})


def test_nothing_is_checked_when_the_schema_says_so_or_promises_no_more(bench: MakeBench) -> None:
    app = deployed(bench)
    add(app, "one")
    for schema in (
        'schema = define_schema({"items": define_table({"n": v.number()})}, schema_validation=False)',
        schema_of('"n": v.string()'),
        schema_of('"n": v.union(v.string(), v.number())'),
    ):
        app.load(m=WRITER, schema=schema)
        expected = ["items"] if "v.string()})" in schema else []
        prepared = app.step("prepare")
        assert [table["table"] for table in prepared["tables"]] == expected
        app.step("push", since=prepared["seq"])


def test_a_document_written_behind_the_check_stops_the_push(bench: MakeBench) -> None:
    app = deployed(bench)
    id = add(app, 1)
    old = app.app
    app.load(m=WRITER, schema=NUMBERS)
    prepared = app.step("prepare")
    app.check_tables(prepared)
    app.app, new = old, app.app
    app.run("m:set", {"id": id, "value": {"n": "bad"}})
    app.app = new
    expected = 'New document in table "items" does not match the schema: Value does not match validator.\nPath: .n'
    for step in (
        step_error(app, "check_changes", tables=["items"], since=prepared["seq"]),
        step_error(app, "push", since=prepared["seq"]),
    ):
        assert step.code == "SchemaEnforcementError"
        assert step.message.startswith(expected)


@pytest.mark.parametrize("repair", ["replaced", "deleted"])
def test_a_document_that_was_repaired_since_stops_the_push_too(bench: MakeBench, repair: str) -> None:
    """What broke it runs on, and would break the next one."""
    app = deployed(bench)
    old = app.app
    app.load(m=WRITER, schema=NUMBERS)
    prepared = app.step("prepare")
    app.app, new = old, app.app
    id = add(app, "bad")
    app.run("m:set", {"id": id, "value": {"n": 1} if repair == "replaced" else None})
    app.app = new
    error = step_error(app, "push", since=prepared["seq"])
    assert error.message.startswith('New document in table "items" does not match the schema')
    # Once more: what is there now is right, and nothing has broken it since.
    prepared = app.step("prepare")
    app.check_tables(prepared)
    app.step("push", since=prepared["seq"])


def test_a_document_that_was_broken_before_and_is_repaired_in_time_does_not(bench: MakeBench) -> None:
    app = deployed(bench)
    id = add(app, "bad")
    old = app.app
    app.load(m=WRITER, schema=NUMBERS)
    prepared = app.step("prepare")
    app.app, new = old, app.app
    app.run("m:set", {"id": id, "value": {"n": 1}})
    app.run("m:set", {"id": id, "value": {"n": 2}})
    app.app = new
    assert app.step("check_changes", tables=["items"], since=prepared["seq"])["checked"] == 2
    app.step("push", since=prepared["seq"])


def test_a_write_that_the_push_has_not_seen_makes_it_run_again(bench: MakeBench) -> None:
    app = deployed(bench)
    add(app, 1)
    in_flight = app.execute("m:add", {"table": "items", "value": {"n": "bad"}})
    app.load(m=WRITER, schema=NUMBERS)
    prepared = app.step("prepare")
    push = app.execute(PUSH, app.step_arguments(since=prepared["seq"]), internal=True, by_server=True)
    assert app.commit(in_flight).losses == []
    assert len(app.commit(push).losses) == 1


def test_changes_that_can_no_longer_be_told_end_the_deploy(bench: MakeBench) -> None:
    app = deployed(bench)
    app.load(m=WRITER, schema=NUMBERS)
    prepared = app.step("prepare")
    add(app, 1)
    app.clock.now += int(2 * Limits().undo_seconds * 1e9)
    with app.committer.writing() as txn:
        app.committer.trim(txn, app.clock.now)
    assert step_error(app, "push", since=prepared["seq"]).code == "DeployTooSlow"
