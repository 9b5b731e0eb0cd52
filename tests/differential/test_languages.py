"""The same program in Python and in TypeScript: equal results, equal reads and writes, equal errors.

Both run on the same snapshot with the same clock and randomness, so that what they amount to can be compared to the
byte: ids of new documents, ranges read, documents counted. Then what the Python one did is committed, and the next
transaction follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random as PythonRandom
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rtdb.functions.typescript import transaction_syscalls
from rtdb.functions.typescript.refusals import Refusals
from rtdb.functions.typescript.transaction_syscalls import TransactionSyscalls
from rtdb.link.frames import Outcome
from rtdb.transaction.query_stream import QueryStream
from tests.differential.programs import (
    SCHEMA_SOURCE,
    page_steps,
    queries,
    reads,
    writes,
)
from tests.functions.app_bench import AppBench
from tests.functions.typescript.typescript_bench import typescript_bench

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "languages"
MILLISECOND = 1_000_000
FRAMES = re.compile(r"\n    at .*")
IDENTITY = b'{"issuer":"https://example.com","subject":"ada","tokenIdentifier":"https://example.com|ada"}'

loops = st.builds(
    lambda query, rows, write: {**query, "op": "loop", "rows": rows, "write": write},
    queries(),
    st.integers(1, 12),
    st.sampled_from(["", "", "patch", "delete", "insert"]),
)
watching = st.sampled_from(
    [
        {"op": "variable", "name": "CONVEX_SITE_URL"},
        {"op": "variable", "name": "NOWHERE"},
        {"op": "identity"},
        {"op": "now"},
        {"op": "metrics"},
    ]
)
languages = st.sampled_from(["own", "other"])
limits = st.none() | st.fixed_dictionaries(
    {}, optional={"documentsRead": st.integers(0, 9), "documentsWritten": st.integers(0, 2)}
)
looks = st.one_of(
    reads,
    reads,
    page_steps(),
    watching,
    loops.map(lambda step: {**step, "write": ""}),
    st.builds(lambda steps: {"op": "together", "steps": steps}, st.lists(reads, max_size=3)),
)
queries_of_steps = st.builds(
    lambda steps, fails: {"kind": "query", "steps": steps, "fails": fails},
    st.lists(looks, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "at once", "in the end"]),
)
asks = st.builds(
    lambda program, language, stale: {"op": "ask", "program": program, "language": language, "stale": stale},
    queries_of_steps,
    languages,
    st.booleans(),
)
changes = st.one_of(
    writes,
    writes,
    loops,
    st.builds(
        lambda delay, language: {"op": "schedule", "delay": delay, "language": language},
        st.sampled_from([0, 5, 1e13]),
        languages,
    ),
)
plain = st.builds(
    lambda steps, fails: {"steps": steps, "fails": fails},
    st.lists(changes | looks, max_size=4),
    st.sampled_from(["", "", "", "at once", "in the end"]),
)
nested = st.builds(
    lambda program, language, limits: {"op": "nested", "program": program, "language": language, "limits": limits},
    plain,
    languages,
    limits,
)
mutations = st.builds(
    lambda steps, fails: {"kind": "mutation", "steps": steps, "fails": fails},
    st.lists(changes | changes | looks | asks | nested, min_size=1, max_size=6),
    st.sampled_from([*[""] * 6, "at once", "in the end"]),
)
programs = st.lists(mutations | mutations | queries_of_steps, min_size=1, max_size=5)
FIRST = {
    "kind": "mutation",
    "steps": [
        {"op": "insert", "table": "strict", "fields": {"kind": "x", "value": 1.0}},
        *({"op": "insert", "table": "loose", "fields": {"n": float(n), "a": n % 3 == 0}} for n in range(9)),
    ],
    "fails": "",
}


class RandomByLength:
    """Bytes from a stream of their own for each length: whoever draws a seed changes nobody's ids."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[int, PythonRandom] = {}

    def bytes(self, count: int) -> bytes:
        stream = self._streams.setdefault(count, PythonRandom(f"{self._seed} {count}"))
        return stream.randbytes(count)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppBench]:
    """An app with the interpreter in both languages."""
    bench = typescript_bench(
        tmp_path_factory.mktemp("languages"),
        {"script": (SOURCES / "script.ts").read_text()},
        schema=SCHEMA_SOURCE,
        program=(SOURCES.parent / "app" / "program.py").read_text(),
        snake=(SOURCES / "snake.py").read_text(),
    )
    yield bench
    bench.close()


