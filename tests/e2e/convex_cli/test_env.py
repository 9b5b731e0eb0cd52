"""`npx convex env`, beyond what tests of environment variables show: values that are typed or piped, and refusals."""

from __future__ import annotations

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.conftest import in_one_language


def test_a_value_is_typed_at_a_prompt_and_seen_by_functions(convex: CommandLine) -> None:
    with convex.terminal("env", "set", "SETTING") as terminal:
        terminal.wait_for("Enter value for SETTING:")
        terminal.type("typed in\r")
        terminal.wait_for("Successfully set SETTING")
        assert terminal.end() == 0
    assert convex.run("env", "get", "SETTING").out == "typed in\n"
    assert convex.run("run", "messages:setting").out == '"typed in"\n'
    assert convex.run("env", "remove", "SETTING").code == 0
    failed = convex.run("run", "messages:setting")
    assert failed.code == 1
    assert "Environment variable SETTING is not set" in failed.err


@in_one_language
def test_values_are_piped_in(convex: CommandLine) -> None:
    assert convex.run("env", "set", "PIPED", given="from a pipe").code == 0
    assert convex.run("env", "get", "PIPED").out.strip() == "from a pipe"
    many = convex.run("env", "set", given="PIPED='from a pipe'\nMORE=2\nCONVEX_DEPLOY_KEY=mine\n")
    assert many.code == 0
    assert "Skipping 1 CLI-managed environment variable: CONVEX_DEPLOY_KEY" in many.err
    assert convex.run("env", "list").out == "MORE=2\nPIPED=from a pipe\n"
    assert convex.run("env", "list", "--names-only").out == "MORE\nPIPED\n"
    for name in ("MORE", "PIPED"):
        assert convex.run("env", "rm", name).code == 0


@in_one_language
def test_what_cannot_be_set_is_refused(convex: CommandLine) -> None:
    built_in = convex.run("env", "set", "CONVEX_CLOUD_URL", "http://elsewhere")
    assert built_in.code == 1
    assert 'Environment variable with name "CONVEX_CLOUD_URL" is built-in and cannot be overridden' in built_in.err
    large = convex.run("env", "set", "LARGE", "x" * 8193)
    assert large.code == 1
    assert "EnvironmentVariableValueTooLarge" in large.err
    missing = convex.run("env", "set", "--from-file", "missing.env")
    assert "file not found: missing.env" in missing.err


@in_one_language
def test_a_wrong_key_is_refused(convex: CommandLine) -> None:
    for arguments in (("set", "A", "1"), ("list",)):
        refused = convex.run("env", *arguments, key="rtdb|0123456789abcdef")
        assert refused.code == 1
        assert "The provided admin key was invalid for this instance" in refused.err
