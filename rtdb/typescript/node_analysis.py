"""What modules that say "use node" contain: Node is started once to import them, and what it says is kept.

It is for a process that can wait: a runner that loads an app, or an action process before it takes calls.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec

from rtdb.config import Limits
from rtdb.typescript.action_calls import start_header
from rtdb.typescript.analysis import AnalysisError, AnalyzedFunction, AnalyzedModule
from rtdb.typescript.module_set import ModuleSet
from rtdb.typescript.node import NodeProcess
from rtdb.typescript.node_app import NodeApp, NodeAppUnprepared, node_modules_of
from rtdb.typescript.source_map import Position
from rtdb.typescript.stack import SourceMaps
from rtdb.typescript.thrown import describe

__all__ = ["analyze_node_modules", "node_header"]

_LENGTH_BYTES: Final = 4
_FAILED: Final = 'Failed to analyze the modules that say "use node"'
_ARGUMENTS: Final = re.compile(r'\{"type":"(?:object|any)"')


class _Function(msgspec.Struct):
    name: str
    kind: str
    visibility: Literal["public", "internal"] | None
    args: str
    returns: str
    handler: str
    valid: bool


class _Module(msgspec.Struct):
    """What Node says of a module (`javascript/actions/analysis.js`)."""

    path: str
    functions: list[_Function] = []
    refused: str | None = None
    described: str | None = None


class _Header(msgspec.Struct):
    type: str


_header: Final = msgspec.json.Decoder(_Header)
_modules: Final = msgspec.json.Decoder(list[_Module])


def node_header(app: NodeApp) -> dict[str, Any]:
    """Return what a process of Node is told first, beside what every action host is."""
    return {"directory": f"{app.modules.resolve().as_uri()}/"}


def analyze_node_modules(
    app: NodeApp, modules: ModuleSet, variables: Mapping[str, str], limits: Limits
) -> list[AnalyzedModule]:
    """Return what the modules for Node contain. Raises AnalysisError."""
    with suppress(OSError, AnalysisError):  # Nothing, or nothing that can be read: it is looked up.
        return _read(app.analysis.read_bytes(), modules, limits)
    said = _ask_node(app, modules, variables, limits)
    found = _read(said, modules, limits)
    # Whoever comes at the same time writes the same.
    temporary = app.analysis.with_name(f"analysis.{os.getpid()}")
    temporary.write_bytes(said)
    temporary.rename(app.analysis)
    return found


def _ask_node(app: NodeApp, modules: ModuleSet, variables: Mapping[str, str], limits: Limits) -> bytes:
    try:
        executable = app.executable()
    except NodeAppUnprepared as error:
        raise AnalysisError(str(error)) from error
    paths = [module.path for module in node_modules_of(modules) if not module.path.startswith("_deps/")]
    start = {**start_header(limits, variables), **node_header(app)}
    seconds = limits.typescript_start_seconds_max + limits.typescript_analysis_seconds_max
    words = ""
    try:
        process = NodeProcess(executable, app.directory, heap_bytes_max=limits.typescript_action_heap_bytes_max)
        try:
            channel = _Channel(process.socket, seconds, limits.frame_bytes_max)
            channel.send(start)
            channel.send({"type": "analyze", "paths": paths})
            while True:
                head, _, payload = channel.receive().partition(b"\n")
                if _header.decode(head).type == "analyzed":
                    return payload
        finally:
            _, words = process.end()
    except TimeoutError as error:
        raise AnalysisError(f"{_FAILED}: they were not imported in {seconds:g} s\n{words}".rstrip()) from error
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise AnalysisError(f"{_FAILED}: {error}\n{words}".rstrip()) from error


class _Channel:
    """The frames of a process, which has so many seconds for all of them together. Raises OSError and EOFError."""

    def __init__(self, link: socket.socket, seconds_max: float, frame_bytes_max: int) -> None:
        self._socket = link
        self._frame_bytes_max = frame_bytes_max
        self._deadline = time.monotonic() + seconds_max

    def send(self, header: Mapping[str, Any]) -> None:
        body = msgspec.json.encode(header) + b"\n"
        self._wait_at_most()
        self._socket.sendall(len(body).to_bytes(_LENGTH_BYTES, "little") + body)

    def receive(self) -> bytes:
        length = int.from_bytes(self._read(_LENGTH_BYTES), "little")
        if length > self._frame_bytes_max:
            raise EOFError(f"Node has sent a frame of {length} bytes")
        return self._read(length)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._wait_at_most()
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise EOFError("Node ended")
            data += piece
        return bytes(data)

    def _wait_at_most(self) -> None:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._socket.settimeout(seconds)


def _read(said: bytes, modules: ModuleSet, limits: Limits) -> list[AnalyzedModule]:
    maps = SourceMaps(modules)
    analyzed = []
    try:
        described = _modules.decode(said)
    except msgspec.DecodeError as error:
        raise AnalysisError(f"{_FAILED}: {error}") from error
    for module in described:
        path = module.path
        if path not in modules.by_path:
            raise AnalysisError(f"{_FAILED}: there is no module {path[:200]}")
        if module.refused is not None:
            raise AnalysisError(f"Failed to analyze {path}: {module.refused}")
        if module.described is not None:
            thrown = describe(module.described, maps, limits.error_frames_max)
            raise AnalysisError(f"Failed to analyze {path}: {thrown.message}\n{thrown.frames}".rstrip("\n"))
        source = modules.by_path[path].source
        functions = [_function(path, function, source, maps) for function in module.functions]
        functions.sort(key=lambda function: (-1, -1) if function.position is None else function.position[1:])
        analyzed.append(AnalyzedModule(path, functions, environment="node"))
    return analyzed


def _function(path: str, function: _Function, source: str, maps: SourceMaps) -> AnalyzedFunction:
    if function.kind != "action":
        raise AnalysisError(
            f"`{function.name}` defined in `{path}` is a {function.kind.title()} function. Only actions can be defined "
            "in Node.js. See https://docs.convex.dev/functions/actions for more details."
        )
    if not function.valid:
        raise AnalysisError(f"Invalid function name used in `{path}`: {function.name}")
    if not _ARGUMENTS.match(function.args):
        raise AnalysisError(
            f"Failed to analyze {path}: the arguments of {function.name}: Args validator must be an object or any"
        )
    return AnalyzedFunction(
        function.name,
        "action",
        function.visibility,
        function.args,
        function.returns,
        _position(path, function, source, maps),
    )


def _position(path: str, function: _Function, source: str, maps: SourceMaps) -> Position | None:
    offset = source.find(function.handler)
    if offset < 0:
        return None
    before = source[:offset]
    return maps.find(path, before.count("\n"), offset - (before.rfind("\n") + 1))
