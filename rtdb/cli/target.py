"""Which server a command is for, and the key to it: options, then the environment, then ``.env.local`` and ``.env``.

The names are those that Convex apps use already, so that a front end's ``.env.local`` is all there has to be::

    CONVEX_SELF_HOSTED_URL, CONVEX_URL, NEXT_PUBLIC_CONVEX_URL, RTDB_URL      where the server is
    CONVEX_SELF_HOSTED_ADMIN_KEY, CONVEX_DEPLOY_KEY, RTDB_ADMIN_KEY           a key to it
    CONVEX_DEPLOYMENT                                                         its name, if it is to be made sure of

A key in a file opens the server that the file names; to another one, that of ``--url``, it is not sent. A key is
shown to nobody: a :class:`Target` does not print it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rtdb.cli.env_file import read_env_file
from rtdb.errors import ConfigurationError

__all__ = ["DEFAULT_URL", "KEY_VARIABLES", "URL_VARIABLES", "Target", "find_target", "is_managed"]

URL_VARIABLES: Final = ("CONVEX_SELF_HOSTED_URL", "CONVEX_URL", "NEXT_PUBLIC_CONVEX_URL", "RTDB_URL")
KEY_VARIABLES: Final = ("CONVEX_SELF_HOSTED_ADMIN_KEY", "CONVEX_DEPLOY_KEY", "RTDB_ADMIN_KEY")
ENV_FILES: Final = (".env.local", ".env")
DEFAULT_URL: Final = "http://127.0.0.1:3210"


MANAGED: Final = re.compile(
    r"(?:[A-Z]+_)*(?:CONVEX_(?:CLOUD_|SITE_)?URL|CONVEX_SELF_HOSTED_\w+|CONVEX_DEPLOY\w*)|RTDB_(?:URL|ADMIN_KEY)"
)
"""Variables that say where a server is, under front ends' names for it too (``VITE_CONVEX_URL``), and what opens it."""


class Target:
    """A server and the key to it, which is empty if there is none and none is needed.

    ``name`` is what the server has to be called, None if that does not matter.
    """

    def __init__(self, url: str, admin_key: str, name: str | None = None) -> None:
        self.url = url
        self.admin_key = admin_key
        self.name = name

    def __repr__(self) -> str:
        return f"Target({self.url!r}, name={self.name!r})"


def is_managed(name: str) -> bool:
    """Return whether a variable of an ``.env`` file is for those who look for the server, and not for the app on it."""
    return MANAGED.fullmatch(name) is not None


def find_target(
    environment: Mapping[str, str],
    directory: Path,
    *,
    url: str | None = None,
    admin_key: str | None = None,
    admin_key_file: Path | None = None,
    env_file: Path | None = None,
    key_needed: bool = True,
) -> Target:
    """Return the server that is meant. Raises ``ConfigurationError`` when something is wrong, or a needed key missing.

    ``env_file`` is then the only file of variables that is read, and nothing of the environment.
    """
    in_files: dict[str, str] = {}
    if env_file is not None:
        if not env_file.is_file():
            raise ConfigurationError(f"{env_file} does not exist; give a file of NAME=value lines as --env-file")
        in_files = read_env_file(env_file)
        environment = {}
    else:
        for file in reversed(ENV_FILES):
            in_files |= _set(read_env_file(directory / file))
    variables = in_files | _set(environment)
    found_url = url or _first(variables, URL_VARIABLES) or DEFAULT_URL
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", found_url):
        raise ConfigurationError(f"{found_url!r} is not the address of a server; write it as {DEFAULT_URL}")
    named_by_files = _first(in_files, URL_VARIABLES) or DEFAULT_URL
    is_theirs = found_url.rstrip("/") == named_by_files.rstrip("/")
    key = _key_from(admin_key, admin_key_file) or _first(variables if is_theirs else environment, KEY_VARIABLES)
    if key is None and key_needed and not is_theirs and _first(in_files, KEY_VARIABLES):
        raise ConfigurationError(
            f"the key in {env_file or ENV_FILES[0]} is the one to {named_by_files} and is not sent to {found_url}: "
            "give --admin-key-file"
        )
    if key is None and key_needed:
        raise ConfigurationError(
            "there is no key to the server: give --admin-key-file (the server has written one to admin.key in its data "
            f"directory), or put one of {', '.join(KEY_VARIABLES)} into .env.local or the environment"
        )
    deployment = variables.get("CONVEX_DEPLOYMENT")
    # `dev:name # team: …` is what Convex writes; the kind and the comment say nothing here.
    name = None if not deployment or url is not None else deployment.split("#")[0].strip().rpartition(":")[2]
    return Target(found_url.rstrip("/"), "" if key is None else _require_key(key.strip()), name)


def _key_from(given: str | None, file: Path | None) -> str | None:
    """Return the key of the options ``--admin-key`` and ``--admin-key-file``. Raises ``ConfigurationError``."""
    if file is None:
        return given
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file} holds no admin key ({error}); the server's is the file admin.key in its data directory"
        ) from error


def _require_key(key: str) -> str:
    """Return what may be a key. Raises ``ConfigurationError`` for what cannot be one."""
    if not (key.isascii() and key.isprintable()):
        # What is wrong with it may well be a secret that was pasted badly, so it is not repeated.
        raise ConfigurationError(
            "the admin key has characters that no key has; copy it whole, as `rtdb admin-key` printed it"
        )
    return key


def _set(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those that are set. Empty is unset, also where it would hide another value."""
    return {name: value for name, value in variables.items() if value}


def _first(variables: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((variables[name] for name in names if variables.get(name)), None)
