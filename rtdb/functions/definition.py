"""Decorators that turn a function of the app into a query, a mutation or an action.

::

    @query(args={"userId": v.string()}, returns=v.array(v.any()))
    def list(ctx, userId): ...

    @action(args={"url": v.string()})
    async def forward(ctx, url): ...

A decorated function stays callable with ``(ctx, **arguments)``, so that modules can use each other's functions inside
one transaction, or one action. Nothing is registered globally: the app loader finds definitions among a module's
attributes.

Mistakes that can be seen without running the function are errors at import: they then name the line of the decorator
instead of surprising the first caller.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, overload

from rtdb.link.frames import FunctionKind
from rtdb.schema.validators import ObjectValidator, Validator, ValidatorLike, to_validator, v

__all__ = [
    "FunctionDefinition",
    "Visibility",
    "action",
    "internal_action",
    "internal_mutation",
    "internal_query",
    "mutation",
    "query",
]

Visibility = Literal["public", "internal"]
Handler = Callable[..., Any]
Arguments = ValidatorLike


class FunctionDefinition:
    """One function of the app: what it is, who may call it, and what it takes and gives."""

    def __init__(
        self,
        handler: Handler,
        kind: FunctionKind,
        visibility: Visibility,
        args: Arguments | None,
        returns: ValidatorLike | None,
        name: str | None,
    ) -> None:
        self.handler = self.__wrapped__ = handler
        self.kind = kind
        self.visibility = visibility
        self.args: Validator = v.any() if args is None else to_validator(args)
        self.returns: Validator | None = None if returns is None else to_validator(returns)
        self.name = name
        """The exported name, when it is not that of the attribute (``name=`` for names Python spells differently)."""
        _check_handler(handler, kind)
        functools.update_wrapper(self, handler, updated=())
        if isinstance(self.args, ObjectValidator):
            _check_parameters(handler, self.args)

    def __call__(self, ctx: Any, **arguments: Any) -> Any:
        return self.handler(ctx, **arguments)

    def __repr__(self) -> str:
        return f"<{self.visibility} {self.kind} {self.name or self.handler.__name__}>"


class FunctionDecorator:
    """What ``query``, ``mutation`` and their internal twins are: usable bare or with options."""

    __slots__ = ("_kind", "_visibility")

    def __init__(self, kind: FunctionKind, visibility: Visibility) -> None:
        self._kind = kind
        self._visibility = visibility

    @overload
    def __call__(self, handler: Handler, /) -> FunctionDefinition: ...

    @overload
    def __call__(
        self, /, *, args: Arguments | None = None, returns: ValidatorLike | None = None, name: str | None = None
    ) -> Callable[[Handler], FunctionDefinition]: ...

    def __call__(
        self,
        handler: Handler | None = None,
        /,
        *,
        args: Arguments | None = None,
        returns: ValidatorLike | None = None,
        name: str | None = None,
    ) -> FunctionDefinition | Callable[[Handler], FunctionDefinition]:
        def define(function: Handler) -> FunctionDefinition:
            return FunctionDefinition(function, self._kind, self._visibility, args, returns, name)

        return define if handler is None else define(handler)


query = FunctionDecorator("query", "public")
mutation = FunctionDecorator("mutation", "public")
internal_query = FunctionDecorator("query", "internal")
internal_mutation = FunctionDecorator("mutation", "internal")
action = FunctionDecorator("action", "public")
internal_action = FunctionDecorator("action", "internal")


def _check_handler(handler: Handler, kind: FunctionKind) -> None:
    """Refuse queries and mutations that can wait, which could not be replayed at one position, and actions that cannot:
    those would keep all others of their process waiting."""
    if not callable(handler):
        raise TypeError(f"@{kind} decorates a function, not {type(handler).__name__}")
    if isinstance(handler, FunctionDefinition):
        raise TypeError(f"{handler.__wrapped__.__name__} is decorated twice")
    if kind == "action":
        if not inspect.iscoroutinefunction(handler):
            raise TypeError(
                f"{_name_of(handler)} is not an `async def`: actions are, because what they do is to wait for others"
            )
    elif inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler):
        raise TypeError(
            f"{handler.__name__} is an `async def`: queries and mutations are plain functions (`def`), "
            "because nothing in them may wait"
        )
    if inspect.isgeneratorfunction(handler):
        raise TypeError(f"{handler.__name__} is a generator (it contains `yield`): return a list instead")


def _name_of(handler: Handler) -> str:
    return getattr(handler, "__name__", type(handler).__name__)


def _check_parameters(handler: Handler, args: ObjectValidator) -> None:
    """Compare declared arguments with the function's parameters, so that a call cannot fail on a mismatch."""
    parameters = list(inspect.signature(handler).parameters.values())
    if not parameters:
        raise TypeError(f"{handler.__name__} takes no parameter: the first one is the context, `ctx`")
    by_keyword = {
        parameter.name: parameter
        for parameter in parameters[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for field, declared in args.fields.items():
        if field not in by_keyword and not takes_any:
            raise TypeError(f"{handler.__name__} declares the argument `{field}` but has no parameter of that name")
        if declared.optional and field in by_keyword and by_keyword[field].default is inspect.Parameter.empty:
            raise TypeError(
                f"{handler.__name__} declares the argument `{field}` as optional, so its parameter needs a default "
                f"(`{field}=None`)"
            )
    for name, parameter in by_keyword.items():
        if name not in args.fields and parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{handler.__name__} has a parameter `{name}` that its `args` do not declare")
