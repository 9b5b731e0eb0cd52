"""Whatever a function says to its runner past the library, it is refused or fails, and the next function runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.functions.typescript.transaction_syscalls import _asynchronous, _synchronous
from rtdb.typescript.steps import Reply, Step, StreamUse
from tests.functions.app_bench import AppBench
from tests.functions.typescript.typescript_bench import typescript_bench

HOSTILE = Path(__file__).with_name("hostile.ts").read_text()

OPERATIONS = sorted({*_asynchronous, *_synchronous})
OTHERS = [
    "1.0/queryStream",
    "1.0/queryStreamNext",
    "1.0/queryCleanup",
    "1.0/actions/query",
    "environmentVariable",
    "__proto__",
]

ARGUMENTS = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    '"x"',
    "1e999",
    '{"id":null}',
    '{"id":"x","table":"y","isSystem":5}',
    '{"id":{"$integer":"x"},"isSystem":false}',
    '{"query":{}}',
    '{"query":{"source":{"type":"FullTableScan","tableName":"\\u0000","order":"asc"},"operators":[]}}',
    '{"query":{"source":{"type":"FullTableScan","tableName":"t","order":null},"operators":[{"limit":-1}]}}',
    '{"queryId":-1}',
    '{"queryId":1e308}',
    '{"table":"t","value":{"a":{"$bytes":"!"}}}',
    '{"table":"t","value":{"$x":1}}',
    '{"table":"t","value":{"a":"\\ud800"}}',
    '{"table":"_users","value":{}}',
    '{"table":"","value":{}}',
    json.dumps({"table": "t" * 5000, "value": {}}),
    '{"name":"hostile:fine","udfType":"nonsense","args":{}}',
    '{"name":"../../x:y","udfType":"query","args":[]}',
    '{"functionHandle":"function://x","args":{},"udfType":"query","ts":"x"}',
    '{"reference":"_reference/x","args":{},"ts":1e300}',
    '{"name":"hostile:inMutation","ts":-1e9,"args":{}}',
    '{"name":"hostile:inMutation","ts":1e308,"args":{}}',
    '{"storageId":""}',
    json.dumps({"table": "t", "idString": "a" * 100_000}),
]
NESTED = [("[", "", "]"), ('{"a":', "1", "}"), ('{"table":"t","value":', "1", "}"), ('{"args":[', "", "]}")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppBench]:
    limits = Limits(typescript_seconds_max=10.0)
    bench = typescript_bench(tmp_path_factory.mktemp("hostile"), {"hostile": HOSTILE}, limits)
    yield bench
    bench.close()


def attempts(op: str, synchronous: bool) -> list[dict[str, Any]]:
    texts = [*ARGUMENTS, *(start * 100_000 for start, _, _ in NESTED)]
    for levels in (60, 500, 5000):
        texts += [start * levels + middle + end * levels for start, middle, end in NESTED]
        deep = "[" * levels + "]" * levels
        texts.append(f'{{"table":"t","value":{{"a":{deep}}}}}')
        texts.append(f'{{"name":"hostile:fine","udfType":"query","ts":0,"args":{{"a":{deep}}}}}')
        negated = '{"$not":' * levels + "true" + "}" * levels
        source = '{"type":"FullTableScan","tableName":"t","order":null}'
        query = f'"query":{{"source":{source},"operators":[{{"filter":{negated}}}]}}'
        texts.append(f'{{{query},"cursor":null,"endCursor":null,"pageSize":1,"maximumRowsRead":null}}')
    return [{"op": op, "json": text, "synchronous": synchronous} for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inQuery", "inMutation"])
@pytest.mark.parametrize("op", [*OPERATIONS, *OTHERS])
def test_a_syscall_takes_nothing_that_it_does_not_know(app: AppBench, name: str, op: str) -> None:
    for synchronous in (False, True):
        tried = attempts(op, synchronous)
        answers = app.run(f"hostile:{name}", {"attempts": tried})
        assert len(answers) == len(tried)
        # Each is refused or answered, and never in words of Python's that no developer of an app knows.
        words = ("recursion depth", "Traceback", "KeyError")
        assert [answer for answer in answers if any(word in answer for word in words)] == []
        assert [answer for answer in answers if not answer.startswith(("answered ", "refused "))] == []
    assert app.run("hostile:fine") == "fine"


def test_arguments_that_are_nested_too_deeply_are_refused_in_words(app: AppBench) -> None:
    answers = app.run(
        "hostile:inMutation",
        {
            "attempts": [
                {"op": "1.0/insert", "json": '{"table":"t","value":' + "[" * 100_000, "synchronous": False},
                {"op": "1.0/createFunctionHandle", "json": '{"name":"../x:y"}', "synchronous": False},
            ]
        },
    )
    assert answers[0] == "refused The arguments of 1.0/insert are nested too deeply"
    assert answers[1].startswith("refused Invalid function path '../x:y'")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "BadJsonBody"),
        ("x", "BadJsonBody"),
        ("1 2", "BadJsonBody"),
        ("NaN", "BadJsonBody"),
        ("1" * 400, "BadJsonBody"),
        ("[" * 100_000, "TooNestedError"),
        ("[" * 100_000 + "]" * 100_000, "TooNestedError"),
        ('"' + "x" * (17 << 20) + '"', "ReturnValueTooLarge"),
        ("[" + "[]," * 10_000 + "[]]", "ArrayTooLong"),
        ('{"$integer":"x"}', "BadConvexValue"),
        ('{"$bytes":5}', "BadConvexValue"),
        ('{"$set":[]}', "BadConvexValue"),
        ('{"a":{"$b":1}}', "InvalidFieldNameError"),
    ],
)
def test_a_result_that_is_no_value_is_the_functions_error(app: AppBench, text: str, code: str) -> None:
    # What is sent has a limit too: what is long is made there.
    repeated = max(1, len(text) - 2)
    middle = text[1:2] if text[1 : 1 + repeated] == text[1:2] * repeated and len(text) > 100 else ""
    before, after = (text[:1], text[-1:]) if middle else (text, "")
    args = {"before": before, "middle": middle, "repeat": repeated if middle else 0, "after": after}
    error = app.error("hostile:returned", args)
    assert error.code == code
    assert app.run("hostile:fine") == "fine"


def test_rows_that_were_never_given_cannot_have_been_read(app: AppBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read decides about conflicts and invalidations: a process that invents it is not trusted any more."""
    host = app.app.host
    assert host is not None
    pid = host.pid
    with monkeypatch.context() as patched:
        resume = host.resume

        def lie(execution: int, replies: Sequence[Reply]) -> Step:
            step = resume(execution, replies)
            return msgspec.structs.replace(step, streams=[StreamUse(0, 1000, False, False)])

        patched.setattr(host, "resume", lie)
        error = app.error("hostile:listed")
    assert error.code == "FunctionEndedProcess"
    assert "it has read 1000 rows of a query, of which it was not given as many" in error.message
    assert app.run("hostile:listed") == []
    assert host.pid not in (None, pid)
