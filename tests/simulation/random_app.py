"""Random schemas, documents, queries and writes for the app in ``apps/anything``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rtdb.testing.simulation import Chance
from rtdb.values.json_codec import encode
from rtdb.values.value import Int64

__all__ = ["RandomApp"]

FIELDS = ("a", "b", "c", "c.d")
VALUES: tuple[Any, ...] = (
    None, False, True, -1.5, 0.0, 1.0, Int64(1), "", "a", "ab", b"", b"\xff", [], ["a"], {}, {"d": 1.0}, {"d": "a"},
)  # fmt: skip
LONG = "x" * 600
"""Longer than LMDB allows a key to be; its neighbours differ behind that."""

APP = Path(__file__).parent / "apps" / "anything"


class RandomApp:
    """One schema, and endless questions and writes to it."""

    def __init__(self, chance: Chance, directory: Path) -> None:
        self._chance = chance
        self.indexes: dict[str, dict[str, list[str]]] = {}
        lines = ["from rtdb import define_schema, define_table, v", "", "schema = define_schema({"]
        for table in ("one", "two")[: chance.randint(1, 2)]:
            self.indexes[table] = {}
            line = f'    "{table}": define_table(v.any())'
            for number in range(chance.randint(0, 3)):
                fields = chance.sample(FIELDS, chance.randint(1, 3))
                if fields in self.indexes[table].values():
                    continue
                self.indexes[table][f"by_{number}"] = fields
                line += f'.index("by_{number}", {fields!r})'
            lines.append(line + ",")
        self.functions = directory / "app"
        shutil.copytree(APP, self.functions)
        (self.functions / "schema.py").write_text("\n".join([*lines, "})", ""]))

    def question(self) -> tuple[str, bytes]:
        """Return a query's path and arguments."""
        chance = self._chance
        table = chance.choice(sorted(self.indexes))
        indexes = self.indexes[table]
        index = chance.choice([None, *sorted(indexes)])
        ask: dict[str, Any] = {
            "table": table,
            "index": index,
            "range": [] if index is None else self._range(indexes[index]),
            "order": chance.choice(["asc", "desc"]),
            "filter": [chance.choice(FIELDS), self._box()] if chance.happens(0.2) else None,
            "how": chance.choice(["collect", "collect", "take", "take", "until", "get", "join"]),
        }
        return "table:read", encode({"ask": ask})

    def writes(self) -> tuple[str, bytes]:
        """Return a mutation's path and arguments."""
        return "table:write", encode({"writes": [self._write() for _ in range(self._chance.randint(1, 3))]})

    def _range(self, fields: list[str]) -> list[dict[str, Any]]:
        """Equality on the first fields, perhaps bounds on the next."""
        chance = self._chance
        equal = chance.randint(0, len(fields))
        steps = [{"op": "eq", "field": field, "value": self._box()} for field in fields[:equal]]
        if equal < len(fields):
            for operators in (["gt", "gte"], ["lt", "lte"]):
                if chance.happens(0.4):
                    steps.append({"op": chance.choice(operators), "field": fields[equal], "value": self._box()})
        return steps

    def _write(self) -> dict[str, Any]:
        chance = self._chance
        table = chance.choice(sorted(self.indexes))
        operation = chance.choice(["insert", "insert", "patch", "patch", "replace", "delete"])
        write: dict[str, Any] = {"op": operation, "table": table, "nth": float(chance.randint(0, 4))}
        if operation in ("insert", "replace"):
            write["document"] = {field: self._value() for field in ("a", "b", "c") if chance.happens(0.8)}
        elif operation == "patch":
            write["fields"] = {chance.choice(("a", "b", "c")): self._box()}
        return write

    def _box(self) -> list[Any]:
        return [] if self._chance.happens(0.1) else [self._value()]

    def _value(self) -> Any:
        if self._chance.happens(0.05):
            return LONG + self._chance.choice("ab")
        return self._chance.choice(VALUES)
