"""`npx convex data`: which tables there are, and the documents of one."""

from __future__ import annotations

import json
import re

import httpx

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.conftest import in_one_language


def fill(convex: CommandLine, table: str, count: int) -> None:
    answer = httpx.post(
        f"{convex.server.url}/api/mutation", json={"path": "messages:fill", "args": {"table": table, "count": count}}
    )
    assert answer.json()["status"] == "success"


@in_one_language
def test_tables_are_listed_by_name(convex: CommandLine) -> None:
    for table in ("second", "first"):
        fill(convex, table, 1)
    listed = convex.run("data")
    assert listed.code == 0
    tables = listed.out.splitlines()
    assert {"first", "second"} <= set(tables)
    assert tables == sorted(tables)
    assert not any(table.startswith("_") for table in tables)


def test_documents_are_shown_newest_first_unless_told_otherwise(convex: CommandLine) -> None:
    fill(convex, "shown", 3)
    table = convex.run("data", "shown")
    assert table.code == 0
    header, rule, *rows = table.out.splitlines()
    assert re.split(r"\s*\|\s*", header.strip()) == ["_id", "_creationTime", "exact", "nested", "number", "raw"]
    assert set(rule) == set("-|")
    assert [row.split("|")[4].strip() for row in rows] == ["2", "1", "0"]
    assert "2n" in rows[0]
    assert '{ "list": [null] }' in rows[0]
    assert 'Bytes("YWJj")' in rows[0]
    ascending = convex.run("data", "shown", "--order", "asc", "--limit", "2")
    assert [row.split("|")[4].strip() for row in ascending.out.splitlines()[2:]] == ["0", "1"]
    assert "Showing the 2 oldest created documents. Use the --limit option to see more." in ascending.err


@in_one_language
def test_documents_are_printed_for_programs(convex: CommandLine) -> None:
    fill(convex, "printed", 2)
    for wanted in ("json", "jsonArray"):
        printed = convex.run("data", "printed", "--format", wanted)
        assert [line.startswith("{ ") for line in printed.out.splitlines()[1:-1]] == [True, True]
    lines = convex.run("data", "printed", "--format", "jsonl", "--limit", "1").out.splitlines()
    assert len(lines) == 1
    assert '"number": 1' in lines[0]


@in_one_language
def test_a_table_larger_than_one_page_is_read_to_its_end(convex: CommandLine) -> None:
    for _ in range(3):
        fill(convex, "large", 4000)
    printed = convex.run("data", "large", "--format", "jsonl", "--limit", "100000")
    assert printed.code == 0
    ids = re.findall(r'"_id": "(\w+)"', printed.out)
    assert len(ids) == len(set(ids)) == 12000


@in_one_language
def test_what_is_empty_or_does_not_exist_is_said_to_be_empty(convex: CommandLine) -> None:
    for table in ("nothing", "_storage", "_nothing"):
        shown = convex.run("data", table)
        assert (shown.code, shown.out) == (0, "")
        assert "There are no documents in this table." in shown.err


@in_one_language
def test_a_component_does_not_exist(convex: CommandLine) -> None:
    refused = convex.run("data", "--component", "workflow")
    assert refused.code == 1
    assert "Could not find component 'workflow'." in refused.err


@in_one_language
def test_a_wrong_key_is_told_to_be_one(convex: CommandLine) -> None:
    refused = convex.run("data", key="rtdb|0123456789abcdef")
    assert refused.code == 1
    assert "The provided admin key was invalid for this instance" in refused.err
    assert "You do not have permission to perform this operation: functions of the server are for" in refused.err
    assert "    at " not in refused.err  # no stack of the program's


@in_one_language
def test_a_table_of_a_terminal_is_cut_to_its_width(convex: CommandLine) -> None:
    fill(convex, "wide", 1)
    answer = httpx.post(
        f"{convex.server.url}/api/mutation", json={"path": "messages:send", "args": {"room": "wide", "body": "x" * 300}}
    )
    assert json.loads(answer.text)["status"] == "success"
    with convex.terminal("data", "messages") as terminal:
        terminal.wait_for("Lines were truncated to fit the terminal width")
        assert terminal.end() == 0
