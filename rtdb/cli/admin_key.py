"""``rtdb admin-key``: issue a key for an instance whose data directory is at hand."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.instance_secret import SECRET_FILE, load_instance_secret
from rtdb.cli.output import fail, results
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config_loader import Options, load_config
from rtdb.errors import RtdbError

__all__ = ["admin_key"]


def admin_key(
    data_dir: Annotated[str | None, typer.Option(help="Directory of the database.", metavar="DIR")] = None,
    instance_name: Annotated[
        str | None,
        typer.Option(help="The name the server is started with. Default: rtdb.", metavar="NAME"),
    ] = None,
    config: Annotated[str | None, typer.Option(help="The server's TOML file.", metavar="FILE")] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="A key that may look at everything and change nothing.")
    ] = False,
) -> None:
    """Print a new admin key.

    Keys do not expire and are not listed anywhere. To end all of them, stop the server, delete the file
    instance.secret in the data directory, and start again.
    """
    try:
        settings = load_config(Options({"data_dir": data_dir, "instance_name": instance_name}, (), config), os.environ)
        if not (settings.data_dir / SECRET_FILE).exists():
            fail(f"{settings.data_dir} has no instance secret yet; start the server on it once")
        keys = AdminKeys(settings.instance_name, load_instance_secret(settings.data_dir, SystemRandom()))
    except RtdbError as error:
        fail(error)
    results.print(keys.issue(SystemClock(), SystemRandom(), read_only=read_only), markup=False)
