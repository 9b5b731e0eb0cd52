"""The web APIs of a context do what Deno's own do: each snippet of ``web/*.js`` has one result in both.

A snippet begins at a line ``// --- what it is about``. One that throws must throw an error of the same name.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.typescript.realm_process import RealmProcess

SNIPPETS = {
    f"{path.stem}: {name}": source
    for path in sorted((Path(__file__).parent / "web").glob("*.js"))
    for name, source in re.findall(
        r"^// --- ([^\n]*)\n(.*?)(?=^// --- |\Z)", path.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_has_the_result_that_it_has_in_deno(realm: RealmProcess, name: str) -> None:
    expected = realm.native(SNIPPETS[name])
    actual = realm.run(SNIPPETS[name])
    if expected.error is None:
        assert actual.error is None, actual.error
        assert actual.value == expected.value
    else:
        assert actual.error is not None, f"should have thrown {expected.error}"
        assert actual.error["name"] == expected.error["name"]
