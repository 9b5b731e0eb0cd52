"""Whatever an operator can set, run or be told is in the documentation, and the documentation names nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import typer.main

from rtdb.cli.main import app
from rtdb.config import Config
from rtdb.config_loader import environment_name, option_name
from tests.docs.error_codes import codes_in_source
from tests.docs.limits_tables import PAGE, with_tables

REPOSITORY = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)


def rows(text: str) -> dict[str, list[str]]:
    """Return the tables' rows by their first cell."""
    return {name: rest.split(" | ") for name, rest in ROW.findall(text)}


def section(document: str, heading: str) -> str:
    """Return the part of a document under a second-level heading."""
    text = (REPOSITORY / "docs" / document).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_setting_is_documented_with_its_default() -> None:
    documented = rows(section("configuration.md", "Settings"))
    fields = {field.name: field for field in msgspec.structs.fields(Config) if field.name != "limits"}
    assert documented.keys() == fields.keys()
    for name, field in fields.items():
        option, variable, default, _ = documented[name]
        assert f"`{option_name(name)}`" in option
        assert variable == f"`{environment_name(name)}`"
        if field.default not in (msgspec.NODEFAULT, None):
            assert default == f"`{str(field.default).lower()}`", name


def test_the_tables_of_limits_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "`make docs` writes them anew"


def test_a_default_that_has_changed_changes_its_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page.replace("| 32,000 |", "| 31,000 |")) == page


def test_every_setting_has_its_option() -> None:
    serve = typer.main.get_group(app).commands["serve"]
    options = {option for parameter in serve.params for option in parameter.opts}
    expected = {option_name(field.name) for field in msgspec.structs.fields(Config) if field.name != "limits"}
    assert options - {"--config", "--limit", "--help"} == expected


def test_every_command_and_option_is_documented() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    commands = typer.main.get_group(app).commands
    assert set(re.findall(r"^## `rtdb ([a-z-]+)", text, re.MULTILINE)) == commands.keys()
    for name, command in commands.items():
        if name == "serve":
            continue  # its options are the settings
        part = re.split(rf"^## `rtdb {name}", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n## ", 1)[0]
        for called, each in _with_subcommands(name, command).items():
            assert called == name or f"rtdb {called}" in part, called
            for option in (option for parameter in each.params for option in parameter.opts):
                assert not option.startswith("--") or f"`{option}" in part, f"rtdb {called} {option}"


def _with_subcommands(name: str, command: Any) -> dict[str, Any]:
    """Return a command and those below it, by what is typed."""
    below = getattr(command, "commands", {})
    return {name: command} | {f"{name} {subname}": each for subname, each in below.items()}


def test_every_error_code_is_documented() -> None:
    documented = rows((REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")).keys()
    in_source = codes_in_source(REPOSITORY / "rtdb")
    missing = [f"{code} ({place})" for code, place in in_source.items() if code not in documented]
    assert not missing, "add a row to docs/errors.md for:\n" + "\n".join(missing)
    assert not documented - in_source.keys(), "docs/errors.md has codes that nothing raises"


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/*/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document}: {target}"
