"""TypeScript sources made into modules as the official CLI does, with its own bundler and the real npm library."""

from __future__ import annotations

import subprocess
import tempfile
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from rtdb.typescript.module_set import ModuleSet, TypeScriptModule

__all__ = ["NODE_MODULES", "bundle_typescript"]

NODE_MODULES: Final = Path(__file__).parent.parent / "clients" / "node_modules"
IMPORT_NS: Final = 1_700_000_000_000_000_000

ALONE: Final = {"schema", "auth.config"}
"""Modules that share nothing with others."""

SERVER: Final = """
export {
    queryGeneric as query, mutationGeneric as mutation, actionGeneric as action,
    internalQueryGeneric as internalQuery, internalMutationGeneric as internalMutation,
    internalActionGeneric as internalAction, httpActionGeneric as httpAction,
} from "convex/server";
"""
API: Final = """
import { anyApi } from "convex/server";
export const api = anyApi;
export const internal = anyApi;
"""


def bundle_typescript(sources: Mapping[str, str]) -> ModuleSet:
    """Return the modules of an app: ``{"messages": source}`` is ``convex/messages.ts``."""
    return _bundle(tuple(sorted((path, textwrap.dedent(source)) for path, source in sources.items())))


@lru_cache
def _bundle(sources: tuple[tuple[str, str], ...]) -> ModuleSet:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        functions = root / "convex"
        (root / "node_modules").symlink_to(NODE_MODULES)
        generated = {"_generated/server": SERVER, "_generated/api": API}
        for path, source in (generated | dict(sources)).items():
            file = functions / f"{path}.ts"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        paths = [path for path, _ in sources]
        _esbuild(root, [path for path in paths if path not in ALONE], "--splitting")
        for path in ALONE & set(paths):
            _esbuild(root, [path])
        out = root / "out"
        return ModuleSet(
            modules=tuple(_module(out, path) for path in sorted(out.rglob("*.js"))),
            server_version="1.48.0",
            import_seed="5a" * 32,
            import_ns=IMPORT_NS,
        )


def _esbuild(root: Path, paths: list[str], *options: str) -> None:
    if not paths:
        return
    subprocess.run(
        [
            NODE_MODULES / ".bin" / "esbuild",
            *(f"convex/{path}.ts" for path in paths),
            *options,
            "--bundle",
            "--format=esm",
            "--platform=browser",
            "--target=esnext",
            "--minify-syntax",
            "--minify-identifiers",
            "--keep-names",
            "--sourcemap=external",
            "--sources-content=false",
            "--conditions=convex,module",
            "--chunk-names=_deps/[hash]",
            '--define:process.env.NODE_ENV="production"',
            "--outbase=convex",
            "--outdir=out",
            "--log-level=error",
        ],
        cwd=root,
        check=True,
    )


def _module(out: Path, path: Path) -> TypeScriptModule:
    return TypeScriptModule(
        path.relative_to(out).as_posix(), path.read_text(), path.with_name(f"{path.name}.map").read_text(), "isolate"
    )
