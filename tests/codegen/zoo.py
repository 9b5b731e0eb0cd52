"""An app with one field for every kind of validator, and what each is in TypeScript and in Python."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

__all__ = ["ZOO", "write_zoo"]


class Animal(NamedTuple):
    """A field: how it is declared, and its types in TypeScript and in Python."""

    declared: str
    typescript: str
    python: str


ZOO: dict[str, Animal] = {
    "text": Animal("v.string()", "string", "str"),
    "number": Animal("v.number()", "number", "float"),
    "whole": Animal("v.int64()", "bigint", "rtdb.Int64"),
    "flag": Animal("v.boolean()", "boolean", "bool"),
    "raw": Animal("v.bytes()", "ArrayBuffer", "bytes"),
    "nothing": Animal("v.null()", "null", "None"),
    "whatever": Animal("v.any()", "any", "Any"),
    "friend": Animal('v.id("animals")', 'Id<"animals">', "AnimalsId"),
    "picture": Animal('v.id("_storage")', 'Id<"_storage">', "str"),
    "mood": Animal('v.literal("calm")', '"calm"', "Literal['calm']"),
    "quoted": Animal("""v.literal('say "é"')""", r'"say \"é\""', """Literal['say "é"']"""),
    "lucky": Animal("v.literal(7)", "7", "float"),
    "half": Animal("v.literal(-0.5)", "-0.5", "float"),
    "huge": Animal("v.literal(Int64(2**62))", "4611686018427387904n", "rtdb.Int64"),
    "sure": Animal("v.literal(True)", "true", "Literal[True]"),
    "color": Animal('v.union(v.literal("red"), v.literal("blue"))', '"red" | "blue"', "Literal['red', 'blue']"),
    "maybe": Animal("v.nullable(v.string())", "string | null", "str | None"),
    "either": Animal(
        'v.union(v.null(), v.union(v.literal("a"), v.number()), v.literal("b"))',
        'null | "a" | number | "b"',
        "Literal['a', 'b'] | float | None",
    ),
    "never": Animal("v.union()", "never", "Never"),
    "open": Animal("v.union(v.string(), v.any())", "any", "Any"),
    "names": Animal("v.array(v.string())", "string[]", "list[str]"),
    "boxes": Animal('v.array({"size": v.number()})', "{ size: number }[]", "list[AnimalsBoxes]"),
    "scores": Animal("v.record(v.string(), v.number())", "Record<string, number>", "dict[str, float]"),
    "known": Animal(
        'v.record(v.id("animals"), {"since": v.number()})',
        'Record<Id<"animals">, { since: number }>',
        "dict[AnimalsId, AnimalsKnown]",
    ),
    "home": Animal(
        '{"street": v.string(), "geo": {"lat": v.number(), "lon": v.optional(v.number())}, "__x": v.null()}',
        "{ street: string; geo: { lat: number; lon?: number }; __x: null }",
        "AnimalsHome",
    ),
    "shape": Animal(
        'v.union({"r": v.number()}, {"w": v.number(), "h": v.number()})',
        "{ r: number } | { w: number; h: number }",
        "AnimalsShape | AnimalsShape2",
    ),
    "empty": Animal("{}", "{}", "AnimalsEmpty"),
}

_FIELDS = "\n".join(f'                "{name}": {animal.declared},' for name, animal in ZOO.items())
_MODULES = {
    "schema.py": f"""
from rtdb import Int64, define_schema, define_table, v

schema = define_schema(
    {{
        "animals": define_table(
            {{
{_FIELDS}
                "from": v.optional(v.string()),
            }}
        )
        .index("by_home", ["home.geo.lon", "friend"])
        .index("by_whatever", ["whatever.at", "from"]),
        "things": define_table(
            v.union(
                {{"kind": v.literal("cup"), "volume": v.number()}},
                {{"kind": v.literal("spoon"), "length": v.number()}},
            )
        ).index("by_kind", ["kind", "length"]),
        "heap": define_table(v.any()),
        "user_names": define_table({{"a": v.string()}}),
        "userNames": define_table({{"a": v.string()}}),
        "animalsHome": define_table({{"doc": {{"x": v.number()}}}}),
    }}
)
""",
    "shed.py": """
from rtdb import internal_mutation


@internal_mutation
def hidden(ctx): ...
""",
    "deep/inside.py": """
from rtdb import query, v

from ..schema import schema


@query(
    args={"id": v.id("animals"), "deep": v.optional(v.boolean())},
    returns=v.nullable(schema.document("animals")),
)
def find(ctx, id, deep=False):
    return ctx.db.get(id)
""",
}


def write_zoo(functions: Path) -> None:
    """Write the app into a directory."""
    for name, source in _MODULES.items():
        path = functions / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
