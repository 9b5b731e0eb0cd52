from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtdb.errors import DeveloperError
from rtdb.functions.filter_builder import FilterBuilder
from rtdb.functions.index_range_builder import IndexRangeBuilder
from rtdb.functions.query_builder import TableQuery
from rtdb.values.value import UNDEFINED, Int64

NO_PAGES: Any = None
"""Nothing here reads a page."""


class Recorder:
    """A query runner with numbered rows that writes down what it was asked."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.asked: list[Any] = []

    def run_query(
        self, table: str, index: str | None, expressions: Any, order: Any, operators: Any, *, system: bool
    ) -> Iterator[dict[str, Any]]:
        self.asked.append((table, index, expressions, order, list(operators)))
        limits = [operand for kind, operand in operators if kind == "limit"]
        yield from ({"_id": f"id{number}"} for number in range(min([self.rows, *limits])))


def table_of(rows: Recorder | int) -> TableQuery[dict[str, Any], str]:
    return TableQuery(rows if isinstance(rows, Recorder) else Recorder(rows), NO_PAGES, "t")


def test_a_chain_describes_and_only_reading_asks() -> None:
    runner = Recorder(3)
    query = (
        table_of(runner)
        .with_index("by_a", lambda q: q.eq("a", 1).gte("b", UNDEFINED).lt("b", "x"))
        .filter(lambda q: q.eq(q.field("read"), False))
        .order("desc")
    )
    assert runner.asked == []
    assert [row["_id"] for row in query.take(2.0)] == ["id0", "id1"]
    assert runner.asked == [
        (
            "t",
            "by_a",
            [("Eq", "a", 1), ("Gte", "b", UNDEFINED), ("Lt", "b", "x")],
            "desc",
            [("filter", {"$eq": [{"$field": "read"}, {"$literal": False}]}), ("limit", 2)],
        )
    ]


def test_a_table_can_be_asked_again_and_again() -> None:
    table = table_of(2)
    assert len(table.collect()) == 2
    assert len(table.take(1)) == 1
    assert table.first() == {"_id": "id0"}
    assert [row["_id"] for row in table] == ["id0", "id1"]


def test_first_and_unique_of_nothing_are_none() -> None:
    assert TableQuery(Recorder(0), NO_PAGES, "t").first() is None
    assert TableQuery(Recorder(0), NO_PAGES, "t").unique() is None
    assert table_of(1).unique() == {"_id": "id0"}


def test_unique_of_several_names_table_and_ids() -> None:
    with pytest.raises(DeveloperError) as raised:
        TableQuery(Recorder(3), NO_PAGES, "t").unique()
    assert raised.value.message == ("unique() query returned more than one result from table t:\n [id0, id1, ...]")


@pytest.mark.parametrize("n", [-1, 1.5, "2", None, True, float("nan")])
def test_take_wants_a_count(n: Any) -> None:
    with pytest.raises(TypeError, match="Arg 1 `n` to `take` must be a non-negative integer"):
        table_of(1).take(n)


def message_of(action: Any) -> str:
    with pytest.raises(DeveloperError) as raised:
        action()
    return raised.value.message


def test_a_query_is_used_once() -> None:
    query = table_of(2).full_table_scan()
    query.order("asc")
    assert message_of(lambda: query.order("desc")) == (
        "A query can only be chained once and can't be chained after iteration begins."
    )
    assert message_of(query.collect) == "This query has been chained with another operator and can't be reused."

    rows = table_of(2).full_table_scan()
    iterator = iter(rows)
    assert message_of(lambda: iter(rows)) == "Iteration can only begin on a query once."
    assert message_of(lambda: rows.filter(lambda q: True)) == (
        "A query can only be chained once and can't be chained after iteration begins."
    )
    assert len(list(iterator)) == 2
    assert message_of(lambda: iter(rows)) == "This query is closed and can't emit any more values."


def test_a_loop_that_is_left_early_closes_its_query() -> None:
    rows = table_of(2).full_table_scan()
    for _ in rows:
        break
    assert message_of(lambda: iter(rows)) == "This query is closed and can't emit any more values."


def test_a_range_value_is_detached_from_the_object_it_came_from() -> None:
    value: Any = {"a": [1]}
    built = IndexRangeBuilder([]).eq("f", value).gt("g", UNDEFINED)
    value["a"].append(2)
    assert built.expressions() == [("Eq", "f", {"a": [1.0]}), ("Gt", "g", UNDEFINED)]


def test_order_is_said_once_and_in_one_of_two_words() -> None:
    table = table_of(1)
    assert message_of(lambda: table.order("asc").order("asc")) == "Queries may only specify order at most once"
    other_word: Any = "descending"
    assert "descending" in message_of(lambda: table.order(other_word))


def test_an_index_range_builder_is_used_in_a_chain() -> None:
    def twice(q: Any) -> Any:
        q.eq("a", 1)
        return q.eq("b", 2)

    assert message_of(lambda: table_of(1).with_index("i", twice)) == (
        "IndexRangeBuilder has already been used! Chain your method calls like `q => q.eq(...).eq(...)`. "
        "See https://docs.convex.dev/using/indexes"
    )


def test_a_range_function_that_returns_something_else_is_an_error() -> None:
    def nothing(q: Any) -> Any:
        return None

    with pytest.raises(TypeError, match="must return what its builder returned"):
        table_of(1).with_index("i", nothing)


def test_what_is_no_function_of_a_builder_is_an_error() -> None:
    wrong: Any = "by_a"
    with pytest.raises(TypeError, match=r"^`with_index` takes a function of a range builder, .*, got str$"):
        table_of(1).with_index("i", wrong)
    with pytest.raises(TypeError, match=r"^`filter` takes a function of a filter builder, .*, got str$"):
        table_of(1).filter(wrong)


def test_every_filter_operator_becomes_its_node() -> None:
    q: FilterBuilder[str] = FilterBuilder()
    one, two = {"$literal": 1.0}, {"$literal": Int64(2)}
    for name in ("eq", "neq", "lt", "lte", "gt", "gte", "add", "sub", "mul", "div", "mod"):
        assert getattr(q, name)(1, Int64(2)).node == {f"${name}": [one, two]}
    assert q.neg(1).node == {"$neg": one}
    assert q.not_(q.field("a.b")).node == {"$not": {"$field": "a.b"}}
    assert q.and_(True, q.or_()).node == {"$and": [{"$literal": True}, {"$or": []}]}


def test_a_literal_is_detached_from_the_value_it_came_from() -> None:
    value: Any = {"a": [1]}
    node = FilterBuilder().eq(value, UNDEFINED).node
    value["a"].append(2)
    assert node == {"$eq": [{"$literal": {"a": [1.0]}}, {"$literal": UNDEFINED}]}


def test_python_operators_on_expressions_are_errors_instead_of_surprises() -> None:
    q: FilterBuilder[str] = FilterBuilder()
    with pytest.raises(TypeError, match=r"Use `q\.eq\(…\)`"):
        q.field("a") == 1  # noqa: B015  # it raises
    with pytest.raises(TypeError, match="has no truth value"):
        bool(q.eq(1, 1))
    with pytest.raises(TypeError, match="takes a field path"):
        q.field(1)  # type: ignore[arg-type]  # what is tested
