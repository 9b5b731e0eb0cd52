"""The TypeScript modules of an app, as the official CLI has bundled them, and as files of a bundle.

A module is JavaScript with a source map. ``schema.js``, ``crons.js``, ``http.js``, ``auth.config.js`` and
``convex.config.js`` are modules among the others. In a bundle::

    messages.js             the source
    messages.js.map         its source map, if it has one
    typescript.json         everything else (the *manifest*): which modules there are, and what they are evaluated with

Equal modules that are evaluated with the same seed and time make equal files. Which paths may be modules, and whether
there are too many, is for those to check who take modules in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

__all__ = [
    "MANIFEST",
    "Environment",
    "ModuleSet",
    "NodeDependency",
    "TypeScriptModule",
    "module_set_of",
    "read_module_set",
]

MANIFEST: Final = "typescript.json"
"""Its name in a bundle: that of no module."""

Environment = Literal["isolate", "node"]
"""Where a module is evaluated: ``node`` begins with the words "use node", and has nothing but actions."""


class TypeScriptModule(msgspec.Struct, frozen=True, dict=True):
    """One module. ``path`` is relative to the functions directory: ``folder/messages.js``."""

    path: str
    source: str
    source_map: str | None
    environment: Environment

    @cached_property
    def sha256(self) -> str:
        """What is in it, in hexadecimal: of the source and the source map after it."""
        return sha256(f"{self.source}{self.source_map or ''}".encode()).hexdigest()


class NodeDependency(msgspec.Struct, frozen=True, order=True):
    """A package that ``node`` modules import and that is not bundled with them."""

    name: str
    version: str


class ModuleSet(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All TypeScript modules of an app in order of their paths, and what they are evaluated with.

    ``server_version``  the version of the npm package they were pushed with
    ``import_seed``     64 hexadecimal digits: where random numbers begin while modules are imported
    ``import_ns``       what the time is then, nanoseconds since the epoch
    ``node_version``    the major version of Node that the app asks for
    """

    modules: tuple[TypeScriptModule, ...]
    server_version: str
    import_seed: str
    import_ns: int
    node_version: str | None = None
    node_dependencies: tuple[NodeDependency, ...] = ()

    @cached_property
    def by_path(self) -> dict[str, TypeScriptModule]:
        return {module.path: module for module in self.modules}

    def files(self) -> dict[str, bytes]:
        """Return the files of a bundle that are this set, by path."""
        entries = [
            _Entry(module.path, module.environment, module.source_map is not None)
            for module in sorted(self.modules, key=lambda module: module.path)
        ]
        manifest = _Manifest(
            modules=entries,
            server_version=self.server_version,
            import_seed=self.import_seed,
            import_ns=self.import_ns,
            node_version=self.node_version,
            node_dependencies=sorted(self.node_dependencies),
        )
        files = {MANIFEST: msgspec.json.encode(manifest)}
        for module in self.modules:
            files[module.path] = module.source.encode()
            if module.source_map is not None:
                files[_map_path(module.path)] = module.source_map.encode()
        return files


class _Entry(msgspec.Struct, rename="camel"):
    path: str
    environment: Environment
    has_source_map: bool


class _Manifest(msgspec.Struct, rename="camel"):
    modules: list[_Entry]
    server_version: str
    import_seed: str
    import_ns: int
    node_version: str | None
    node_dependencies: list[NodeDependency]


def read_module_set(bundle: Path) -> ModuleSet | None:
    """Return the modules in the directory of a bundle, None if it has none that are TypeScript."""
    if not (bundle / MANIFEST).exists():
        return None
    # As bytes: text files would have their line ends changed, and the hash is of what was pushed.
    return _decode(lambda path: (bundle / path).read_bytes())


def module_set_of(files: Mapping[str, bytes]) -> ModuleSet | None:
    """Return the modules among the files of a bundle, None if it has none that are TypeScript."""
    return _decode(files.__getitem__) if MANIFEST in files else None


def _decode(read: Callable[[str], bytes]) -> ModuleSet:
    manifest = msgspec.json.decode(read(MANIFEST), type=_Manifest)
    return ModuleSet(
        modules=tuple(_decode_module(read, entry) for entry in manifest.modules),
        server_version=manifest.server_version,
        import_seed=manifest.import_seed,
        import_ns=manifest.import_ns,
        node_version=manifest.node_version,
        node_dependencies=tuple(manifest.node_dependencies),
    )


def _decode_module(read: Callable[[str], bytes], entry: _Entry) -> TypeScriptModule:
    source_map = read(_map_path(entry.path)).decode() if entry.has_source_map else None
    return TypeScriptModule(entry.path, read(entry.path).decode(), source_map, entry.environment)


def _map_path(path: str) -> str:
    return f"{path}.map"
