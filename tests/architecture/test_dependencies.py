"""What the source imports from outside is what pyproject.toml declares: no more, no less."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from tests.architecture.import_graph import load_tree

REPOSITORY = Path(__file__).parents[2]


MODULES = {"python_dotenv": "dotenv"}
"""Packages that are not called like their module."""


def declared() -> set[str]:
    """Return the declared packages, spelled as they are imported."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["typescript"]]
    names = (re.match(r"[A-Za-z0-9-]+", requirement) for requirement in requirements)
    spelled = {name[0].lower().replace("-", "_") for name in names if name}
    return {MODULES.get(name, name) for name in spelled}


def imported() -> set[str]:
    """Return the outside packages that the server imports. ``rtdb.testing`` brings its own with the ``test`` extra."""
    modules = load_tree(REPOSITORY, "rtdb").values()
    names = {
        each.target.split(".")[0]
        for module in modules
        if not module.name.startswith("rtdb.testing")
        for each in module.imports
    }
    return names - set(sys.stdlib_module_names) - {"rtdb"}


def test_the_declared_packages_are_those_that_are_imported() -> None:
    found = imported()
    assert found - declared() == set(), "imported, but not declared"
    assert declared() - found == set(), "declared, but not imported"
