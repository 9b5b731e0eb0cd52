"""The import graph of a source tree, read with ``ast`` and never by importing.

An import counts wherever it stands: at the top, inside a function, under ``if TYPE_CHECKING``. A dependency that only
the type checker sees still has to be understood by whoever reads the module.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Import", "Module", "load_tree", "reachable"]


@dataclass(frozen=True)
class Import:
    """One imported module, ``rtdb.values.value`` or ``os.path``, and the line that names it."""

    target: str
    line: int


@dataclass(frozen=True)
class Module:
    """One source file. ``name`` is dotted; a package is named like its directory."""

    name: str
    path: Path
    tree: ast.Module
    is_package: bool
    imports: list[Import] = field(default_factory=list)

    def position(self, line: int) -> str:
        return f"{self.path}:{line}"


def load_tree(root: Path, package: str) -> dict[str, Module]:
    """Parse every module of ``package`` below ``root`` and resolve what each imports."""
    modules: dict[str, Module] = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, path, ast.parse(path.read_bytes(), filename=str(path)), is_package)
    for module in modules.values():
        module.imports.extend(_imports(module, modules))
    return modules


def _imports(module: Module, modules: dict[str, Module]) -> list[Import]:
    found: list[Import] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, module)
            for alias in node.names:
                # `from rtdb.values import ordering` names a module, `from rtdb.values.value import Int64` a class.
                whole = f"{base}.{alias.name}" if base else alias.name
                found.append(Import(whole if whole in modules else base, node.lineno))
    return found


def _base_of(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, node.module] if node.module else package)


def reachable(modules: dict[str, Module], roots: set[str]) -> set[str]:
    """Return every module that importing one of ``roots`` loads, the packages above each included."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in modules:
            continue
        seen.add(name)
        waiting += [imported.target for imported in modules[name].imports]
        parent, _, _ = name.rpartition(".")
        if parent:
            waiting.append(parent)
    return seen
