"""The tables of limits in docs/configuration.md, made from the code: ``make docs`` writes them.

A limit's row is its field in :class:`rtdb.config.Limits`: name, default, and the string below it. The comments above
groups of fields are the headings; what stands between a heading and its table is written by hand and kept.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec

from rtdb.config import Limits

__all__ = ["with_tables"]

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "configuration.md"
BYTE_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))

_GROUP = re.compile(r"^    # ([^(\n]+?)(?: \(.*\))?\.$")
_SECTION = re.compile(r"(?<=\n)### ([^\n]+)\n(.*?)(?=\n### |\n## |\Z)", re.DOTALL)
_TABLE = re.compile(r"^\|.*\|\n(?:\|.*\|\n?)+", re.MULTILINE)


def default_in_words(name: str, value: float) -> str:
    """Return a default as it is easiest to read: ``16 MiB``, ``32,000``, ``0.5``."""
    if isinstance(value, int) and "bytes" in name:
        for unit, size in BYTE_UNITS:
            if value % size == 0:
                return f"{value // size} {unit}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def limit_tables() -> dict[str, str]:
    """Return the table of each group of limits. Raises ValueError for a limit that does not say what it is."""
    source = (REPOSITORY / "rtdb" / "config.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    defaults = {field.name: field.default for field in msgspec.structs.fields(Limits)}
    tables: dict[str, str] = {}
    [limits] = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Limits"]
    group = ""
    for field, below in zip(limits.body, [*limits.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign):
            continue
        assert isinstance(field.target, ast.Name)
        name = field.target.id
        if found := _GROUP.match(lines[field.lineno - 2]):
            group = found[1]
        if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
            raise ValueError(f"{name} in rtdb/config.py needs a string below it that says what it bounds")
        meaning = " ".join(str(below.value.value).split())
        head = "| limit | default | meaning |\n|---|---|---|\n"
        row = f"| `{name}` | {default_in_words(name, defaults[name])} | {meaning} |\n"
        tables[group] = tables.get(group, head) + row
    return tables


def with_tables(page: str) -> str:
    """Return the page with the tables of the code. Raises ValueError where the groups are not the page's headings."""
    before, heading, rest = page.partition("\n## Limits\n")
    limits, following, after = rest.partition("\n## ")
    tables = limit_tables()
    headings = [section[1] for section in _SECTION.finditer(limits)]
    if headings != list(tables):
        raise ValueError(f"the headings under Limits are {headings}, the groups in rtdb/config.py {list(tables)}")

    def written(section: re.Match[str]) -> str:
        text, count = _TABLE.subn(lambda _: tables[section[1]], section[2], count=1)
        if not count:
            text = f"{section[2].rstrip()}\n\n{tables[section[1]]}".lstrip("\n")
        return f"### {section[1]}\n{text}"

    return before + heading + _SECTION.sub(written, limits) + following + after


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
