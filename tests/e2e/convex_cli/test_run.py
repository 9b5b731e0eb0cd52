"""`npx convex run`: functions of all kinds, called once or watched, and what goes wrong, told to who runs them."""

from __future__ import annotations

import json
import re
import subprocess
import time

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.conftest import in_one_language
from tests.e2e.test_deploy_commands import command

WRONG_KEY = "rtdb|0123456789abcdef"
SOON_SECONDS = 60.0
"""A command that asks again and again until it gives up takes half a minute; one that does not, a second or two."""


def test_it_calls_functions_of_every_kind(convex: CommandLine) -> None:
    sent = convex.run("run", "messages:send", '{"room": "kinds", "body": "hello"}')
    assert sent.code == 0
    assert isinstance(json.loads(sent.out), str)
    assert re.search("\\[LOG\\] '?sending hello", sent.err)  # JavaScript shows texts in quotes
    assert json.loads(convex.run("run", "messages:list", '{"room": "kinds"}').out) == ["hello"]
    counted = convex.run("run", "messages:count", "{room: 'kinds'}")
    assert (counted.code, counted.out) == (0, "1\n")
    assert re.search("\\[LOG\\] '?counting", counted.err)
    assert json.loads(convex.run("run", "messages:secret").out) == {"answer": 42}
    nothing = convex.run("run", "messages:clear", '{"table": "nothing"}')
    assert (nothing.code, nothing.out) == (0, "")


def test_a_function_is_named_in_all_the_ways_the_official_server_knows(convex: CommandLine) -> None:
    for name in ("api.messages.secret", "internal.messages.secret", "messages.js:secret", "convex/messages.ts:secret"):
        assert json.loads(convex.run("run", name).out) == {"answer": 42}, name


@in_one_language
def test_it_acts_as_a_user(convex: CommandLine) -> None:
    identity = json.loads(convex.run("run", "messages:who", "--identity", '{"name": "Ada", "role": "admin"}').out)
    assert identity["name"] == "Ada"
    assert identity["role"] == "admin"
    assert identity["tokenIdentifier"] == f"{identity['issuer']}|{identity['subject']}"
    assert convex.run("run", "messages:who").out == ""


def test_a_function_that_does_not_exist_is_answered_with_those_that_do(convex: CommandLine) -> None:
    began = time.monotonic()
    failed = convex.run("run", "messages:snd")
    assert failed.code == 1
    assert "Could not find function for 'messages:snd'. Did you forget to run `npx convex dev`?" in failed.err
    listed = failed.err.partition("Available functions:\n")[2].splitlines()
    assert listed[:3] == ["• messages:clear", "• messages:count", "• messages:fail"]
    assert "• messages:secret" in listed
    assert time.monotonic() - began < SOON_SECONDS


def test_arguments_that_do_not_fit_are_named(convex: CommandLine) -> None:
    failed = convex.run("run", "messages:send", '{"room": "a", "body": 5}')
    assert failed.code == 1
    assert "ArgumentValidationError: Value does not match validator.\nPath: .body\nValue: 5.0" in failed.err
    assert "missing the required field `body`" in convex.run("run", "messages:send", '{"room": "a"}').err
    assert "Failed to parse arguments as JSON" in convex.run("run", "messages:send", "{room").err


def test_a_function_that_fails_is_told_of_with_its_line_also_by_a_server_that_redacts(convex: CommandLine) -> None:
    failed = convex.run("run", "messages:fail")
    assert failed.code == 1
    assert 'Failed to run function "messages:fail"' in failed.err
    place = r"    at (fail \(messages\.py:\d+|handler \(\.\./convex/messages\.ts:58:11)\)"
    assert re.search(rf"Uncaught \w*Error: on purpose\n{place}", failed.err)
    assert re.search(r"\[LOG\] '?about to fail", failed.err)
    refused = convex.run("run", "messages:refuse")
    assert refused.code == 1
    assert re.search(r'Uncaught ConvexError: \{"code": ?7\}', refused.err)


@in_one_language
def test_a_wrong_key_and_a_component_are_refused_at_once(convex: CommandLine) -> None:
    began = time.monotonic()
    refused = convex.run("run", "messages:secret", key=WRONG_KEY)
    assert refused.code == 1
    assert "The provided admin key was invalid for this instance" in refused.err
    refused = convex.run("run", "messages:secret", "--component", "workflow")
    assert refused.code == 1
    assert "Component path 'workflow' not found" in refused.err
    assert time.monotonic() - began < SOON_SECONDS


@in_one_language
def test_without_a_server_it_says_so(convex: CommandLine) -> None:
    failed = convex.run("run", "messages:secret", url="http://127.0.0.1:9")
    assert failed.code == 1
    assert "fetch failed" in failed.err


def test_a_watched_query_is_printed_at_every_change(convex: CommandLine) -> None:
    with convex.terminal("run", "messages:list", '{"room": "watched"}', "--watch") as terminal:
        place = terminal.wait_for("Watching query messages:list on http")
        place = terminal.wait_for(r"^\[\]$", after=place)
        convex.run("run", "messages:send", '{"room": "watched", "body": "one"}')
        place = terminal.wait_for(r"^\[ 'one' \]$", after=place)
        convex.run("run", "messages:send", '{"room": "watched", "body": "two"}')
        terminal.wait_for(r"^\[ 'one', 'two' \]$", after=place)
        assert "\x1b[32m'one'\x1b[39m" in terminal.raw  # in colour
        terminal.interrupt()
        terminal.wait_for("Closing connection to http")
        terminal.end()


def test_an_inline_query_reads_what_is_there(convex: CommandLine) -> None:
    convex.run("run", "messages:send", '{"room": "inline", "body": "hello"}')
    read = convex.run(
        "run",
        "--inline-query",
        'await ctx.db.query("messages").filter((q) => q.eq(q.field("room"), "inline")).unique()',
    )
    assert read.code == 0, read.err
    assert json.loads(read.out)["body"] == "hello"
    body = (
        'const rows = await ctx.runQuery("messages:list", { room: "inline" });\nconsole.log(rows.length);\nreturn rows;'
    )
    called = convex.run("run", "--inline-query", body)
    assert json.loads(called.out) == ["hello"]
    assert "[LOG] 1" in called.err
    refused = convex.run("run", "--inline-query", 'await ctx.db.insert("messages", {})')
    assert refused.code == 1
    assert "ctx.db.insert is not a function" in refused.err
    assert (
        'Component path "workflow" was not found.'
        in convex.run("run", "--inline-query", "1", "--component", "workflow").err
    )


@in_one_language
def test_a_read_only_key_reads_and_does_nothing_else(convex: CommandLine) -> None:
    made = subprocess.run(
        command("admin-key", "--read-only", "--data-dir", str(convex.server.data_dir)),
        capture_output=True,
        text=True,
        check=True,
    )
    key = made.stdout.strip()
    assert json.loads(convex.run("run", "messages:secret", key=key).out) == {"answer": 42}
    assert json.loads(convex.run("run", "--inline-query", "6 * 7", key=key).out) == 42
    assert convex.run("data", key=key).code == 0
    assert convex.run("env", "list", key=key).code == 0
    refused = convex.run("run", "messages:send", '{"room": "a", "body": "b"}', key=key)
    assert refused.code == 1
    assert "You do not have permission to perform this operation: the admin key is read-only" in refused.err
    refused = convex.run("env", "set", "A", "1", key=key)
    assert refused.code == 1
    assert "You do not have permission to perform this operation (WriteEnvironmentVariables)." in refused.err
