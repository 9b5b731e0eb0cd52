from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.functions.environment_variables import EnvironmentVariables, SealedVariable
from rtdb.functions.services import Services
from rtdb.link.frames import NO_USAGE, ExecutionError, Outcome
from rtdb.storage.system_tables import ENVIRONMENT_VARIABLES_TABLE, environment_variable_id
from tests.functions.app_bench import AppBench

APP = """
    @query
    def value(ctx, name):
        return ctx.env[name]

    @query
    def get(ctx, name):
        return ctx.env.get(name, "otherwise")

    @query
    def known(ctx, name):
        return name in ctx.env

    @mutation
    def remember(ctx, name):
        return ctx.db.insert("remembered", {"value": ctx.env[name]})

    @query
    def through_another(ctx, name):
        return ctx.run_query("app:value", {"name": name})

    @query
    def survive(ctx):
        try:
            return ctx.env["MISSING"]
        except KeyError:
            return "survived"

    @query
    def all_names(ctx):
        return list(ctx.env)

    @query
    def number(ctx):
        return ctx.env[1]
"""
LIST = "_system/cli/queryEnvironmentVariables:default"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[AppBench]:
    bench = AppBench(tmp_path, Limits(environment_variables_max=4, environment_bytes_max=100), app=APP)
    bench.push()
    yield bench
    bench.close()


def update(bench: AppBench, **changes: str | None) -> None:
    arguments = {"changes": [{"name": name, "value": value} for name, value in changes.items()]}
    bench.run("_system/environment_variables:update", arguments, internal=True)


def refused(bench: AppBench, changes: list[dict[str, Any]]) -> ExecutionError:
    return bench.error("_system/environment_variables:update", {"changes": changes}, internal=True)


def listed(bench: AppBench) -> dict[str, str]:
    return {row["name"]: row["value"] for row in bench.run(LIST, internal=True)}


def reads_of(outcome: Outcome) -> set[tuple[int, bytes, bytes]]:
    return {(read.index, read.start, read.stop) for read in outcome.reads}


def test_functions_see_what_was_set(bench: AppBench) -> None:
    update(bench, A="1", EMPTY="")
    assert bench.run("app:value", {"name": "A"}) == "1"
    assert bench.run("app:value", {"name": "EMPTY"}) == ""
    assert bench.run("app:through_another", {"name": "A"}) == "1"
    assert bench.run("app:get", {"name": "A"}) == "1"
    assert bench.run("app:get", {"name": "B"}) == "otherwise"
    assert bench.run("app:known", {"name": "EMPTY"}) is True
    assert bench.run("app:known", {"name": "B"}) is False
    bench.run("app:remember", {"name": "A"})
    update(bench, A="2")
    assert bench.run("app:value", {"name": "A"}) == "2"
    update(bench, A=None)
    assert bench.run("app:known", {"name": "A"}) is False


def test_built_in_names_are_always_there(bench: AppBench) -> None:
    assert bench.run("app:value", {"name": "CONVEX_CLOUD_URL"}) == "http://cloud"
    assert bench.run("app:value", {"name": "CONVEX_SITE_URL"}) == "http://site"
    assert bench.run("_system/cli/convexUrl:cloudUrl", internal=True) == "http://cloud"


def test_a_missing_variable_is_a_key_error_that_says_what_to_do(bench: AppBench) -> None:
    error = bench.error("app:value", {"name": "A"})
    assert error.code == "EnvironmentVariableNotSet"
    assert error.message.startswith("Uncaught Error: Environment variable A is not set. Set it with `rtdb env set A`")
    assert error.frames == "    at value (app.py:4)\n"
    assert bench.run("app:survive") == "survived"


def test_names_are_not_listed_and_are_texts(bench: AppBench) -> None:
    assert "'Environment' object is not iterable" in bench.error("app:all_names").message
    assert "named by a text, not by int" in bench.error("app:number").message


