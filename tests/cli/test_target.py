from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtdb.cli.env_file import parse_env_file
from rtdb.cli.target import Target, find_target
from rtdb.errors import ConfigurationError

KEY = "rtdb|00ff00ff"


def found(directory: Path, environment: dict[str, str] | None = None, **options: Any) -> tuple[str, str, str | None]:
    target = find_target(environment or {}, directory, **options)
    return target.url, target.admin_key, target.name


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=b", {"A": "b"}),
        ("  export A = b  ", {"A": "b"}),
        ("A=b # comment", {"A": "b"}),
        ("A=b#c", {"A": "b#c"}),
        ("A=dev:name # team: t, project: p", {"A": "dev:name"}),
        ('A="b # c" # d', {"A": "b # c"}),
        ('A="one\\ntwo \\"x\\""', {"A": 'one\ntwo "x"'}),
        ("A='b\\n'", {"A": "b\\n"}),
        ("A=", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A=x=y|z", {"A": "x=y|z"}),
        ("# A=b", {}),
        ("just words", {}),
        ("", {}),
        ('A="never closed', {}),
    ],
)
def test_a_line_of_an_env_file_is_read_as_front_ends_read_it(line: str, expected: dict[str, str]) -> None:
    assert parse_env_file(line).variables == expected


def test_a_later_line_of_the_same_name_wins() -> None:
    assert parse_env_file("A=1\nB=2\r\nA=3\n").variables == {"A": "3", "B": "2"}


def test_a_front_ends_env_local_is_enough(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(
        "CONVEX_DEPLOYMENT=dev:shop # team: us, project: shop\n"
        f"CONVEX_DEPLOY_KEY='{KEY}'\nNEXT_PUBLIC_CONVEX_URL=https://db.example.org/\n"
    )
    assert found(tmp_path) == ("https://db.example.org", KEY, "shop")


def test_self_hosted_names_go_before_the_others_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CONVEX_SELF_HOSTED_URL=http://a:1\nCONVEX_SELF_HOSTED_ADMIN_KEY={KEY}\n")
    environment = {"CONVEX_URL": "http://b:2", "CONVEX_DEPLOY_KEY": "other|00"}
    assert found(tmp_path, environment) == ("http://a:1", KEY, None)


def test_options_win_over_the_environment_and_that_over_files(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CONVEX_URL=http://env:1\nRTDB_ADMIN_KEY=env|00\n")
    assert found(tmp_path) == ("http://env:1", "env|00", None)
    (tmp_path / ".env.local").write_text("CONVEX_URL=http://local:1\nRTDB_ADMIN_KEY=local|00\n")
    assert found(tmp_path) == ("http://local:1", "local|00", None)
    # Empty is unset.
    environment = {"CONVEX_URL": "", "RTDB_ADMIN_KEY": ""}
    assert found(tmp_path, environment) == ("http://local:1", "local|00", None)
    environment = {"CONVEX_URL": "http://shell:1", "RTDB_ADMIN_KEY": "shell|00"}
    assert found(tmp_path, environment) == ("http://shell:1", "shell|00", None)
    assert found(tmp_path, environment, url="http://option:1", admin_key=KEY) == ("http://option:1", KEY, None)


def test_a_key_may_be_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    file.write_text(f"{KEY}\n")
    target = find_target({"RTDB_ADMIN_KEY": "shell|00"}, tmp_path, admin_key_file=file)
    assert target.admin_key == KEY
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"admin\.key holds no admin key"):
        find_target({}, tmp_path, admin_key_file=file)


def test_what_cannot_be_a_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="characters that no key has") as refused:
        find_target({"RTDB_ADMIN_KEY": "rtdb|geheim\u00fc"}, tmp_path)
    assert "geheim" not in str(refused.value)


def test_a_named_file_is_the_only_one_that_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text("CONVEX_URL=http://local:1\n")
    file = tmp_path / "production.env"
    file.write_text(f"CONVEX_DEPLOY_KEY={KEY}\n")
    target = find_target({"CONVEX_URL": "http://shell:1"}, tmp_path, env_file=file)
    assert (target.url, target.admin_key) == ("http://127.0.0.1:3210", KEY)
    with pytest.raises(ConfigurationError, match="does not exist"):
        find_target({}, tmp_path, env_file=tmp_path / "missing.env")


def test_a_files_key_is_not_sent_to_another_server(tmp_path: Path) -> None:
    lines = f"CONVEX_SELF_HOSTED_URL=http://ours:3210/\nCONVEX_SELF_HOSTED_ADMIN_KEY={KEY}\n"
    (tmp_path / ".env.local").write_text(lines)
    with pytest.raises(ConfigurationError, match=r"is the one to http://ours:3210/ and is not sent to http://theirs"):
        find_target({}, tmp_path, url="http://theirs:3210")
    assert find_target({}, tmp_path, url="http://theirs:3210", key_needed=False).admin_key == ""
    assert find_target({"CONVEX_URL": "http://ours:3210"}, tmp_path).admin_key == KEY
    assert find_target({}, tmp_path, url="http://ours:3210").admin_key == KEY
    assert find_target({"RTDB_ADMIN_KEY": "theirs|0"}, tmp_path, url="http://theirs:3210").admin_key == "theirs|0"


def test_without_a_key_it_says_where_to_put_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no key to the server: give --admin-key-file .*RTDB_ADMIN_"):
        find_target({}, tmp_path)
    assert find_target({}, tmp_path, key_needed=False).admin_key == ""


@pytest.mark.parametrize("url", ["db.example.org", "ftp://db", "http://", "http://a b"])
def test_an_address_of_no_server_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the address of a server"):
        find_target({"RTDB_ADMIN_KEY": KEY}, tmp_path, url=url)


def test_a_target_does_not_print_its_key() -> None:
    assert KEY not in f"{Target('http://a', KEY)!r} {Target('http://a', KEY)}"
