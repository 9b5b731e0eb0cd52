"""``rtdb serve``: settings in, a running server out.

This process stays the outermost one: it holds the lock on the data directory for as long as the server lives.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.instance_secret import load_instance_secret, write_private
from rtdb.cli.output import EXIT_CONFIGURATION, fail, messages
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config
from rtdb.config_loader import LOG_LEVELS, Options, load_config, option_name
from rtdb.errors import ConfigurationError, DataDirectoryError, UnauthenticatedError
from rtdb.link import supervisor
from rtdb.storage.environment import has_database, lock_data_dir, open_environment

__all__ = ["admin_key_path", "serve"]

PLACES = "Where things are"
NETWORK = "Network and processes"
BEHAVIOUR = "Behaviour"


def serve(
    data_dir: Annotated[
        str | None,
        typer.Option(
            help="Directory of the database; made if it does not exist.", metavar="DIR", rich_help_panel=PLACES
        ),
    ] = None,
    functions: Annotated[
        str | None,
        typer.Option(
            help="Directory of the app's modules, deployed at every start. Default: the app deployed last goes on.",
            metavar="DIR",
            rich_help_panel=PLACES,
        ),
    ] = None,
    admin_key_file: Annotated[
        str | None,
        typer.Option(
            help="File to write the admin key to. Default: admin.key in the data directory.",
            metavar="FILE",
            rich_help_panel=PLACES,
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="TOML file with any of these settings.", metavar="FILE", rich_help_panel=PLACES),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; 0.0.0.0 for every interface. Default: 127.0.0.1.",
            metavar="ADDRESS",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(
            help="Port for HTTP and WebSocket; 0 takes any free one. Default: 3210.",
            metavar="PORT",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    site_port: Annotated[
        str | None,
        typer.Option(
            help="Port with HTTP actions at its root; 0 for none. Default: the one after the main port, 3211.",
            metavar="PORT",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    cloud_origin: Annotated[
        str | None,
        typer.Option(
            help="Public address of the API, where a proxy makes it differ from the one clients name.",
            metavar="URL",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    site_origin: Annotated[
        str | None,
        typer.Option(
            help="Public address of HTTP actions. Default: /http under the API's.",
            metavar="URL",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    action_networks_allowed: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORKS",
            help="Networks of the server's surroundings that actions may connect to.",
            show_default="none",
        ),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(
            help='Node.js 20 or later, for functions that say "use node". Default: the one on the PATH.',
            metavar="PATH",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    gateways: Annotated[
        str | None,
        typer.Option(
            help="Processes that hold client connections and share the port. Default: half of the cores, 2 to 8.",
            metavar="COUNT",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    instance_name: Annotated[
        str | None,
        typer.Option(
            help="Name of this deployment; admin keys carry it. Default: rtdb.",
            metavar="NAME",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    redact_errors: Annotated[
        bool | None,
        typer.Option(
            "--redact-errors/--no-redact-errors",
            help="Hide messages and locations of the app's errors from clients. Default: hidden.",
            show_default=False,
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(LOG_LEVELS)}. Default: info.", metavar="LEVEL", rich_help_panel=BEHAVIOUR),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="Change one limit, as in query_seconds_max=10; may be given often. docs/configuration.md lists them.",
            metavar="NAME=VALUE",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
) -> None:
    """Start the server.

    Every option is also an environment variable (--data-dir is RTDB_DATA_DIR) and a key in the TOML file
    (data_dir = "…"). The command line wins over the environment, and the environment over the file.

    SIGTERM or Ctrl-C stops it: running calls finish first. A second one stops it at once.
    """
    settings = {
        "data_dir": data_dir,
        "functions": functions,
        "admin_key_file": admin_key_file,
        "host": host,
        "port": port,
        "site_port": site_port,
        "cloud_origin": cloud_origin,
        "site_origin": site_origin,
        "action_networks_allowed": action_networks_allowed,
        "node": node,
        "gateways": gateways,
        "instance_name": instance_name,
        "redact_errors": None if redact_errors is None else str(redact_errors).lower(),
        "log_level": log_level,
    }
    try:
        loaded = load_config(Options(settings, limit or (), config), os.environ)
    except ConfigurationError as error:
        fail(error, EXIT_CONFIGURATION)
    raise typer.Exit(_run(loaded))


def admin_key_path(config: Config) -> Path:
    return config.admin_key_file or config.data_dir / "admin.key"


def _run(config: Config) -> int:
    if config.functions is not None and next(config.functions.rglob("*.py"), None) is None:
        # Not refused: an app may begin with nothing. But it is more often another directory that was meant.
        messages.print(f"There are no Python modules in {config.functions}: this server has no functions.")
    try:
        with lock_data_dir(config.data_dir):
            # Looked at before any process starts, so that a directory that cannot be used is refused in one sentence.
            if has_database(config.data_dir):
                open_environment(config.data_dir, readonly=True, limits=config.limits).close()
            secret = load_instance_secret(config.data_dir, SystemRandom())
            _write_admin_key(config, secret)
            return supervisor.serve(config)
    except DataDirectoryError as error:
        fail(error, EXIT_CONFIGURATION)
    except supervisor.CannotListenError as error:
        fail(_why_not_listening(config, error), EXIT_CONFIGURATION)
    except OSError as error:
        if error.filename is None:
            fail(f"cannot start with {config.data_dir}: {error}", EXIT_CONFIGURATION)
        why = f"{error.filename} cannot be used: {error.strerror}. Give a place that this user can write to."
        fail(why, EXIT_CONFIGURATION)


def _why_not_listening(config: Config, refused: supervisor.CannotListenError) -> str:
    """Return which setting the operating system would not have, and what to do."""
    error = refused.__cause__
    assert isinstance(error, OSError)
    option, port = option_name(refused.setting), refused.port
    none = "" if refused.setting == "port" else ", or 0 for none"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {config.host} is taken by another program, perhaps by another rtdb; "
            f"stop that one, or give another {option}{none}."
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{config.host} is no address of this machine ({error.strerror}); give another --host."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} is not for this user ({error.strerror}); give a {option} of 1024 or more{none}."
    return f"cannot listen on {config.host}:{port} ({option}): {error}"


def _write_admin_key(config: Config, secret: bytes) -> None:
    """Keep the operator's key file current; a key that still opens this instance stays, so that scripts go on."""
    path = admin_key_path(config)
    keys = AdminKeys(config.instance_name, secret)
    if not _opens(keys, path):
        write_private(path, keys.issue(SystemClock(), SystemRandom()) + "\n")
    messages.print(f"Admin key: {path}")


def _opens(keys: AdminKeys, path: Path) -> bool:
    try:
        keys.verify(path.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, UnicodeDecodeError, UnauthenticatedError):
        return False
    return True
