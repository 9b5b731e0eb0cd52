"""What the TypeScript modules of an app contain, as a push and a runner want to know it (typescript-runtime §12-17)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from rtdb.errors import BadRequestError
from rtdb.typescript.module_set import Environment
from rtdb.typescript.source_map import Position
from rtdb.typescript.stack import SourceMaps
from rtdb.typescript.thrown import Thrown, describe

__all__ = ["Analysis", "AnalysisError", "AnalyzedFunction", "AnalyzedModule", "Route", "analyzable", "read_analysis"]

SCHEMA: Final = "schema.js"
CRONS: Final = "crons.js"
HTTP: Final = "http.js"
AUTH_CONFIG: Final = "auth.config.js"
APP_DEFINITION: Final = "convex.config.js"
DEPENDENCIES: Final = "_deps/"


class AnalysisError(BadRequestError):
    """The modules cannot be used: what is wrong with one of them."""

    default_code = "InvalidModules"


class AnalyzedFunction(msgspec.Struct, frozen=True):
    """A function that a module exports. ``args`` and ``returns`` are validators as JSON, ``returns`` ``null`` for none.
    ``visibility`` None: neither public nor internal. ``position`` is where its handler begins in the author's file."""

    name: str
    kind: Literal["query", "mutation", "action"]
    visibility: Literal["public", "internal"] | None
    args: str
    returns: str
    position: Position | None


class Route(msgspec.Struct, frozen=True, array_like=True):
    """An HTTP route: ``path`` is exact, or a prefix followed by ``*``."""

    path: str
    method: str


class AnalyzedModule(msgspec.Struct, frozen=True):
    """A module: its functions in the order of their positions; the routes of ``http.js``; the crons of ``crons.js`` as
    JSON, by their names."""

    path: str
    functions: Sequence[AnalyzedFunction]
    routes: Sequence[Route] | None = None
    crons: str | None = None
    environment: Environment = "isolate"


class Analysis(msgspec.Struct, frozen=True):
    """All modules by path, and as JSON what the modules with a meaning of their own export, None for those that are not
    there."""

    modules: dict[str, AnalyzedModule]
    schema: str | None
    auth_config: str | None
    definition: str | None


class _Special(msgspec.Struct):
    json: str | None = None
    failure: str | None = None
    missing: bool = False


class _Function(msgspec.Struct):
    name: str
    kind: Literal["query", "mutation", "action"]
    visibility: Literal["public", "internal"] | None
    args: str
    returns: str
    position: tuple[int, int] | None
    valid: bool


class _Module(msgspec.Struct):
    """A line of the host's answer."""

    path: str
    functions: list[_Function] = []
    special: _Special | None = None
    refused: str | None = None
    described: str | None = None
    timedOut: bool = False
    unset: str | None = None
    logs: list[tuple[str, str]] = []


class _Path(msgspec.Struct):
    path: str


_decoder = msgspec.json.Decoder(_Module)


class _Codes(NamedTuple):
    """The codes of a module that cannot be imported, has no default export, or a wrong one."""

    failed: str
    missing: str
    wrong: str


_MODULE: Final = _Codes("InvalidModules", "InvalidModules", "InvalidModules")
_CODES: Final = {
    SCHEMA: _Codes("InvalidSchema", "MissingSchemaExportError", "InvalidSchemaExport"),
    AUTH_CONFIG: _Codes("InvalidAuthConfig", "AuthConfigMissingExportError", "InvalidAuthConfig"),
    APP_DEFINITION: _Codes("InvalidDefinition", "InvalidDefinition", "InvalidDefinition"),
}


def analyzable(path: str) -> bool:
    """Return whether a module is looked at by itself, and not only as a part of others."""
    return not path.startswith(DEPENDENCIES)


def read_analysis(lines: Sequence[bytes], maps: SourceMaps, seconds_max: float, frames_max: int) -> Analysis:
    """Return what the host says of each module. Raises AnalysisError for the first that is not as it should be."""
    modules: dict[str, AnalyzedModule] = {}
    special: dict[str, str] = {}
    for line in lines:
        try:
            module = _decoder.decode(line)
        except msgspec.DecodeError as error:
            raise AnalysisError(
                f"Failed to analyze {_path_of(line)}: The module's exports could not be read: {error}",
                code="InvalidModules",
            ) from None
        _check(module, maps, seconds_max, frames_max)
        if module.special is not None and module.special.json is not None:
            special[module.path] = module.special.json
        modules[module.path] = _analyzed(module, maps)
    return Analysis(modules, special.get(SCHEMA), special.get(AUTH_CONFIG), special.get(APP_DEFINITION))


def _path_of(line: bytes) -> str:
    """Return what a line that cannot be read is about, as far as it says so."""
    try:
        return msgspec.json.decode(line, type=_Path).path
    except msgspec.DecodeError:
        return "the modules"


def _check(module: _Module, maps: SourceMaps, seconds_max: float, frames_max: int) -> None:
    path = module.path
    codes = _CODES.get(path, _MODULE)
    if module.special is not None and module.special.failure is not None:
        raise AnalysisError(module.special.failure, code=codes.missing if module.special.missing else codes.wrong)
    if module.unset is not None:
        raise AnalysisError(
            f"Environment variable {module.unset} is used in auth config file but its value was not set",
            code="AuthConfigMissingEnvironmentVariable",
        )
    if module.refused is not None:
        raise AnalysisError(f"Failed to analyze {path}: {module.refused}{_logs(module)}", code=codes.failed)
    if module.timedOut:
        seconds = f"{seconds_max:g}s"
        raise AnalysisError(
            f"Failed to analyze {path}: Module analysis timed out (maximum duration: {seconds}){_logs(module)}",
            code=codes.failed,
        )
    if module.described is not None:
        thrown: Thrown = describe(module.described, maps, frames_max)
        text = f"{thrown.message}\n{thrown.frames}".rstrip("\n")
        raise AnalysisError(f"Failed to analyze {path}: {text}{_logs(module)}", code=codes.failed)
    for function in module.functions:
        if not function.valid:
            raise AnalysisError(f"Invalid function name used in `{path}`: {function.name}", code=codes.failed)
        if not re.match(r'\{"type":"(?:object|any)"', function.args):
            raise AnalysisError(
                f"Failed to analyze {path}: the arguments of {function.name}: Args validator must be an object or any",
                code=codes.failed,
            )


def _logs(module: _Module) -> str:
    return "".join(f"\n[{level}] {text}" for level, text in module.logs)


def _analyzed(module: _Module, maps: SourceMaps) -> AnalyzedModule:
    functions = sorted(
        (
            AnalyzedFunction(each.name, each.kind, each.visibility, each.args, each.returns, _find(module, each, maps))
            for each in module.functions
        ),
        key=lambda function: (-1, -1) if function.position is None else function.position[1:],
    )
    json = None if module.special is None else module.special.json
    routes = msgspec.json.decode(json, type=list[Route]) if module.path == HTTP and json is not None else None
    return AnalyzedModule(module.path, functions, routes, json if module.path == CRONS else None)


def _find(module: _Module, function: _Function, maps: SourceMaps) -> Position | None:
    return None if function.position is None else maps.find(module.path, *function.position)
