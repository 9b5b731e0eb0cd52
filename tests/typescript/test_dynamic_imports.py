"""`import(…)` in modules becomes a call of ours, wherever it is code and nowhere else."""

from __future__ import annotations

import json
import subprocess

import pytest

from rtdb.typescript.deno import SCRIPTS
from tests.e2e.official_client import node_executable

REPLACE = """
const { replaceImports } = await import(process.argv[2]);
const sources = JSON.parse(process.argv[1]);
console.log(JSON.stringify(sources.map((source) => replaceImports(source, "$00001")?.source ?? null)));
"""
SCRIPT = SCRIPTS / "actions" / "dynamic_imports.js"


def replaced(*sources: str) -> list[str | None]:
    done = subprocess.run(
        [node_executable(), "--input-type=module", "-e", REPLACE, json.dumps(sources), SCRIPT.as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[str | None] = json.loads(done.stdout)
    return answer


CODE = [
    'const m = await import("./a.js");',
    'f(import("./a.js"))',
    'x ? import("./a.js") : import("./b.js")',
    "`text ${import('./a.js')} ${`${import(`./b.js`)}`}`",
    '/["`]/.test(x); import("./a.js")',
    'const half = a / 2; import("./a.js"); const third = b / 3;',
    'return /[/"]/g; import("./a.js")',
    '// don\'t\nimport("./a.js")',
    "{ } import('./a.js')",
]
NOT_CODE = [
    'import { a } from "./a.js"; import.meta;',
    '"use import(x) here"',
    "'it\\'s import(x)'",
    "`import(x)`",
    "`${a} import(x)`",
    "// import(x)\n1",
    "/* import(x) */ 1",
    "/import(x)/.test(y)",
    "object.import(x); this.#import(x); reimport(x); $import(x)",
    "class A { import(a, b) { return 1; } }",
    'const o = { import(a = ")") { return 1; } };',
]
UNCLEAR = ['"a line that\ndoes not end', "`a template", "x = /a regular\nexpression/"]


def test_imports_in_code_are_replaced_and_nothing_moves() -> None:
    for source, found in zip(CODE, replaced(*CODE), strict=True):
        assert found == source.replace("import(", "$00001(")
        assert len(found) == len(source)


def test_what_is_text_or_another_name_stays() -> None:
    assert replaced(*NOT_CODE) == NOT_CODE


@pytest.mark.parametrize("source", UNCLEAR)
def test_what_is_not_understood_is_left_to_the_hook(source: str) -> None:
    assert replaced(source) == [None]
