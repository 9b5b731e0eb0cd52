"""Inline queries: what the official command line makes of a line of JavaScript reads as an app's queries do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rtdb.typescript.host import Host
from rtdb.typescript.inline_query import MODULE, inline_query_modules
from rtdb.typescript.steps import Answered, Refused, Reply, Rows, SyscallRequest
from tests.typescript.conftest import Functions

pytestmark = pytest.mark.slow

PREAMBLE = 'import { query, internalQuery } from "convex:/_system/repl/wrappers.js";'
ROWS = [b'{"_id":"a","n":1}', b'{"_id":"b","n":2}', b'{"_id":"c","n":{"$integer":"AwAAAAAAAAA="}}']


class Asked:
    """Answers what a query asks, and remembers it."""

    def __init__(self, answer: Callable[[str, Any], Any] = lambda op, args: None) -> None:
        self._answer = answer
        self.requests: list[tuple[str, Any]] = []

    def __call__(self, request: SyscallRequest) -> Reply:
        args = msgspec.json.decode(request.args)
        if isinstance(args, dict):
            args.pop("version", None)
        self.requests.append((request.op, args))
        if request.op == "1.0/queryStreamNext":
            limits = [operator["limit"] for operator in args["query"]["operators"] if "limit" in operator]
            return Rows(request.number, ROWS[: min(limits, default=None)], done=True)
        answer = self._answer(request.op, args)
        if isinstance(answer, Refused):
            return msgspec.structs.replace(answer, number=request.number)
        return Answered(request.number, msgspec.json.encode(answer))

    @property
    def query(self) -> Any:
        """The one query that was read."""
        ((_, args),) = [(op, args) for op, args in self.requests if op == "1.0/queryStreamNext"]
        return args["query"]


def evaluate(host: Host, body: str, asked: Asked) -> Any:
    """Return the result of an inline query with this body, made as the official command line makes it."""
    functions = Functions(host)
    host.load(
        inline_query_modules(f"{PREAMBLE}\n\nexport default query({{\n  handler: async (ctx) => {{\n{body}\n }},\n}});")
    )
    return functions.result("default", answer=asked, module=MODULE)


def test_an_expression_is_evaluated(host: Host) -> None:
    assert evaluate(host, "return 1 + 1;", Asked()) == 2
    assert evaluate(host, "", Asked()) is None


def test_values_of_every_type_come_back(host: Host) -> None:
    values = (
        "return [1.5, -0, NaN, 7n, -1n, 'ä', true, null, new Uint8Array([1, 255]).buffer, { a: undefined, b: [{}] }];"
    )
    assert evaluate(host, values, Asked()) == [
        1.5,
        {"$float": "AAAAAAAAAIA="},
        {"$float": "AAAAAAAA+H8="},
        {"$integer": "BwAAAAAAAAA="},
        {"$integer": "//////////8="},
        "ä",
        True,
        None,
        {"$bytes": "Af8="},
        {"b": [{}]},
    ]
    large = evaluate(host, "return new Uint8Array(100_000).fill(65).buffer;", Asked())
    assert large["$bytes"] == "QUFB" * 33333 + "QQ=="


def test_a_table_is_read_in_the_ways_of_the_query_builder(host: Host) -> None:
    asked = Asked()
    assert [row["_id"] for row in evaluate(host, 'return await ctx.db.query("rows").collect();', asked)] == list("abc")
    assert asked.query == {"source": {"type": "FullTableScan", "tableName": "rows", "order": None}, "operators": []}
    asked = Asked()
    body = 'return await ctx.db.query("rows").order("desc").filter((q) => q.gt(q.field("n"), 5n)).take(2);'
    evaluate(host, body, asked)
    literal = {"$literal": {"$integer": "BQAAAAAAAAA="}}
    assert asked.query == {
        "source": {"type": "FullTableScan", "tableName": "rows", "order": "desc"},
        "operators": [{"filter": {"$gt": [{"$field": "n"}, literal]}}, {"limit": 2}],
    }
    asked = Asked()
    body = 'return await ctx.db.query("rows").withIndex("by_n", (q) => q.eq("n", undefined).gte("m", 1)).first();'
    assert evaluate(host, body, asked)["_id"] == "a"
    assert asked.query["source"] == {
        "type": "IndexRange",
        "indexName": "rows.by_n",
        "range": [
            {"type": "Eq", "fieldPath": "n", "value": {"$undefined": None}},
            {"type": "Gte", "fieldPath": "m", "value": 1},
        ],
        "order": None,
    }


def test_values_that_are_read_are_those_of_javascript(host: Host) -> None:
    body = 'let sum = 0n; for await (const { n } of ctx.db.query("rows")) sum += BigInt(n); return sum;'
    assert evaluate(host, body, Asked()) == {"$integer": "BgAAAAAAAAA="}


def test_a_query_that_is_left_early_reads_no_further(host: Host) -> None:
    body = 'for await (const row of ctx.db.query("rows")) return row._id;'
    assert evaluate(host, body, Asked()) == "a"


@pytest.mark.parametrize(
    ("body", "question", "answer"),
    [
        ('ctx.db.get("id1")', ("1.0/get", {"id": "id1", "isSystem": False}), {"_id": "id1"}),
        ('ctx.db.get("rows", "id1")', ("1.0/get", {"table": "rows", "id": "id1", "isSystem": False}), None),
        ('ctx.db.system.get("id1")', ("1.0/get", {"id": "id1", "isSystem": True}), None),
        ('ctx.db.normalizeId("rows", "x")', ("1.0/db/normalizeId", {"table": "rows", "idString": "x"}), {"id": None}),
        ("ctx.auth.getUserIdentity()", ("1.0/getUserIdentity", {"requestId": ""}), {"subject": "ada"}),
        ('ctx.storage.getUrl("f")', ("1.0/storageGetUrl", {"requestId": "", "storageId": "f"}), "http://file"),
        (
            'ctx.runQuery("messages:list", { n: 1n })',
            ("1.0/runUdf", {"name": "messages:list", "udfType": "query", "args": {"n": {"$integer": "AQAAAAAAAAA="}}}),
            [1, 2],
        ),
        (
            'ctx.db.query("rows").paginate({ cursor: null, numItems: 5 })',
            (
                "1.0/queryPage",
                {
                    "query": {
                        "source": {"type": "FullTableScan", "tableName": "rows", "order": None},
                        "operators": [],
                    },
                    "cursor": None,
                    "endCursor": None,
                    "pageSize": 5,
                    "maximumRowsRead": None,
                    "maximumBytesRead": None,
                },
            ),
            {"page": [], "isDone": True, "continueCursor": "x"},
        ),
    ],
)
def test_everything_else_of_the_context_asks_the_parent(
    host: Host, body: str, question: tuple[str, Any], answer: Any
) -> None:
    asked = Asked(lambda op, args: answer)
    expected = answer["id"] if question[0] == "1.0/db/normalizeId" else answer
    assert evaluate(host, f"return await {body};", asked) == expected
    assert asked.requests == [question]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return nothing;", "Uncaught ReferenceError: nothing is not defined"),
        ('return ctx.db.query("rows");', "Return value is a Query. Results must be retrieved with `.collect()`"),
        ("return () => 1;", "is not a supported Convex type."),
        ('return await ctx.db.query("rows").unique();', "returned more than one result from table rows:\n [a, b, ...]"),
        ('ctx.db.query("_storage");', "System tables can only be accessed from db.system.query()."),
        ('ctx.db.insert("rows", {});', "is not a function"),
        ("return await fetch('http://127.0.0.1');", "Uncaught Error: "),
        ("return (;", "SyntaxError"),
    ],
)
def test_mistakes_are_named(host: Host, body: str, message: str) -> None:
    functions = Functions(host)
    host.load(inline_query_modules(f"{PREAMBLE}\nexport default query({{ handler: async (ctx) => {{\n{body}\n}} }});"))
    error = functions.error("default", answer=Asked(), module=MODULE)
    assert message in error.message


def test_what_the_parent_refuses_can_be_caught(host: Host) -> None:
    refuse = Asked(lambda op, args: Refused(0, "Invalid argument `id` for `db.get`", b'{"code":7}'))
    body = 'try { await ctx.db.get("x"); } catch (error) { return [error.message, JSON.parse(error.data)]; }'
    assert evaluate(host, body, refuse) == ["Invalid argument `id` for `db.get`", {"code": 7}]


def test_a_module_of_ones_own_may_be_given(host: Host) -> None:
    functions = Functions(host)
    host.load(inline_query_modules(f"{PREAMBLE}\n\nexport default internalQuery(async (ctx) => 42)"))
    assert functions.result("default", module=MODULE) == 42
