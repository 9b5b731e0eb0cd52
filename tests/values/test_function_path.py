from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError
from rtdb.values.function_path import FunctionPath, parse_function_path


@pytest.mark.parametrize(
    ("text", "module", "export"),
    [
        ("notifications:list", "notifications", "list"),
        ("notifications.js:list", "notifications", "list"),
        ("folder/module:fn", "folder/module", "fn"),
        ("folder/module.js:fn", "folder/module", "fn"),
        ("notifications", "notifications", "default"),
        ("notifications.js", "notifications", "default"),
        ("notifications:default", "notifications", "default"),
        ("_system/cli/push:run", "_system/cli/push", "run"),
        ("a/./b//c:fn", "a/b/c", "fn"),
        ("dir.x/b:fn", "dir.x/b", "fn"),
        ("a:_private", "a", "_private"),
    ],
)
def test_every_spelling_of_a_function_is_read(text: str, module: str, export: str) -> None:
    path = parse_function_path(text)
    assert path == FunctionPath(module, export)
    assert str(path) == f"{module}:{export}"
    assert parse_function_path(str(path)) == path


def test_the_default_export_is_not_written_in_messages() -> None:
    assert parse_function_path("a/b.js:default").short == "a/b"
    assert parse_function_path("a/b.js:fn").short == "a/b:fn"


def test_the_servers_own_functions_are_told_by_their_folder() -> None:
    assert parse_function_path("_system/x:y").is_system
    assert not parse_function_path("a/_system:y").is_system


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "doesn't have a filename"),
        (":fn", "doesn't have a filename"),
        ("a/..:fn", "doesn't have a filename"),
        ("/abs:fn", "must be relative"),
        ("a/../b:fn", "at least one alphanumeric"),
        ("with-hyphen:fn", "alphanumeric characters, underscores, or periods"),
        ("é:fn", "alphanumeric characters, underscores, or periods"),
        ("a.ts:fn", "extension that isn't 'js'"),
        ("a/___:fn", "at least one alphanumeric"),
        ("x" * 62 + ":fn", "too long"),
        ("a:", "Identifier cannot be empty"),
        ("a:1x", "Invalid first character"),
        ("a:é", "Invalid first character"),
        ("a:b-c", "invalid character"),
        ("a:__", "exclusively underscores"),
        ("a:" + "x" * 65, "Identifier is too long"),
        ("a/" * 512 + "a:fn", "a/…': It is longer than 1024 characters"),
    ],
)
def test_paths_that_name_no_function_are_refused(text: str, reason: str) -> None:
    with pytest.raises(BadRequestError, match=reason) as caught:
        parse_function_path(text)
    assert caught.value.code == "BadConvexFunctionIdentifier"


@example("_.a.js")
@given(st.text(st.sampled_from("ab._/:-js\0é"), max_size=12))
def test_a_path_is_refused_or_has_one_canonical_text(text: str) -> None:
    try:
        path = parse_function_path(text)
    except BadRequestError:
        return
    assert parse_function_path(str(path)) == path
