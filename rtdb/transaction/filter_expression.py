"""Filters, compiled: a tree of operators becomes one Python closure per query.

The tree is the reference's JSON (data-model §5.4) with decoded literals::

    {"$eq": [{"$field": "a.b"}, {"$literal": 1.0}]}

Operators: ``$eq $neq $lt $lte $gt $gte $add $sub $mul $div $mod`` (two operands), ``$neg $not`` (one), ``$and $or``
(any number), ``$field`` (a path), ``$literal`` (a value or UNDEFINED). Comparisons follow the total order over all
types and never fail; arithmetic and boolean operators are strict about types. Evaluation errors have the code
``EvalError``.

A filter runs once per scanned row, so comparisons of a top-level field with a plain literal, nearly all there are,
get a closure that answers without building a key. Those closures and the general comparison are held equal by a
property test.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from rtdb.errors import DeveloperError
from rtdb.values.field_name import field_steps
from rtdb.values.function_path import check_identifier
from rtdb.values.ordering import compare
from rtdb.values.value import INT64_MAX, INT64_MIN, UNDEFINED, Int64, Undefined, Value, display

__all__ = ["Filter", "FilterNode", "compile_filter"]

Document = dict[str, Any]
FilterNode = dict[str, Any]
Operand = Value | Undefined
Evaluate = Callable[[Document], Operand]
Filter = Callable[[Document], bool]

TYPE_NAMES: dict[type, str] = {
    type(None): "Null",
    Int64: "Int64",
    float: "Float64",
    int: "Float64",
    bool: "Boolean",
    str: "String",
    bytes: "Bytes",
    list: "Array",
    dict: "Object",
    Undefined: "undefined",
}
VERBS: dict[str, str] = {"$add": "add", "$sub": "subtract", "$mul": "multiply", "$div": "divide", "$mod": "mod"}
COMPARISONS: dict[str, Callable[[int], bool]] = {
    "$eq": lambda order: order == 0,
    "$neq": lambda order: order != 0,
    "$lt": lambda order: order < 0,
    "$lte": lambda order: order <= 0,
    "$gt": lambda order: order > 0,
    "$gte": lambda order: order >= 0,
}
FLOAT_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "$eq": operator.eq,
    "$neq": operator.ne,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}


def compile_filter(node: FilterNode) -> Filter:
    """Return a predicate over documents. Raises :class:`DeveloperError` for a malformed tree.

    The predicate raises :class:`DeveloperError` (code ``EvalError``) when an operand has the wrong type.
    """
    evaluate = _compile(node)
    if next(iter(node)) in COMPARISONS:
        return evaluate  # type: ignore[return-value]  # a comparison gives a bool
    return lambda document: _boolean(evaluate(document))


def _compile(node: FilterNode) -> Evaluate:
    if not isinstance(node, dict) or len(node) != 1:
        raise DeveloperError(f"A filter expression has exactly one operator, got {node!r}", code="InvalidFilter")
    ((name, operand),) = node.items()
    if name in COMPARISONS:
        return _compare_field_with_literal(node) or _comparison(name, *_operands(name, operand, 2))
    if name in VERBS:
        return _arithmetic(name, *_operands(name, operand, 2))
    match name:
        case "$literal":
            return lambda document: operand
        case "$field":
            return _field(operand)
        case "$neg":
            (inner,) = _operands(name, [operand], 1)
            return lambda document: _negate(inner(document))
        case "$not":
            (inner,) = _operands(name, [operand], 1)
            return lambda document: not _boolean(inner(document))
        case "$and":
            members = [_compile(member) for member in operand]
            return lambda document: all(_boolean(member(document)) for member in members)
        case "$or":
            members = [_compile(member) for member in operand]
            return lambda document: any(_boolean(member(document)) for member in members)
        case _:
            raise DeveloperError(f"Unknown filter operator {name}", code="InvalidFilter")


def _operands(name: str, operands: list[FilterNode], count: int) -> list[Evaluate]:
    if not isinstance(operands, list) or len(operands) != count:
        raise DeveloperError(f"The filter operator {name} takes {count} operands", code="InvalidFilter")
    return [_compile(operand) for operand in operands]


def _field(path: str) -> Evaluate:
    """Resolve a field path: nested objects only, anything missing on the way is undefined (data-model §1.3)."""
    steps = field_steps(path)
    if steps == [""]:
        raise DeveloperError("Empty path", code="InvalidFilter")
    for step in steps:
        problem = check_identifier(step)
        if problem is not None:
            raise DeveloperError(f"Invalid field path {path!r} in a filter: {problem}", code="InvalidFilter")
    if len(steps) == 1:
        (step,) = steps
        return lambda document: document.get(step, UNDEFINED)

    def resolve(document: Document) -> Operand:
        value: Any = document
        for step in steps:
            if type(value) is not dict:
                return UNDEFINED
            value = value.get(step, UNDEFINED)
        found: Operand = value
        return found

    return resolve


def _comparison(name: str, left: Evaluate, right: Evaluate) -> Evaluate:
    accept = COMPARISONS[name]
    return lambda document: accept(compare(left(document), right(document)))


def _compare_field_with_literal(node: FilterNode) -> Filter | None:
    """Return a quick predicate for ``field <comparison> literal``, None when the general one is needed.

    Only literals for which Python's own comparison agrees with the total order qualify: not NaN, and not zero, because
    −0 and 0 are different values here.
    """
    name = next(iter(node))
    if name not in COMPARISONS:
        return None
    match node[name]:
        case [{"$field": str(path)}, {"$literal": literal}]:
            pass
        case _:
            return None
    if check_identifier(path) is not None:  # more than one step, or none
        return None
    if literal is None or type(literal) is bool:
        if name == "$eq":
            return lambda document: document.get(path, UNDEFINED) is literal
        if name == "$neq":
            return lambda document: document.get(path, UNDEFINED) is not literal
        return None
    if type(literal) is str:
        if name == "$eq":
            return lambda document: document.get(path) == literal
        if name == "$neq":
            return lambda document: document.get(path) != literal
        return None
    if type(literal) is float and literal != 0.0 and not math.isnan(literal):
        accept, accept_order, number = COMPARISONS[name], FLOAT_COMPARISONS[name], literal

        def compare_number(document: Document) -> bool:
            value = document.get(path, UNDEFINED)
            if type(value) is float and value == value:  # noqa: PLR0124  # not NaN
                return accept_order(value, number)
            return accept(compare(value, number))

        return compare_number
    return None


def _boolean(value: Operand) -> bool:
    if value is True or value is False:
        return value
    raise DeveloperError(f"Cannot use value {display(value)} (type {_type_name(value)}) as a Boolean", code="EvalError")


def _type_name(value: Operand) -> str:
    return TYPE_NAMES.get(type(value), type(value).__name__)


def _negate(value: Operand) -> Operand:
    if type(value) is float:
        return -value
    if isinstance(value, Int64):
        if value.value == INT64_MIN:
            raise DeveloperError(
                f"Cannot negate {display(value)} (type Int64): the result is out of range for Int64", code="EvalError"
            )
        return Int64(-value.value)
    raise DeveloperError(f"Cannot negate {display(value)} (type {_type_name(value)})", code="EvalError")


def _arithmetic(name: str, left: Evaluate, right: Evaluate) -> Evaluate:
    verb = VERBS[name]

    def evaluate(document: Document) -> Operand:
        first, second = left(document), right(document)
        if type(first) is float and type(second) is float:
            return _float_arithmetic(name, first, second)
        if isinstance(first, Int64) and isinstance(second, Int64):
            return Int64(_integer_arithmetic(name, verb, first.value, second.value))
        raise DeveloperError(
            f"Cannot {verb} {display(first)} (type {_type_name(first)}) "
            f"and {display(second)} (type {_type_name(second)})",
            code="EvalError",
        )

    return evaluate


def _float_arithmetic(name: str, left: float, right: float) -> float:
    """IEEE arithmetic: Python's own raises where the standard says infinity or NaN."""
    match name:
        case "$add":
            return left + right
        case "$sub":
            return left - right
        case "$mul":
            return left * right
        case "$div":
            if right != 0.0:
                return left / right
            if left == 0.0 or math.isnan(left):
                return math.nan
            return math.copysign(math.inf, left) * math.copysign(1.0, right)
        case _:
            if math.isinf(left) or right == 0.0:
                return math.nan
            return math.fmod(left, right)


def _integer_arithmetic(name: str, verb: str, left: int, right: int) -> int:
    if right == 0 and name in ("$div", "$mod"):
        raise DeveloperError(f"Cannot {verb} {left} by zero", code="EvalError")
    match name:
        case "$add":
            result = left + right
        case "$sub":
            result = left - right
        case "$mul":
            result = left * right
        case _:
            # Truncation toward zero, remainder with the dividend's sign: Python's // and % round down instead.
            quotient = abs(left) // abs(right)
            quotient = quotient if (left < 0) == (right < 0) else -quotient
            # The one overflowing division also overflows as a remainder, as in the reference.
            result = quotient if name == "$div" or quotient > INT64_MAX else left - quotient * right
    if not INT64_MIN <= result <= INT64_MAX:
        raise DeveloperError(
            f"Cannot {verb} {left} and {right}: the result is out of range for Int64", code="EvalError"
        )
    return result
