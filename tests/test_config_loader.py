"""Settings from every source, and what the operator is told when one of them is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rtdb.config import Config, Limits
from rtdb.config_loader import Options, environment_name, load_config, option_name
from rtdb.errors import ConfigurationError


def problems_of(options: Options, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_config(options, environment or {})
    return caught.value.message.splitlines()


def test_the_data_directory_alone_is_enough() -> None:
    assert load_config(Options({"data_dir": "/var/lib/rtdb"}), {}) == Config(data_dir=Path("/var/lib/rtdb"))


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rtdb.toml"
    file.write_text('data_dir = "from-file"\nport = 1\ngateways = 1\nhost = "::1"\n')
    config = load_config(
        Options({"port": "3"}, file=str(file)), {"RTDB_PORT": "2", "RTDB_GATEWAYS": "2", "RTDB_UNKNOWN": "ignored"}
    )
    assert (config.port, config.gateways, config.host) == (3, 2, "::1")


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rtdb.toml"
    (tmp_path / "functions").mkdir()
    file.write_text('data_dir = "data"\nfunctions = "functions"\n')
    config = load_config(Options({}), {"RTDB_CONFIG": str(file)})
    assert (config.data_dir, config.functions) == (tmp_path / "data", tmp_path / "functions")


def test_limits_come_from_all_three_sources(tmp_path: Path) -> None:
    file = tmp_path / "rtdb.toml"
    file.write_text('[limits]\nundo_seconds = 1\nwrite_log_bytes_max = "2 MiB"\n')
    config = load_config(
        Options({"data_dir": "d"}, ["query_seconds_max=2.5"], str(file)), {"RTDB_LIMIT_RUNNERS_MAX": "3"}
    )
    assert config.limits == Limits(undo_seconds=1.0, write_log_bytes_max=2 << 20, query_seconds_max=2.5, runners_max=3)


@pytest.mark.parametrize("text", ["true", "1", "false", "0"])
def test_a_switch_in_the_environment_is_true_or_false(text: str) -> None:
    config = load_config(Options({"data_dir": "d"}), {"RTDB_REDACT_ERRORS": text})
    assert config.redact_errors is (text in ("true", "1"))


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("port", "http", "port: 'http' (from --port) is not a whole number"),
        ("port", "65536", "port: '65536' (from --port): give a port from 0 to 65535; 0 takes any free one"),
        ("gateways", "0", "gateways: '0' (from --gateways): give a number from 1 to 64"),
        ("host", "", "host: '' (from --host): give an address to listen on, such as 127.0.0.1 or 0.0.0.0"),
        (
            "instance_name",
            "a|b",
            "instance_name: 'a|b' (from --instance-name): give a letter followed by at most 63 letters, digits or "
            "hyphens",
        ),
        (
            "cloud_origin",
            "db.example.org",
            "cloud_origin: 'db.example.org' (from --cloud-origin): give the address that clients use, such as "
            "https://db.example.org, without a slash at its end",
        ),
        (
            "action_networks_allowed",
            "10.0.0.1/8",
            "action_networks_allowed: '10.0.0.1/8' (from --action-networks-allowed): give networks with commas between "
            "them, such as 127.0.0.0/8,10.1.2.3",
        ),
        ("log_level", "loud", "log_level: 'loud' (from --log-level): give one of debug, info, warning, error"),
        ("redact_errors", "maybe", "redact_errors: 'maybe' (from --redact-errors) is not true or false"),
        (
            "functions",
            "/nowhere",
            "functions: '/nowhere' (from --functions): give the directory that holds the app's modules "
            "(schema.py and the others)",
        ),
        (
            "admin_key_file",
            "/nowhere/key",
            "admin_key_file: '/nowhere/key' (from --admin-key-file): the directory /nowhere does not exist; make it, "
            "or give another file",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_to_do(setting: str, value: str, expected: str) -> None:
    assert problems_of(Options({"data_dir": "d", setting: value})) == [expected]


def test_a_data_directory_that_is_a_file_is_refused() -> None:
    [problem] = problems_of(Options({"data_dir": __file__}))
    assert problem.endswith("this is a file; give a directory, which is made if it does not exist")


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "rtdb.toml"
    file.write_text("prot = 1\nhost = 5\n[limits]\nundo_second = 1\n")
    assert problems_of(Options({}, ["runners_max"], str(file))) == [
        "--limit runners_max: write it as --limit NAME=VALUE",
        f"prot (from {file}): there is no such setting; did you mean port?",
        f"host: 5 (from {file}) is not a text",
        f"undo_second (from {file} [limits]): there is no such limit; did you mean undo_seconds?",
        "data_dir: the server needs a directory to keep its data in; give --data-dir, RTDB_DATA_DIR or data_dir = …",
    ]


def test_limits_that_contradict_each_other_are_refused() -> None:
    assert problems_of(Options({"data_dir": "d"}, ["runners_min=9", "undo_seconds=0"])) == [
        "undo_seconds: 0.0 (from --limit): give a number above zero",
        "runners_min: 9 is more than runners_max, which is 8",
    ]


def test_the_format_of_values_cannot_be_set() -> None:
    assert problems_of(Options({"data_dir": "d"}, ["object_fields_max=2000", "value_nesting_max=64"])) == [
        "object_fields_max: 2000 (from --limit): this belongs to the format of values and is 1024 on every server; "
        "leave it out"
    ]


@pytest.mark.parametrize("value", ["nan", "-1"])
def test_a_limit_must_be_above_zero(value: str) -> None:
    [problem] = problems_of(Options({"data_dir": "d"}, [f"undo_seconds={value}"]))
    assert problem.endswith("give a number above zero")


def test_a_number_in_quotes_is_not_a_number_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rtdb.toml"
    file.write_text('data_dir = "d"\nport = "80"\n')
    assert problems_of(Options({}, file=str(file))) == [f"port: '80' (from {file}) is not a whole number"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"port 80", "is not valid TOML"), (b"\xff", "is not valid TOML"), (None, "cannot be read (No such file")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "rtdb.toml"
    if content is not None:
        file.write_bytes(content)
    problems = problems_of(Options({"data_dir": "d"}, file=str(file)))
    assert problems[0].startswith("config: ")
    assert str(file) in problems[0]
    assert expected in problems[0]


def test_every_setting_has_its_three_spellings() -> None:
    for field in msgspec.structs.fields(Config):
        assert option_name(field.name).startswith("--")
        assert environment_name(field.name) == "RTDB_" + field.name.upper()
