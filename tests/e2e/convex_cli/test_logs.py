"""`npx convex logs`: what functions print and how they fail, for people and for programs."""

from __future__ import annotations

import json
import time

import httpx

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.conftest import in_one_language


def call(convex: CommandLine, kind: str, path: str, **arguments: object) -> None:
    httpx.post(f"{convex.server.url}/api/{kind}", json={"path": path, "args": arguments})


def test_they_are_followed_as_they_come_with_history_before(convex: CommandLine) -> None:
    call(convex, "mutation", "messages:send", room="logs", body="earlier")
    with convex.terminal("logs", "--history", "3", "--success") as terminal:
        terminal.wait_for("Watching logs")
        terminal.wait_for(r"\[CONVEX M\(messages:send\)\] \[LOG\] '?sending earlier")
        call(convex, "action", "messages:count", room="logs")
        terminal.wait_for(r"\[CONVEX A\(messages:count\)\] \[LOG\] '?counting")
        terminal.wait_for(r"\[CONVEX A\(messages:count\)\] Function executed in \d+ ms")
        call(convex, "mutation", "messages:fail")
        place = terminal.wait_for(r"\[CONVEX M\(messages:fail\)\] \[LOG\] '?about to fail")
        terminal.wait_for(r"\[CONVEX M\(messages:fail\)\] Uncaught \w*Error: on purpose", after=place)
        terminal.wait_for(r"    at (fail \(messages.py:\d+|handler \(../convex/messages.ts:58:11)\)", after=place)
        terminal.interrupt()
        terminal.end()


@in_one_language
def test_programs_get_an_object_a_line(convex: CommandLine) -> None:
    call(convex, "query", "messages:list", room="jsonl")
    with convex.terminal("logs", "--jsonl", "--history", "1") as terminal:
        terminal.wait_for(r'^\{"kind":"Completion".*\}$')
        line = next(line for line in terminal.text.splitlines() if line.startswith('{"kind"'))
        entry = json.loads(line)
        assert (entry["udfType"], entry["identifier"], entry["error"]) == ("Query", "messages:list", None)


@in_one_language
def test_a_wrong_key_ends_them_at_once(convex: CommandLine) -> None:
    began = time.monotonic()
    refused = convex.run("logs", key="rtdb|0123456789abcdef")
    assert refused.code == 1
    assert "The provided admin key was invalid for this instance" in refused.err
    assert time.monotonic() - began < 60  # and not for ever
