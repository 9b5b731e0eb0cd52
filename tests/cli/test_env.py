"""What `rtdb env` reads and writes; talking to a server is in tests/e2e/test_environment_variables.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rtdb.cli.env_file import format_variable, parse_env_file
from rtdb.cli.main import app
from rtdb.cli.target import is_managed

UNREACHABLE = ["--url", "http://127.0.0.1:1", "--admin-key", "rtdb|00"]


def run(*arguments: str, given_input: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["env", *arguments, *UNREACHABLE], input=given_input)
    return result.exit_code, " ".join(result.stderr.split())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_every_value_that_is_listed_can_be_read_back(value: str) -> None:
    text = f"{format_variable('A', value)}\n{format_variable('B', 'next')}\n"
    assert parse_env_file(text) == ({"A": value, "B": "next"}, [])


def test_plain_values_are_listed_without_quotes() -> None:
    assert format_variable("A", "https://db.example.org:3210/x?") == "A='https://db.example.org:3210/x?'"
    assert format_variable("A", "sk_live_123") == "A=sk_live_123"
    assert format_variable("A", "two words") == "A='two words'"
    assert format_variable("A", "") == "A="


def test_lines_that_are_no_variables_are_counted() -> None:
    assert parse_env_file('A=1\njust words\nB\nC="never closed\nD=2') == ({"A": "1", "D": "2"}, [2, 3, 4])


@pytest.mark.parametrize(
    ("name", "managed"),
    [
        ("CONVEX_URL", True),
        ("NEXT_PUBLIC_CONVEX_URL", True),
        ("VITE_CONVEX_SITE_URL", True),
        ("CONVEX_DEPLOYMENT", True),
        ("CONVEX_DEPLOY_KEY", True),
        ("CONVEX_SELF_HOSTED_ADMIN_KEY", True),
        ("RTDB_ADMIN_KEY", True),
        ("CONVEX_SECRET", False),
        ("URL", False),
        ("MY_RTDB_URL", False),
    ],
)
def test_what_says_where_the_server_is_is_not_the_apps(name: str, managed: bool) -> None:
    assert is_managed(name) is managed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["set", "A=1", "2"], "A is given a value twice"),
        (["set", "A", "1", "--from-file", __file__], "A is given a value and a file with one"),
        (["list"], "no answer from http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], sentence: str) -> None:
    code, text = run(*arguments)
    assert code == 1
    assert sentence in text


def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\xfe sesame")
    code, text = run("set", "A", "--from-file", str(file))
    assert code == 1
    assert "it is not text in UTF-8" in text
    assert "sesame" not in text


def test_a_value_that_is_not_text_is_refused_without_showing_it() -> None:
    # Bytes that are no text come in as unpaired surrogates.
    code, text = run("set", "A", "\udcff sesame")
    assert (code, text) == (1, "rtdb: what was given is not text in UTF-8; nothing was sent")
