from __future__ import annotations

from typing import Any

import pytest
import trio

from rtdb import action, internal_action, internal_mutation, internal_query, mutation, query, v
from rtdb.functions.definition import FunctionDefinition


def test_actions_are_async_functions() -> None:
    @action(args={"n": v.number()})
    async def double(ctx: Any, n: float) -> float:
        return n * 2

    assert isinstance(double, FunctionDefinition)
    assert (double.kind, double.visibility) == ("action", "public")
    assert trio.run(lambda: double(None, n=2)) == 4
    hidden = internal_action(coroutine)
    assert isinstance(hidden, FunctionDefinition)
    assert (hidden.kind, hidden.visibility) == ("action", "internal")


@pytest.mark.parametrize("name", ["one", "generator", "async_generator"])
def test_what_is_not_async_cannot_be_an_action(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is not an `async def`: actions are"):
        action(globals()[name])


def test_the_four_decorators_say_kind_and_visibility() -> None:
    made = [decorator(lambda ctx: None) for decorator in (query, mutation, internal_query, internal_mutation)]
    assert [(each.kind, each.visibility) for each in made] == [
        ("query", "public"),
        ("mutation", "public"),
        ("query", "internal"),
        ("mutation", "internal"),
    ]


def test_a_decorated_function_can_be_called_by_other_code() -> None:
    @query(args={"n": v.number()}, returns=v.number(), name="doubleIt")
    def double(ctx: Any, n: float) -> float:
        """Twice as much."""
        return n * 2

    assert isinstance(double, FunctionDefinition)
    assert double(None, n=2) == 4
    assert (double.name, double.handler.__name__, double.__doc__) == ("doubleIt", "double", "Twice as much.")
    assert str(double.args) == "v.object({n: v.float64()})"
    assert str(double.returns) == "v.float64()"


def test_without_declared_arguments_any_are_accepted() -> None:
    @query
    def f(ctx: Any, **anything: Any) -> None: ...

    assert str(f.args) == "v.any()"
    assert f.returns is None


async def coroutine(ctx: Any) -> None: ...


async def async_generator(ctx: Any) -> Any:
    yield 1


def generator(ctx: Any) -> Any:
    yield 1


def no_context() -> None: ...


def one(ctx: Any, n: float) -> None: ...


def two(ctx: Any, n: float, extra: str) -> None: ...


@pytest.mark.parametrize(
    ("handler", "args", "message"),
    [
        (coroutine, None, r"coroutine is an `async def`: queries and mutations are plain functions"),
        (generator, None, r"generator is a generator \(it contains `yield`\): return a list instead"),
        (7, None, r"@query decorates a function, not int"),
        (query(one), None, r"one is decorated twice"),
        (no_context, {}, r"no_context takes no parameter: the first one is the context, `ctx`"),
        (one, {}, r"one has a parameter `n` that its `args` do not declare"),
        (two, {"n": v.number()}, r"two has a parameter `extra` that its `args` do not declare"),
        (one, {"n": v.number(), "m": v.null()}, r"one declares the argument `m` but has no parameter of that name"),
        (
            one,
            {"n": v.optional(v.number())},
            r"one declares the argument `n` as optional, so its parameter needs a default",
        ),
    ],
)
def test_mistakes_are_found_when_the_function_is_defined(handler: Any, args: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        query(args=args)(handler)
