"""What comes near a limit is said in the log of a call that succeeds."""

from __future__ import annotations

import pytest

from rtdb.config import Limits
from rtdb.link.frames import SessionRequest
from tests.functions.conftest import MakeBench

APP = """
@mutation
def write(ctx, n, size=0):
    for _ in range(int(n)):
        ctx.db.insert("items", {"text": "x" * int(size)})

@query
def read(ctx): return len(ctx.db.query("items").collect())

@query
def probe(ctx, n):
    for number in range(int(n)):
        ctx.db.query("items").with_index("by_creation_time", lambda q: q.eq("_creationTime", number)).first()

@query
def echo(ctx, text): return text

@mutation
def nest(ctx, levels, undone=False):
    value = 0
    for _ in range(int(levels) - 1):
        value = [value]
    id = ctx.db.insert("items", {"value": value})
    if undone:
        ctx.db.delete(id)

@mutation
def fail(ctx):
    for _ in range(9):
        ctx.db.insert("items", {})
    raise ValueError
"""


def warnings(bench: MakeBench, limits: Limits, path: str, **args: object) -> list[str]:
    app = bench(limits, m=APP)
    app.run("m:write", {"n": 9})
    outcome = app.execute(path, args)
    assert outcome.error is None, outcome.error
    return outcome.log_lines


@pytest.mark.parametrize(
    ("limits", "path", "args", "expected"),
    [
        (
            Limits(documents_read_max=10),
            "m:read",
            {},
            "[WARN] Many documents read in a single function execution (actual: 9, limit: 10).",
        ),
        (
            Limits(bytes_read_max=900),
            "m:read",
            {},
            "[WARN] Many bytes read in a single function execution (actual: ",
        ),
        (
            Limits(documents_written_max=10),
            "m:write",
            {"n": 9},
            "[WARN] Many writes in a single function execution (actual: 9, limit: 10).",
        ),
        (
            Limits(bytes_written_max=900),
            "m:write",
            {"n": 9},
            "[WARN] Many bytes written in a single function execution (actual: ",
        ),
        (
            Limits(read_ranges_max=10),
            "m:probe",
            {"n": 7},
            "[WARN] Many reads in a single function execution (actual: 9, limit: 10).",
        ),
        (
            Limits(arguments_bytes_max=100, result_bytes_max=1000),
            "m:echo",
            {"text": "x" * 80},
            "[WARN] Large size of the function arguments (actual: 91 bytes, limit: 100 bytes).",
        ),
        (
            Limits(result_bytes_max=100),
            "m:echo",
            {"text": "x" * 80},
            "[WARN] Large size of the function return value (actual: 82 bytes, limit: 100 bytes).",
        ),
        (
            Limits(document_bytes_max=1000),
            "m:write",
            {"n": 1, "size": 850},
            '[WARN] Large document written with ID "',
        ),
        (
            Limits(),
            "m:nest",
            {"levels": 13},
            '[WARN] Deeply nested document written with ID "',
        ),
    ],
)
def test_each_limit_warns_above_four_fifths(
    bench: MakeBench, limits: Limits, path: str, args: dict[str, object], expected: str
) -> None:
    (line,) = warnings(bench, limits, path, **args)
    assert line.startswith(expected), line
    assert warnings(bench, Limits(), path, **{**args, "levels": 12} if "levels" in args else args) == []


def test_what_was_undone_is_not_warned_of(bench: MakeBench) -> None:
    assert warnings(bench, Limits(), "m:nest", levels=13, undone=True) == []


def test_a_call_that_fails_is_not_warned(bench: MakeBench) -> None:
    outcome = bench(Limits(documents_written_max=10), m=APP).execute("m:fail")
    assert outcome.error is not None
    assert outcome.log_lines == []


def test_a_long_run_is_warned_of(bench: MakeBench) -> None:
    (line,) = warnings(bench, Limits(query_seconds_max=1e-9), "m:echo", text="")
    assert line.startswith("[WARN] Function execution took a long time. (maximum duration: 1e-09s, actual duration: ")


def test_warnings_are_recorded_with_the_answer_of_a_session(bench: MakeBench) -> None:
    app = bench(Limits(documents_written_max=10), m=APP)
    session = SessionRequest("s", 1)
    first = app.execute("m:write", {"n": 9}, session=session)
    app.commit(first)
    again = app.execute("m:write", {"n": 9}, session=session)
    assert again.replayed_ts is not None
    assert again.log_lines == first.log_lines != []
