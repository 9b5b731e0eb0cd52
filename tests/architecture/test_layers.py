"""The tree keeps its layers, and the check that says so finds what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.import_graph import Module, load_tree
from tests.architecture.layers import ROWS, all_problems, orphans

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return load_tree(REPOSITORY, "rtdb")


def test_every_import_points_down(modules: dict[str, Module]) -> None:
    problems = all_problems(modules)
    assert not problems, "\n".join(problems)


def test_no_module_is_an_orphan(modules: dict[str, Module]) -> None:
    problems = orphans(modules)
    assert not problems, "\n".join(problems)


def test_every_module_says_what_it_is(modules: dict[str, Module]) -> None:
    silent = [str(module.path) for module in modules.values() if ast.get_docstring(module.tree) is None]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_no_unit_is_placed_twice() -> None:
    units = [unit for row in ROWS for unit in row]
    assert len(units) == len(set(units))


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("rtdb/index/scan.py", "from rtdb.transaction.apply import apply", "imports point down only"),
        ("rtdb/schema/table.py", "import rtdb.storage.keys", "imports point down only"),
        ("rtdb/values/value.py", "def f():\n    from ..schema import table", "imports point down only"),
        ("rtdb/sync/connection.py", "from rtdb.schema.table import Table", "is a leaf above rtdb.values"),
        ("rtdb/functions/context.py", "from rtdb.transaction.transaction import T", "imports point down only"),
        ("rtdb/gateway/gateway.py", "from rtdb import application", "only as messages of rtdb.link.frames"),
        ("rtdb/application/application.py", "import rtdb.functions.runner", "it loads code of the app"),
        ("rtdb/application/application.py", "from rtdb.testing import faults", "nobody in rtdb does"),
        ("rtdb/cli/main.py", "from rtdb import query", "imports from the public rtdb"),
        ("rtdb/transaction/committer.py", "import trio", "may not import trio"),
        ("rtdb/transaction/committer.py", "import time\nnow = time.time()", "has its seam elsewhere"),
        ("rtdb/novelty.py", "", "has no layer"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, source: str, expected: str) -> None:
    """Control: a small tree that is in order, and the same tree with one bad line."""
    for name in (
        "rtdb/__init__.py",
        "rtdb/application/application.py",
        "rtdb/functions/runner.py",
        "rtdb/schema/table.py",
        "rtdb/storage/keys.py",
        "rtdb/testing/faults.py",
        "rtdb/transaction/apply.py",
        "rtdb/transaction/transaction.py",
        "rtdb/values/value.py",
        path,
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        (file.parent / "__init__.py").touch()
    if expected != "has no layer":
        assert all_problems(load_tree(tmp_path, "rtdb")) == []
    (tmp_path / path).write_text(source)
    problems = all_problems(load_tree(tmp_path, "rtdb"))
    assert any(expected in problem and path in problem for problem in problems), problems


def test_a_planted_orphan_is_found(tmp_path: Path) -> None:
    (tmp_path / "rtdb/cli").mkdir(parents=True)
    (tmp_path / "rtdb/__init__.py").write_text("")
    (tmp_path / "rtdb/cli/main.py").write_text("from rtdb.cli import check")
    (tmp_path / "rtdb/cli/check.py").write_text("x = 1")
    (tmp_path / "rtdb/forgotten.py").write_text("x = 1")
    assert orphans(load_tree(tmp_path, "rtdb")) == [
        f"{tmp_path}/rtdb/forgotten.py: nothing that runs imports rtdb.forgotten"
    ]