class Session:
    """The app with an empty database."""

    def __init__(self, app: AppBench, directory: Path) -> None:
        self._bench = app.with_new_database(directory)
        self._bench.push()
        self._ids: list[list[str]] = []
        self._runs = 0

    def compare(self, transaction: dict[str, Any]) -> None:
        """Run a transaction in both languages; raises ``AssertionError`` at a difference."""
        self._bench.clock.now += MILLISECOND
        self._runs += 1
        python, typescript = (self._run(module, transaction) for module in ("snake", "script"))
        assert _plain(typescript) == _plain(python)
        if python.error is None and transaction["kind"] == "mutation":
            assert self._bench.commit(python).losses == []
            self._ids = json.loads(json.loads(python.result or b""))["ids"]

    def _run(self, module: str, transaction: dict[str, Any]) -> Outcome:
        self._bench.random = RandomByLength(self._runs)
        program = json.dumps({"ids": self._ids, "steps": transaction["steps"], "fails": transaction["fails"]})
        function = "look" if transaction["kind"] == "query" else "run"
        return self._bench.execute(f"{module}:{function}", {"program": program}, identity=IDENTITY)

    def close(self) -> None:
        self._bench.close()


def _without_frames(value: Any) -> Any:
    """Return results without the places that errors in them name."""
    if isinstance(value, str):
        return FRAMES.sub("", value)
    if isinstance(value, list):
        return [_without_frames(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_frames(item) for name, item in value.items()}
    return value


def _plain(outcome: Outcome) -> dict[str, Any]:
    """Return what must be equal of an outcome."""
    error = outcome.error
    text = (outcome.result or b"").replace(b"snake", b"script")
    return {
        "result": _without_frames(json.loads(json.loads(text))) if text else None,
        "reads": outcome.reads,
        "writes": [
            (write.table, write.id, (write.value or b"").replace(b"snake", b"script")) for write in outcome.writes
        ],
        "usage": outcome.usage,
        "error": None if error is None else (error.code, _without_frames(error.message), error.data),
        # The library asks for the time to schedule something; nobody minds in a mutation, which is never shared.
        "looked": (outcome.kind == "query" and outcome.read_time, outcome.read_identity),
        "journal": outcome.journal,
    }


@contextmanager
def session(app: AppBench) -> Iterator[Session]:
    with TemporaryDirectory() as directory:
        opened = Session(app, Path(directory))
        try:
            opened.compare(FIRST)
            yield opened
        finally:
            opened.close()


def few(maximum: int) -> settings:
    """Return how many examples are tried, more of them in ``make soak``."""
    deep = settings().max_examples
    return settings(max_examples=maximum if deep <= 100 else deep, phases=set(Phase) - {Phase.explain})


@few(60)
@given(program=programs)
def test_a_program_is_the_same_in_both_languages(app: AppBench, program: list[dict[str, Any]]) -> None:
    run_program(app, program)


def run_program(app: AppBench, program: list[dict[str, Any]]) -> None:
    with session(app) as opened:
        for transaction in program:
            opened.compare(transaction)


# --- controls: what is done for TypeScript is changed on purpose ------------------------------------------------------


def take_all(stream: QueryStream) -> tuple[list[bytes], bool]:
    rows, done = NEXT_BATCH(stream)
    stream.take_through(stream._taken_rows + len(rows) - 1)
    return rows, done


def without_last(stream: QueryStream) -> tuple[list[bytes], bool]:
    rows, done = NEXT_BATCH(stream)
    return (rows[:-1], True) if len(rows) > 5 else (rows, done)


NEXT_BATCH = QueryStream.next_batch
CHANGES: dict[str, tuple[Any, str, Any]] = {
    "rows that are sent ahead are taken for read": (QueryStream, "next_batch", take_all),
    "a row is left out": (QueryStream, "next_batch", without_last),
    "the end of a query is not read": (QueryStream, "take_end", lambda stream: None),
    "a patch does not remove fields": (transaction_syscalls, "is_undefined", lambda field: False),
    "an error loses its code": (Refusals, "code_of", lambda self, thrown, otherwise: otherwise),
    "ids are of every table": (TransactionSyscalls, "call_synchronous", lambda *_: b'{"id":"x"}'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_between_the_languages_is_noticed(
    app: AppBench, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    @settings(max_examples=300, phases=[Phase.generate], derandomize=True, database=None)
    @given(program=programs)
    def compare(program: list[dict[str, Any]]) -> None:
        run_program(app, program)

    monkeypatch.setattr(*CHANGES[change])
    with pytest.raises(AssertionError):
        compare()
