"""`rtdb codegen` as a developer runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rtdb.cli.main import app

SCHEMA = (
    'from rtdb import define_schema, define_table, v\n\nschema = define_schema({"a": define_table({"x": v.any()})})\n'
)


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "schema.py").write_text(SCHEMA, encoding="utf-8")
    return functions


def codegen(functions: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["codegen", "--functions", str(functions), *arguments])


@pytest.mark.slow
def test_it_says_what_it_wrote_and_check_says_what_it_would_write(functions: Path) -> None:
    checked = codegen(functions, "--check")
    assert checked.exit_code == 1
    assert f"outdated: {functions}/_generated/api.d.ts\n" in checked.stdout
    assert "run `rtdb codegen` and commit what it writes" in checked.stderr
    assert not (functions / "_generated").exists()
    written = codegen(functions)
    assert written.exit_code == 0
    assert written.stdout.splitlines() == [
        f"wrote {functions}/_generated/{name}"
        for name in sorted(path.name for path in (functions / "_generated").iterdir())
    ]
    for arguments in ((), ("--check",)):
        again = codegen(functions, *arguments)
        assert (again.exit_code, again.output) == (0, "")


@pytest.mark.slow
def test_an_app_without_a_schema_has_types_that_know_nothing(functions: Path) -> None:
    (functions / "schema.py").unlink()
    result = codegen(functions)
    assert result.exit_code == 0
    assert f"{functions}/schema.py does not exist, so that documents have no types." in result.stderr
    assert "AnyDataModel" in (functions / "_generated" / "dataModel.d.ts").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_and_the_types_are_written(functions: Path) -> None:
    result = codegen(functions, "--url", "http://127.0.0.1:1", "--admin-key", "rtdb|00")
    assert result.exit_code == 0
    said = " ".join(result.stderr.split())
    assert "The modules in TypeScript are taken for what they last were: no answer from http://127.0.0.1:1" in said
    assert codegen(functions, "--check").exit_code == 0


@pytest.mark.slow
def test_an_error_in_the_app_is_shown_with_file_and_line(functions: Path) -> None:
    (functions / "schema.py").write_text(SCHEMA.replace("v.any()", "v.anything()"), encoding="utf-8")
    result = codegen(functions)
    assert result.exit_code == 1
    assert "✗ Hit an error while evaluating your schema:" in result.stderr
    assert f"{functions}/schema.py:3" in result.stderr


def test_a_directory_that_cannot_be_written_is_named(functions: Path) -> None:
    (functions / "_generated").write_text("not a directory", encoding="utf-8")
    result = codegen(functions)
    assert result.exit_code == 1
    assert f"{functions}/_generated cannot be written" in result.stderr.replace("\n", "")
