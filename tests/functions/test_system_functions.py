from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.functions.system_functions import deployment_document_id
from rtdb.index.definition import IndexDefinition
from rtdb.transaction.snapshot import Snapshot
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

PUSH = "_system/deployments:push"
CURRENT = "_system/deployments:current"

WRITER = """
@mutation(args={"table": v.string(), "value": v.any()})
def add(ctx, table, value):
    return ctx.db.insert(table, value)
"""


def schema_of(fields: str, *indexes: str) -> str:
    return f'schema = define_schema({{"items": define_table({{{fields}}}){"".join(indexes)}}})'


BY_N = '.index("by_n", ["n"])'


def indexes(app: AppBench) -> dict[str, tuple[tuple[str, ...], str]]:
    table = app.committer.registry.table("items")
    assert table is not None
    return {index.name: (index.fields, index.state) for index in table.stored if index is not table.by_creation_time}


def dropped(app: AppBench) -> list[IndexDefinition]:
    return app.committer.registry.indexes_in_state("dropped")


def push_error(app: AppBench, **modules: str) -> Any:
    before = app.run(CURRENT, internal=True)
    with pytest.raises(AssertionError) as raised:
        app.push(**modules)
    assert app.run(CURRENT, internal=True) == before
    return raised.value.args[0]


def test_a_push_makes_tables_indexes_and_the_deployment_in_one_transaction(bench: MakeBench) -> None:
    app = bench(schema=schema_of('"n": v.number()', BY_N))
    assert app.run(CURRENT, internal=True) is None
    before = app.committer.position.seq
    pushed = app.push()
    assert app.committer.position.seq == before + 1
    assert indexes(app) == {"by_n": (("n",), "ready")}
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        assert snapshot.deployment == pushed["deployment"] == deployment_document_id("bundle1")
    current = app.run(CURRENT, internal=True)
    assert (current["deployment"], current["bundle"]) == (pushed["deployment"], "bundle1")


def test_pushing_the_same_again_writes_nothing(bench: MakeBench) -> None:
    app = bench(schema=schema_of('"n": v.number()', BY_N))
    app.push()
    assert app.execute(PUSH, raw_args=app.push_arguments(), internal=True).writes == []


def test_the_next_push_replaces_the_deployment(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    app.push(m=WRITER)
    assert app.run(CURRENT, internal=True)["bundle"] == "bundle2"
    deployments = app.committer.registry.table("_deployments")
    assert deployments is not None
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        assert len(list(snapshot.scan(deployments.by_creation_time, b"", b"\xff"))) == 1
        assert snapshot.deployment == deployment_document_id("bundle2")


def test_a_new_index_of_a_table_with_documents_is_filled_first(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    app.run("m:add", {"table": "items", "value": {"n": 1}})
    app.push(m=WRITER, schema=schema_of('"n": v.number()', BY_N))
    assert indexes(app) == {"by_n": (("n",), "backfilling")}


def test_a_new_index_of_an_empty_table_conflicts_with_a_first_document_written_meanwhile(bench: MakeBench) -> None:
    app = bench(m=WRITER, schema=schema_of('"n": v.number()'))
    app.push()
    add = app.execute("m:add", {"table": "items", "value": {"n": 1}})
    next_app = bench(m=WRITER, schema=schema_of('"n": v.number()', BY_N)).app
    app.app = next_app
    push = app.execute(PUSH, raw_args=app.push_arguments(), internal=True)
    assert app.commit(add).losses == []
    assert len(app.commit(push).losses) == 1


def test_a_function_in_flight_loses_to_a_push(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    add = app.execute("m:add", {"table": "items", "value": {}})
    app.push(m=WRITER)
    assert len(app.commit(add).losses) == 1


def test_indexes_that_are_no_longer_declared_are_dropped(bench: MakeBench) -> None:
    app = bench(schema=schema_of('"n": v.number(), "m": v.number()', BY_N, '.index("by_m", ["m"])'))
    app.push()
    app.push(schema=schema_of('"n": v.number(), "m": v.number()', '.index("by_m", ["m"])'))
    assert indexes(app) == {"by_m": (("m",), "ready")}
    assert [index.name for index in dropped(app)] == ["by_n"]
    app.push(m=WRITER)
    assert indexes(app) == {}
    assert app.committer.registry.table("items") is not None


def test_an_index_with_other_fields_is_a_new_index_of_that_name(bench: MakeBench) -> None:
    app = bench(schema=schema_of('"n": v.number(), "m": v.number()', BY_N))
    app.push()
    app.push(schema=schema_of('"n": v.number(), "m": v.number()', '.index("by_n", ["m"])'))
    assert indexes(app) == {"by_n": (("m",), "ready")}
    assert [index.fields for index in dropped(app)] == [("n",)]


def test_documents_that_break_the_new_schema_stop_the_push(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    id = app.run("m:add", {"table": "items", "value": {"n": "one"}})
    error = push_error(app, m=WRITER, schema=schema_of('"n": v.number()', BY_N))
    assert error.code == "SchemaEnforcementError"
    assert error.message == (
        f'Document with ID "{id}" in table "items" does not match the schema: Value does not match validator.\n'
        'Path: .n\nValue: "one"\nValidator: v.float64()'
    )
    assert indexes(app) == {}


def test_documents_are_not_checked_when_the_schema_says_so_or_promises_no_more(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    app.run("m:add", {"table": "items", "value": {"n": "one"}})
    unchecked = 'schema = define_schema({"items": define_table({"n": v.number()})}, schema_validation=False)'
    app.push(m=WRITER, schema=unchecked)
    app.push(m=WRITER, schema=schema_of('"n": v.string()'))
    limits = app.limits
    app.limits = Limits(schema_check_documents_max=0)
    app.push(m=WRITER, schema=schema_of('"n": v.union(v.string(), v.number())'))
    app.limits = limits


def test_the_check_of_documents_is_bounded(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    app.push()
    for _ in range(2):
        app.run("m:add", {"table": "items", "value": {"n": 1}})
    app.limits = Limits(schema_check_documents_max=1)
    error = push_error(app, m=WRITER, schema=schema_of('"n": v.number()'))
    assert error.message.startswith("Too many documents to check against the new schema (limit: 1; reached in table")


def test_a_push_is_refused_to_clients(bench: MakeBench) -> None:
    app = bench(m=WRITER)
    assert app.error(PUSH, kind="mutation").message == "Operation mutation not permitted"
    assert app.error(CURRENT, kind="query").message == "Operation query not permitted"
    assert app.error("_system/nothing:here", internal=True).message.startswith("Could not find function for")


@pytest.mark.parametrize("args", [{}, {"bundle": "b", "description": 1}, {"bundle": "b", "description": "{"}])
def test_a_push_of_something_else_is_an_error(bench: MakeBench, args: Any) -> None:
    assert bench(m=WRITER).error(PUSH, args, internal=True).code == "InvalidPush"
