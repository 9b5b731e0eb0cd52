"""HTTP actions in their runner: what an app may answer, and what becomes of what it may not."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.link.frames import ExecutionError
from tests.functions.action_bench import ActionBench, running_actions

TOO_LATE = ExecutionError("FunctionTimedOut", "too late")

HTTP = """
    from .m import answer

    http = HttpRouter()
    http.route(path="/", method="GET", handler=answer)
"""


def answering(directory: Path, body: str, limits: Limits | None = None) -> AbstractAsyncContextManager[ActionBench]:
    """Run an app whose one HTTP action is made of these lines."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    module = f"import trio\n@http_action\nasync def answer(ctx, request):\n{lines}\n"
    return running_actions(directory, limits, m=module, http=HTTP)


async def refused(bench: ActionBench, method: str = "GET") -> str:
    """Make a request that must fail before its answer has begun; return why."""
    call = bench.request(method, "/")
    outcome = await bench.outcome(call)
    assert outcome.error is not None
    assert call not in bench.heads
    return outcome.error.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("status = '404'", "the status of a response is a number from 200 to 599, got '404'"),
        ("status = 99", "the status of a response is a number from 200 to 599, got 99"),
        (
            "status = 10**30",
            "the status of a response is a number from 200 to 599, got 1000000000000000000000000000000",
        ),
        ("body = ['a']", "the body of a response is text, bytes or an async iterator, got list"),
        ("body = 7", "the body of a response is text, bytes or an async iterator, got int"),
        ("status = 204", "a response with status 204 has no body"),
    ],
)
async def test_a_response_that_was_changed_is_checked_again(tmp_path: Path, change: str, message: str) -> None:
    async with answering(tmp_path, f"response = Response('a')\nresponse.{change}\nreturn response") as bench:
        assert message in await refused(bench)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ("Response(None, 200, {'Content-Length': '5'})", "the header `content-length` is 5 and the body has 0 bytes"),
        ("Response('abc', 200, {'Content-Length': '5'})", "the header `content-length` is 5 and the body has 3 bytes"),
        ("Response(None, 205, {'Content-Length': '5'})", "the header `content-length` is 5 and the body has 0 bytes"),
        ("Response('', 200, {'Content-Length': '-0'})", "the header `content-length` is a number of bytes, got '-0'"),
        ("Response('', 200, {'Content-Length': '9' * 5000})", "the header `content-length` is a number of bytes"),
        ("Response('', 200, [('Content-Length', '0')] * 2)", "the header `content-length` is a number of bytes"),
    ],
)
async def test_an_answer_is_as_long_as_it_says(tmp_path: Path, response: str, message: str) -> None:
    async with answering(tmp_path, f"return {response}") as bench:
        assert message in await refused(bench)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("HEAD", 304)])
async def test_an_answer_that_never_has_a_body_may_say_how_long_it_would_be(
    tmp_path: Path, method: str, status: int
) -> None:
    async with answering(tmp_path, f"return Response(None, {status}, {{'Content-Length': '5'}})") as bench:
        call = bench.request(method, "/")
        assert (await bench.outcome(call)).error is None
        assert bench.heads[call].headers == [(b"content-length", b"5")]


async def test_headers_have_a_limit(tmp_path: Path) -> None:
    source = "return Response('', headers=[('X-A', 'a' * int(request.query['size']))] * 2)"
    async with answering(tmp_path, source, Limits(http_action_response_head_bytes_max=1000)) as bench:
        call = bench.request("GET", "/?size=400")
        assert (await bench.outcome(call)).error is None
        assert call in bench.heads
        call = bench.request("GET", "/?size=500")
        error = (await bench.outcome(call)).error
        assert error is not None
        assert error.message == (
            "Uncaught Error: the headers of a response have at most 1000 bytes together "
            "(http_action_response_head_bytes_max)"
        )
        assert error.code == "HttpResponseTooLarge"
        assert call not in bench.heads


async def test_a_body_that_is_stopped_has_ended_before_its_process_would_be_killed_for_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    source = """async def pieces():
    try:
        yield bytes(10_000_000)
    finally:
        await trio.sleep(100)
return Response(pieces())"""
    limits = Limits(action_cancel_seconds_max=5)
    async with answering(tmp_path, source, limits) as bench:
        call = bench.request("GET", "/")
        await wait_all_tasks_blocked()
        assert call in bench.heads
        began = trio.current_time()
        bench.cancel(call, TOO_LATE)
        assert (await bench.outcome(call)).error == TOO_LATE
        assert 3 < trio.current_time() - began < limits.action_cancel_seconds_max
