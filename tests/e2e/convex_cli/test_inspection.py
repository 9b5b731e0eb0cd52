"""What the official command line says of a server: its functions, whether it can be reached, and what it has not."""

from __future__ import annotations

import json
import time

import pytest

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.conftest import in_one_language

SOON_SECONDS = 60.0
"""A command that asks again and again until it gives up takes half a minute; one that does not, a second or two."""


def test_function_spec_describes_every_function(convex: CommandLine) -> None:
    printed = convex.run("function-spec")
    assert printed.code == 0
    spec = json.loads(printed.out)
    assert spec["url"] == convex.server.url
    functions = {function["identifier"]: function for function in spec["functions"]}
    assert functions["messages.js:send"] == {
        "identifier": "messages.js:send",
        "functionType": "Mutation",
        "visibility": {"kind": "public"},
        "args": {
            "type": "object",
            "value": {
                "body": {"fieldType": {"type": "string"}, "optional": False},
                "room": {"fieldType": {"type": "string"}, "optional": False},
            },
        },
        "returns": {"type": "id", "tableName": "messages"},
    }
    assert functions["messages.js:secret"]["visibility"] == {"kind": "internal"}
    assert functions["messages.js:count"]["functionType"] == "Action"


@in_one_language
def test_function_spec_is_written_to_a_file(convex: CommandLine) -> None:
    written = convex.run("function-spec", "--file")
    assert written.code == 0
    (path,) = convex.directory.glob("function_spec_*.json")
    assert f"Wrote function spec to {path.name}" in written.out
    assert json.loads(path.read_text())["functions"]


@in_one_language
def test_the_network_is_tested_in_all_its_parts(convex: CommandLine) -> None:
    tested = convex.run("network-test", "--speed-test")
    assert tested.code == 0, tested.err
    for part in ("DNS lookup", "TCP connect", "HTTP check", "WebSocket connection", "echo 128 bytes", "echo 4 MiB"):
        assert f"OK: {part}" in tested.err
    assert "echo 64 MiB" in tested.err
    assert "Network test passed." in tested.err


@in_one_language
def test_without_a_server_the_network_test_names_the_part_that_fails(convex: CommandLine) -> None:
    failed = convex.run("network-test", url="http://127.0.0.1:9")
    assert failed.code == 1
    assert "FAIL: TCP connect (Error: connect ECONNREFUSED 127.0.0.1:9)" in failed.err


@in_one_language
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["export", "--path", "snapshot.zip"], "This server has no snapshot exports."),
        (["import", "--table", "messages", "rows.jsonl"], "This server has no snapshot imports."),
        (["deployment", "usage"], "This server has no usage limits and does not meter usage"),
        (["deployment", "usage-limits", "list"], "This server has no usage limits"),
        (["insights"], "Insights are only available for cloud deployments."),
        (["env", "default", "list"], "Default environment variables are only available for cloud projects."),
    ],
)
def test_what_is_only_elsewhere_is_refused_at_once(convex: CommandLine, arguments: list[str], reason: str) -> None:
    (convex.directory / "rows.jsonl").write_text('{"body": "x"}\n')
    began = time.monotonic()
    refused = convex.run(*arguments)
    assert refused.code == 1
    assert reason in refused.err
    assert time.monotonic() - began < SOON_SECONDS


@in_one_language
def test_the_dashboard_is_said_to_be_elsewhere(convex: CommandLine) -> None:
    shown = convex.run("dashboard")
    assert "`npx convex dashboard` is not supported for self-hosted deployments." in shown.out + shown.err
