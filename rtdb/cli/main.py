"""``rtdb``: one program, one subcommand per thing an operator does."""

from __future__ import annotations

import platform
from importlib import metadata

import typer

from rtdb.cli.admin_key import admin_key
from rtdb.cli.check import check
from rtdb.cli.codegen import codegen
from rtdb.cli.deploy import deploy
from rtdb.cli.dev import dev
from rtdb.cli.env import env
from rtdb.cli.logs import logs
from rtdb.cli.output import results
from rtdb.cli.run import run
from rtdb.cli.serve import serve

__all__ = ["app", "main", "serve_main"]

app = typer.Typer(
    name="rtdb",
    help="A real-time document database server that the official Convex clients talk to.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    # An operator wants the error, not our stack with every local variable in it.
    pretty_exceptions_enable=False,
)


def version() -> None:
    """Print the versions of rtdb and of the Python it runs on."""
    results.print(f"rtdb {metadata.version('rtdb')} (Python {platform.python_version()})")


app.command()(serve)
app.command()(run)
app.command()(deploy)
app.command()(dev)
app.add_typer(env, name="env")
app.command()(logs)
app.command()(codegen)
app.command()(check)
app.command("admin-key")(admin_key)
app.command()(version)


def main() -> None:
    """Run the command line."""
    app()


def serve_main() -> None:
    """Run ``rtdb serve`` alone: what ``server.py`` is."""
    typer.run(serve)


if __name__ == "__main__":
    main()