def test_a_change_touches_what_has_read_that_name_and_nothing_else(bench: AppBench) -> None:
    update(bench, A="1", B="1")
    read_a = bench.execute("app:value", {"name": "A"})
    read_missing = bench.execute("app:get", {"name": "MISSING"})
    read_built_in = bench.execute("app:value", {"name": "CONVEX_CLOUD_URL"})
    assert len(reads_of(read_a) - reads_of(read_built_in)) == 1
    assert len(reads_of(read_missing) - reads_of(read_built_in)) == 1

    def is_changed(outcome: Outcome, name: str, value: str | None) -> bool:
        """Whether a block that sets the name contains a key that the outcome has read."""
        change = bench.execute(
            "_system/environment_variables:update", {"changes": [{"name": name, "value": value}]}, internal=True
        )
        before = bench.committer.position.seq
        block = bench.commit(change)
        assert bench.committer.position.seq == before + 1
        keys = [
            (change.index, b"".join(parts)) for change in block.changes for parts in (change.old, change.new) if parts
        ]
        return any(
            read.index == index and read.start <= key < read.stop for read in outcome.reads for index, key in keys
        )

    assert is_changed(read_a, "A", "2")
    assert is_changed(read_a, "A", None)
    assert not is_changed(read_a, "B", "2")
    assert is_changed(read_missing, "MISSING", "now")
    assert not is_changed(read_missing, "A", "3")


def test_setting_a_variable_to_what_it_is_writes_nothing(bench: AppBench) -> None:
    update(bench, A="1")
    again = {"changes": [{"name": "A", "value": "1"}, {"name": "B", "value": None}]}
    outcome = bench.execute("_system/environment_variables:update", again, internal=True)
    assert outcome.error is None
    assert outcome.writes == []


def test_changes_are_all_made_or_none(bench: AppBench) -> None:
    update(bench, A="1", B="1")
    refused(bench, [{"name": "A", "value": "2"}, {"name": "B"}, {"name": "not a name", "value": ""}])
    assert listed(bench) == {"A": "1", "B": "1"}


def test_a_name_that_is_unset_and_set_at_once_is_set(bench: AppBench) -> None:
    update(bench, A="1")
    arguments = {"changes": [{"name": "A", "value": "2"}, {"name": "A", "value": None}]}
    bench.run("_system/environment_variables:update", arguments, internal=True)
    assert listed(bench) == {"A": "2"}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        (
            [{"name": "1A", "value": ""}],
            "EnvironmentVariableNameInvalid",
            "The environment variable name 1A is invalid. Environment variable names must begin with a letter and may "
            "only include characters a-z, A-Z, 0-9, and underscores.",
        ),
        ([{"name": "", "value": ""}], "EnvironmentVariableNameInvalid", None),
        ([{"name": "A\n", "value": ""}], "EnvironmentVariableNameInvalid", None),
        ([{"name": "A-B"}], "EnvironmentVariableNameInvalid", None),
        ([{"name": "A" * 257, "value": ""}], "EnvironmentVariableNameTooLong", None),
        (
            [{"name": "A", "value": "é" * 4097}],
            "EnvironmentVariableValueTooLarge",
            "The environment variable value of A is 8194 bytes, which is too large. (max size: 8192)",
        ),
        (
            [{"name": "CONVEX_SITE_URL", "value": "x"}],
            "EnvVarNameForbidden",
            'Environment variable with name "CONVEX_SITE_URL" is built-in and cannot be overridden',
        ),
        ([{"name": "CONVEX_CLOUD_URL"}], "EnvVarNameForbidden", None),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "EnvVarNameNotUnique", None),
        (
            [{"name": f"A{number}", "value": ""} for number in range(5)],
            "EnvVarLimitMet",
            "The environment variable limit (4) has been met.",
        ),
        (
            [{"name": "A", "value": "x" * 60}, {"name": "B", "value": "y" * 39}],
            "EnvVarTotalSizeLimitMet",
            "The total size of all environment variables (101 bytes) exceeds the limit (100 bytes).",
        ),
        ([{"name": "A", "value": 1.0}], "InvalidArguments", None),
        ([{"value": "1"}], "InvalidArguments", None),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(
    bench: AppBench, changes: list[dict[str, Any]], code: str, message: str | None
) -> None:
    error = refused(bench, changes)
    assert error.code == code
    if message is not None:
        assert error.message == message
    assert listed(bench) == {}


