"""Every error code that the source can put into an answer, found with ``ast``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["codes_in_source"]

# Capitalized words run together, at least two: nothing else that is passed to a function here looks like that.
CODE = re.compile(r"(?:[A-Z][a-z0-9]+){2,}")


def codes_in_source(package: Path) -> dict[str, str]:
    """Return each code with one place that raises or declares it.

    A code is the class attribute ``default_code``, the argument ``code=``, or a positional argument that looks like one
    (helpers that build several errors of a kind are called like that).
    """
    codes: dict[str, str] = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
            for code in _codes_of(node):
                codes.setdefault(code, f"{path}:{getattr(node, 'lineno', 0)}")
    return codes


def _codes_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign | ast.Assign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == "default_code" for target in targets):
            yield from _texts(node.value)
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "code":
                yield from _texts(keyword.value)
        yield from (text for argument in node.args for text in _texts(argument) if CODE.fullmatch(text))


def _texts(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
