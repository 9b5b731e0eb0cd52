"""What becomes of the files in ``_generated``, whatever state the app is in."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from rtdb.codegen.app_process import AppProblem, describe_app
from rtdb.codegen.generated_files import write_files
from rtdb.codegen.generation import check, generate
from rtdb.codegen.typescript import typescript_files
from rtdb.config import Limits
from rtdb.functions.app_loader import AppLoadError, load_app
from rtdb.functions.bundle import GENERATED
from rtdb.functions.description import Description, FunctionDescription
from tests.codegen.zoo import write_zoo

FUNCTIONS = Path(__file__).parents[2] / "examples" / "memberpulse" / "functions"
SCHEMA = """
    from rtdb import define_schema, define_table, v

    schema = define_schema({"users": define_table({"name": v.string()})})
"""
TYPED = """
    from rtdb import query

    from ._generated.data_model import UsersDoc
    from ._generated.server import QueryContext

    @query(args={})
    def all(ctx: QueryContext) -> list[UsersDoc]:
        return ctx.db.query("users").collect()
"""


def write(functions: Path, **modules: str) -> Path:
    functions.mkdir(exist_ok=True)
    for name, source in modules.items():
        (functions / f"{name}.py").write_text(dedent(source), encoding="utf-8")
    return functions


def contents(functions: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (functions / GENERATED).iterdir()}


def test_what_is_committed_with_the_example_is_what_would_be_generated() -> None:
    outdated = check(FUNCTIONS).files
    assert not outdated, "run: .venv/bin/rtdb codegen --functions examples/memberpulse/functions"


@pytest.mark.slow
def test_the_same_app_gives_the_same_bytes_and_nothing_is_written_twice(tmp_path: Path) -> None:
    """Also under another hash seed: nothing depends on the order of a set."""
    write_zoo(tmp_path / "a")
    write_zoo(tmp_path / "b")
    assert generate(tmp_path / "a").files
    os.environ["PYTHONHASHSEED"] = "7"
    try:
        generate(tmp_path / "b")
    finally:
        del os.environ["PYTHONHASHSEED"]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    dates = [path.stat().st_mtime_ns for path in (tmp_path / "a" / GENERATED).iterdir()]
    assert generate(tmp_path / "a").files == check(tmp_path / "a").files == []
    assert [path.stat().st_mtime_ns for path in (tmp_path / "a" / GENERATED).iterdir()] == dates


@pytest.mark.slow
def test_functions_that_need_what_is_not_generated_yet_do_not_prevent_it(tmp_path: Path) -> None:
    functions = write(tmp_path / "functions", schema=SCHEMA, users=TYPED)
    with pytest.raises(AppLoadError, match="Has it been run since the schema changed"):
        load_app(functions, Limits())
    assert [path.name for path in check(functions).files] == ["__init__.py", "data_model.py", "server.py"]
    assert not (functions / GENERATED).exists()
    generate(functions)
    assert load_app(functions, Limits()).description.functions[0].path == "users:all"
    # A new table that a function uses at once.
    write(functions, schema=SCHEMA.replace('"users"', '"people"'), users=TYPED.replace("UsersDoc", "PeopleDoc"))
    assert generate(functions).files
    assert b"PeopleDoc" in contents(functions)["data_model.py"]


@pytest.mark.slow
def test_what_is_in_typescript_is_generated_and_kept_for_when_no_server_says_it(tmp_path: Path) -> None:
    functions = write(tmp_path / "functions", users=TYPED)
    any_ = {"type": "any"}
    table = {"tableName": "users", "indexes": [], "documentType": any_}
    messages = FunctionDescription(
        "messages:list", "query", False, any_, {"type": "array", "value": {"type": "number"}}
    )
    typescript = Description([messages], {"tables": [table], "schemaValidation": True})
    with pytest.raises(AppProblem, match="UsersDoc"):
        generate(functions)
    assert check(functions, typescript).files
    generation = generate(functions, typescript)
    assert generation.has_schema
    written = contents(functions)
    assert b"UsersDoc" in written["data_model.py"]
    assert b"users: {" in written["dataModel.d.ts"]
    api = written["api.d.ts"]
    assert -1 < api.find(b"  messages: {\n    list: FunctionReference<") < api.find(b"  users: {\n    all:")
    assert b"Literal['messages:list']" in written["server.pyi"]
    assert b"Literal['users:all']" in written["server.pyi"]
    assert generate(functions).files == check(functions).files == check(functions, typescript).files == []
    # It has gone from the server: what needs it says so, and nothing is left of it when nothing does.
    write(functions, users=TYPED.replace("UsersDoc", "TableName"))
    nothing = Description([], None)
    names = {path.name for path in check(functions, nothing).files}
    assert {"api.d.ts", "data_model.py", "typescript.json"} <= names
    generate(functions, nothing)
    assert b"messages" not in contents(functions)["api.d.ts"] + contents(functions)["typescript.json"]
    assert check(functions).files == []


@pytest.mark.slow
def test_what_python_defines_is_taken_from_python(tmp_path: Path) -> None:
    functions = write(tmp_path / "functions", schema=SCHEMA, users=TYPED)
    both = FunctionDescription("users:all", "mutation", False, {"type": "any"}, None)
    table = {"tableName": "others", "indexes": [], "documentType": {"type": "any"}}
    generate(functions, Description([both], {"tables": [table], "schemaValidation": True}))
    written = contents(functions)
    assert b'"query"' in written["api.d.ts"]
    assert b'"mutation"' not in written["api.d.ts"]
    assert b"OthersDoc" not in written["data_model.py"]


def test_what_was_kept_and_cannot_be_read_is_named(tmp_path: Path) -> None:
    functions = write(tmp_path / "functions")
    write_files(functions, {"typescript.json": "<<<<<<< HEAD"})
    for action in (generate, check):
        with pytest.raises(AppProblem, match=r"typescript\.json is not what `rtdb codegen` wrote"):
            action(functions)


@pytest.mark.slow
def test_an_error_in_a_module_names_file_and_line_and_leaves_what_there_was(tmp_path: Path) -> None:
    functions = write(tmp_path / "functions", schema=SCHEMA, users=TYPED)
    generate(functions)
    before = contents(functions)
    write(functions, broken="import rtdb\n\n\nrtdb.nothing()\n")
    for action in (generate, check):
        with pytest.raises(AppProblem) as raised:
            action(functions)
        assert raised.value.message.startswith("broken.py cannot be imported: Uncaught AttributeError")
        assert raised.value.frames == "    at <module> (broken.py:4)\n"
    assert contents(functions) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "schema.py cannot be imported: SyntaxError"),
        ("schema = 7", "`schema` in schema.py is not a schema but int."),
        ("tables = 7", "schema.py does not define `schema`."),
        ("import os; os._exit(7)", "ended the process, with exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "ended the process, by signal 9"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import os; os.close(1); os.close(0); 1 / 0", "ZeroDivisionError"),
    ],
)
def test_whatever_a_schema_does_is_an_error_that_says_what(tmp_path: Path, source: str, message: str) -> None:
    functions = write(tmp_path / "functions", schema=source)
    with pytest.raises(AppProblem) as raised:
        generate(functions)
    assert message in raised.value.message


def test_what_an_app_prints_and_starts_while_it_is_imported_is_not_in_the_way(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = """
        import os
        import threading

        from rtdb import query

        print("hello")
        os.write(1, b"hello from below\\n")
        threading.Thread(target=threading.Event().wait).start()

        @query
        def f(ctx): ...
    """
    description = describe_app(write(tmp_path / "functions", noisy=noisy))
    assert [function.path for function in description.functions] == ["noisy:f"]
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "hello from below" in captured.err


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the old file, and nothing beside it."""
    functions = write(tmp_path / "functions")
    write_files(functions, {"api.js": "old"})

    def fail(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_files(functions, {"api.js": "new"})
    assert contents(functions) == {"api.js": b"old"}


def test_a_function_may_be_called_like_a_module_beside_it() -> None:
    """An app in TypeScript may have `a.ts` with the function `b`, and `a/b.ts`."""
    any_ = {"type": "any"}
    paths = ("a:b", "a/b:c", "a/b:default", "odd.name/x:y")
    functions = [FunctionDescription(path, "query", False, any_, {"type": "null"}) for path in paths]
    api = typescript_files(Description(functions=functions, schema=None))["api.d.ts"]
    assert "    > & {\n" in api
    assert '  "odd.name": {\n' in api
    assert "      default: FunctionReference<\n" in api


@pytest.mark.slow
def test_cron_jobs_may_call_functions_that_only_the_server_knows(tmp_path: Path) -> None:
    crons = """
        from rtdb import Crons

        crons = Crons()
        crons.interval("in TypeScript", "messages:clean", hours=1)
        crons.interval("here", {path!r}, hours=1)
    """
    tick = """
        from rtdb import mutation, query

        @mutation(args={})
        def tick(ctx): ...

        @query(args={})
        def look(ctx): ...
    """
    functions = write(tmp_path / "functions", clock=tick, crons=crons.format(path="clock:tick"))
    assert generate(functions).files
    for path, problem in (
        ("clock:look", "schedules a query function"),
        ("clock:tikc", "schedules a function that does not exist: clock:tikc"),
    ):
        write(functions, crons=crons.format(path=path))
        with pytest.raises(AppProblem, match=problem):
            generate(functions)
