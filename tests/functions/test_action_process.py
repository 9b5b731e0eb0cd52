"""The action process: what it owes to the hub at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from rtdb.config import Config, encode_config
from rtdb.functions.action_variables import VALUES_PATH
from rtdb.functions.runner_handle import process_action_runners
from rtdb.link.frames import ActionCall, ActionOutcome, Answer, CallRequest, Drain, RunnerReady, RunnerStart
from rtdb.link.link import Link, LinkClosed
from tests.functions.app_bench import write_app

RESULT_CHARACTERS = 8_000_000
"""More than a socket holds."""


async def outcomes_until_it_ends(link: Link) -> AsyncIterator[ActionOutcome]:
    """Yield what actions ended with, answering for the hub; on a slow machine logs come between."""
    while True:
        try:
            messages = await link.receive()
        except LinkClosed:
            return
        for message in messages:
            if isinstance(message, CallRequest):
                assert message.path == VALUES_PATH
                link.send_nowait(Answer(message.call, b"[]", None, [], 0))
            if isinstance(message, ActionOutcome):
                yield message


@pytest.mark.slow
async def test_a_drained_process_ends_when_the_hub_has_its_last_outcome(tmp_path: Path) -> None:
    write_app(tmp_path / "app", m="@action\nasync def act(ctx, size): return 'x' * int(size)")
    config = Config(data_dir=tmp_path / "data")
    handle = process_action_runners(config.limits.frame_bytes_max)()
    start = RunnerStart(encode_config(config), str(tmp_path / "app"), "d", b"k" * 32, b"k" * 32, b"k" * 32, "", "")
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(handle.link.run)
            handle.link.send_nowait(start)
            with trio.fail_after(60):
                (ready,) = await handle.link.receive()
                assert isinstance(ready, RunnerReady)
                assert ready.error is None
                handle.link.send_nowait(ActionCall(1, "m:act", b'{"size":%d}' % RESULT_CHARACTERS, None, False))
                handle.link.send_nowait(Drain())
                outcomes = [outcome async for outcome in outcomes_until_it_ends(handle.link)]
                assert [len(outcome.result or b"") for outcome in outcomes] == [RESULT_CHARACTERS + len('""')]
            nursery.cancel_scope.cancel()
    finally:
        handle.kill()
        handle.wait()
        handle.link.close()
