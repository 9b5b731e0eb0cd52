"""Where settings come from: command line, then environment, then a TOML file, then the defaults in ``config.py``.

One setting has one name in three spellings, ``--data-dir``, ``RTDB_DATA_DIR`` and ``data_dir = …``; a limit has
``--limit undo_seconds=30``, ``RTDB_LIMIT_UNDO_SECONDS`` and a key of the table ``[limits]``. The first source that
names it wins. Everything wrong is reported at once: the setting, where its value came from, and what to give instead.

This is the only module that knows the environment's names; it is handed the environment and reads files, nothing else.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec

from rtdb.config import FIXED_LIMITS, Config, Limits
from rtdb.errors import ConfigurationError

__all__ = ["LOG_LEVELS", "Options", "environment_name", "load_config", "option_name"]

PREFIX = "RTDB_"
LIMIT_PREFIX = "RTDB_LIMIT_"
LOG_LEVELS = ("debug", "info", "warning", "error")
GATEWAYS_MAX = 64
INSTANCE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
ORIGIN = re.compile(r"https?://[^\s/]+(/[^\s/]+)*", re.IGNORECASE)
BYTES_TEXT = re.compile(r"(\d+)\s*(KiB|MiB|GiB|TiB)", re.IGNORECASE)
BYTE_UNITS = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}

_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
}


class Options(NamedTuple):
    """What the command line gave: values by setting name (None: not given), ``name=value`` limits, and a TOML file."""

    settings: Mapping[str, str | None]
    limits: Iterable[str] = ()
    file: str | None = None


class _Given(NamedTuple):
    """A value as it was written, and where, in words for the operator."""

    value: object
    origin: str
    base: Path | None = None
    """Directory that a relative path in a file is relative to."""


def option_name(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def environment_name(setting: str) -> str:
    return PREFIX + setting.upper()


def load_config(options: Options, environment: Mapping[str, str]) -> Config:
    """Return the configuration that all sources together describe. Raises ``ConfigurationError``."""
    problems: list[str] = []
    settings: dict[str, _Given] = {}
    limits: dict[str, _Given] = {}
    # Weakest source first: each later one replaces what it names.
    file = options.file or environment.get(environment_name("config"))
    if file is not None:
        _read_file(Path(file), settings, limits, problems)
    _read_environment(environment, settings, limits)
    for name, text in options.settings.items():
        if text is not None:
            settings[name] = _Given(text, option_name(name))
    for text in options.limits:
        name, separator, value = text.partition("=")
        if not separator:
            problems.append(f"--limit {text}: write it as --limit NAME=VALUE")
            continue
        limits[name.strip()] = _Given(value.strip(), "--limit")

    values = _typed(Config, settings, problems)
    limit_values = _typed(Limits, limits, problems)
    if "data_dir" not in settings:
        problems.append(
            "data_dir: the server needs a directory to keep its data in; give --data-dir, RTDB_DATA_DIR or data_dir = …"
        )
    problems += [
        f"{name}: {str(value)!r} (from {settings[name].origin}): {advice}"
        for name, value in values.items()
        if (advice := _ADVICE[name](value)) is not None
    ]
    problems += [
        f"{name}: {value} (from {limits[name].origin}): give a number above zero"
        for name, value in limit_values.items()
        if not value > 0  # also true of NaN
    ]
    loaded = Limits(**limit_values)
    problems += [
        f"{name}: {value} (from {limits[name].origin}): this belongs to the format of values and is "
        f"{getattr(Limits(), name)} on every server; leave it out"
        for name, value in limit_values.items()
        if name in FIXED_LIMITS and value != getattr(Limits(), name)
    ]
    if loaded.runners_min > loaded.runners_max:
        problems.append(f"runners_min: {loaded.runners_min} is more than runners_max, which is {loaded.runners_max}")
    port, site_port = values.get("port", Config.port), values.get("site_port")
    if port == site_port != 0:
        problems.append(f"site_port: {site_port} is the main port already; give another, or 0 for none")
    if port == 65535 and site_port is None:
        problems.append("site_port: there is no port after 65535; give one, or 0 for none")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Config(**values, limits=loaded)


def _read_file(path: Path, settings: dict[str, _Given], limits: dict[str, _Given], problems: list[str]) -> None:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        problems.append(f"config: {path} cannot be read ({error.strerror}); give the path of a TOML file")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"config: {path} is not valid TOML: {error}")
        return
    base = path.resolve().parent
    table = content.pop("limits", {})
    if isinstance(table, dict):
        limits |= {name: _Given(value, f"{path} [limits]", base) for name, value in table.items()}
    else:
        problems.append(f"limits (in {path}): write the limits as a table, [limits]")
    settings |= {name: _Given(value, str(path), base) for name, value in content.items()}


def _read_environment(environment: Mapping[str, str], settings: dict[str, _Given], limits: dict[str, _Given]) -> None:
    # Only names we know: an RTDB_… of another tool, or of a newer rtdb, must not keep the server from starting.
    for name in _types(Config):
        if (text := environment.get(environment_name(name))) is not None:
            settings[name] = _Given(text, environment_name(name))
    for name in _types(Limits):
        variable = LIMIT_PREFIX + name.upper()
        if (text := environment.get(variable)) is not None:
            limits[name] = _Given(text, variable)


def _types(struct: type[msgspec.Struct]) -> dict[str, type]:
    """Return the type of every setting or limit; of an optional one, the type it has when it is given."""
    given = {field.name: field.type for field in msgspec.structs.fields(struct) if field.type is not Limits}
    return {name: kind if isinstance(kind, type) else get_args(kind)[0] for name, kind in given.items()}


def _typed(struct: type[msgspec.Struct], given: Mapping[str, _Given], problems: list[str]) -> dict[str, Any]:
    types = _types(struct)
    values: dict[str, Any] = {}
    for name, one in given.items():
        if name not in types:
            kind = "limit" if struct is Limits else "setting"
            near = difflib.get_close_matches(name, types, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; docs/configuration.md lists them all"
            problems.append(f"{name} (from {one.origin}): there is no such {kind}{hint}")
            continue
        try:
            values[name] = _convert(name, types[name], one)
        except (ValueError, msgspec.ValidationError):
            problems.append(f"{name}: {one.value!r} (from {one.origin}) is not {_wanted_in_words(name, types[name])}")
    return values


def _wanted_in_words(name: str, wanted: type) -> str:
    sizes = " of bytes, or one with a unit such as 64MiB" if wanted is int and "bytes" in name else ""
    return _KINDS[wanted] + sizes


def _convert(name: str, wanted: type, given: _Given) -> object:
    value = given.value
    if isinstance(value, str) and wanted is not str:
        value = value.strip()
        if wanted is Path:
            if not value:
                raise ValueError("an empty path")
            path = Path(value).expanduser()
            return given.base / path if given.base is not None else path
        if wanted is int and "bytes" in name and (match := BYTES_TEXT.fullmatch(value)):
            return int(match[1]) * BYTE_UNITS[match[2].lower()]
        # In a TOML file a number is a number; only the command line and the environment have nothing but text.
        return msgspec.convert(value, wanted, strict=given.base is not None)
    return msgspec.convert(value, wanted)


def _advice(holds: Callable[[Any], bool], advice: str) -> Callable[[Any], str | None]:
    return lambda value: None if holds(value) else advice


_ORIGIN_ADVICE = _advice(
    lambda origin: ORIGIN.fullmatch(origin) is not None,
    "give the address that clients use, such as https://db.example.org, without a slash at its end",
)


def _writable_place(path: Path) -> str | None:
    if path.parent.is_dir():
        return None
    return f"the directory {path.parent} does not exist; make it, or give another file"


def _is_network_list(text: str) -> bool:
    try:
        return all(ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        return False


_ADVICE: dict[str, Callable[[Any], str | None]] = {
    "data_dir": _advice(
        lambda path: path.is_dir() or not path.exists(),
        "this is a file; give a directory, which is made if it does not exist",
    ),
    "functions": _advice(Path.is_dir, "give the directory that holds the app's modules (schema.py and the others)"),
    "host": _advice(bool, "give an address to listen on, such as 127.0.0.1 or 0.0.0.0"),
    "port": _advice(lambda port: 0 <= port <= 65535, "give a port from 0 to 65535; 0 takes any free one"),
    "site_port": _advice(
        lambda port: 0 <= port <= 65535, "give a port from 1 to 65535, or 0 to have HTTP actions on the main port only"
    ),
    "instance_name": _advice(
        lambda name: INSTANCE_NAME.fullmatch(name) is not None,
        "give a letter followed by at most 63 letters, digits or hyphens",
    ),
    "admin_key_file": _writable_place,
    "cloud_origin": _ORIGIN_ADVICE,
    "site_origin": _ORIGIN_ADVICE,
    "action_networks_allowed": _advice(
        _is_network_list, "give networks with commas between them, such as 127.0.0.0/8,10.1.2.3"
    ),
    "node": _advice(Path.is_file, "give the executable of Node.js 20 or later, such as /usr/bin/node"),
    "gateways": _advice(lambda count: 1 <= count <= GATEWAYS_MAX, f"give a number from 1 to {GATEWAYS_MAX}"),
    "redact_errors": _advice(lambda _: True, ""),
    "log_level": _advice(lambda level: level in LOG_LEVELS, "give one of " + ", ".join(LOG_LEVELS)),
}
"""What to do about a value of the right type that cannot be used; None when it can."""