def test_the_limits_count_what_is_there_already(bench: AppBench) -> None:
    update(bench, A="x" * 60, B="", C="", D="")
    assert refused(bench, [{"name": "E", "value": ""}]).code == "EnvVarLimitMet"
    update(bench, D=None, E="y" * 36)
    assert refused(bench, [{"name": "B", "value": "z"}]).code == "EnvVarTotalSizeLimitMet"
    update(bench, A="", B="z" * 50)
    assert listed(bench) == {"A": "", "B": "z" * 50, "C": "", "E": "y" * 36}


def test_a_name_may_be_as_long_as_the_limit_and_a_value_too(tmp_path: Path) -> None:
    bench = AppBench(tmp_path, app=APP)
    bench.push()
    update(bench, **{"_" * 256: "x" * 8192})
    assert bench.run("app:value", {"name": "_" * 256}) == "x" * 8192
    bench.close()


def test_administrators_list_them_by_name_and_get_one(bench: AppBench) -> None:
    update(bench, B="2", A="1", a="3")
    rows = bench.run(LIST, internal=True)
    assert [(row["name"], row["value"]) for row in rows] == [("A", "1"), ("B", "2"), ("a", "3")]
    assert rows[0].keys() == {"_id", "_creationTime", "name", "value"}
    get = "_system/cli/queryEnvironmentVariables:get"
    assert bench.run(get, {"name": "A"}, internal=True) == {"name": "A", "value": "1"}
    assert bench.run(get, {"name": "C"}, internal=True) is None
    assert bench.run(get, {"name": "CONVEX_CLOUD_URL"}, internal=True)["value"] == "http://cloud"


def test_the_disk_never_sees_a_value(bench: AppBench) -> None:
    update(bench, A="open sesame")
    data = (bench.directory / "data" / "db" / "data.mdb").read_bytes()
    assert b"_environment_variables" in data
    assert b"open sesame" not in data
    # That looking would find it: a document of the app with the same text is there to be seen.
    bench.run("app:remember", {"name": "A"})
    assert b"open sesame" in (bench.directory / "data" / "db" / "data.mdb").read_bytes()


def test_a_value_sealed_with_another_secret_is_said_to_be_and_can_be_set_again(bench: AppBench) -> None:
    update(bench, A="1", B="1")
    variables = EnvironmentVariables(b"another key 16 b", {}, bench.limits)
    bench.services = Services("rtdb", bench.cursors, variables, bench.services.addresses)
    for error in (bench.error("app:value", {"name": "A"}), bench.error(LIST, internal=True)):
        assert error.code == "EnvironmentVariableUnreadable"
        assert "instance.secret" in error.message
    assert "sealed with another instance secret: A, B." in bench.error(LIST, internal=True).message
    update(bench, A="2", B=None)
    assert listed(bench) == {"A": "2"}


def test_a_sealed_value_cannot_be_moved_to_another_name(bench: AppBench) -> None:
    update(bench, A="1", B="2")
    outcome = bench.execute(
        "_system/environment_variables:update", {"changes": [{"name": "A", "value": "stolen"}]}, internal=True
    )
    (write,) = outcome.writes
    assert (write.table, write.id) == (ENVIRONMENT_VARIABLES_TABLE, environment_variable_id("A"))
    assert write.value is not None
    forged = write.value.replace(b'"name":"A"', b'"name":"B"')
    outcome.writes[:] = [type(write)(write.table, environment_variable_id("B"), forged)]
    bench.commit(outcome)
    assert bench.error("app:value", {"name": "B"}).code == "EnvironmentVariableUnreadable"


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_every_text_comes_back(text: str) -> None:
    variables = EnvironmentVariables(bytes(16), {}, Limits())
    assert variables.open(SealedVariable("", 0.0, "A", variables.seal("A", text))) == text


def test_clients_may_not_call_any_of_it(bench: AppBench) -> None:
    for path in ("_system/environment_variables:update", LIST, "_system/cli/convexUrl:cloudUrl"):
        assert bench.error(path).code == "OperationNotPermitted"


def test_reading_a_variable_is_not_counted_as_reading_documents(bench: AppBench) -> None:
    update(bench, A="1")
    assert bench.execute("app:value", {"name": "A"}).usage == NO_USAGE
    written = bench.execute("app:remember", {"name": "A"}).usage
    assert (written.documents_read, written.documents_written) == (0, 1)
    assert written.bytes_written > 0
