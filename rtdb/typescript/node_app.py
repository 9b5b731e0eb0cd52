"""What Node runs of an app: its modules that say "use node", with their packages, in a directory of their own.

::

    <data_dir>/node/<key>/     key: what is in it
        package.json           the packages that convex.json names as external, in exactly the versions that were pushed
        package-lock.json      what npm made of it, with the hash of each
        node_modules/
        convex/                the modules
        prepared.json          which Node it is for; written last
        analysis.json          what the modules export, once somebody has looked

npm compares what it downloads with the hashes that the registry names. Scripts of packages are not run while they are
installed. A directory appears under its key whole or not at all, and anybody may delete it: the server makes it anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.typescript.deno import die_with_parent
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule, read_module_set
from rtdb.typescript.node import find_node
from rtdb.typescript.process_group import ProcessGroup

__all__ = ["NodeApp", "NodeAppUnprepared", "NodeApps", "node_app_of", "node_modules_of"]

_KEY_CHARACTERS: Final = 32
_OUTPUT_CHARACTERS: Final = 2000
_NOT_FOR_NODE: Final = frozenset({"http.js", "crons.js", "schema.js", "auth.config.js", "convex.config.js"})


class NodeAppUnprepared(OSError):
    """A directory is not there as it was made: somebody else has been at the server's data."""


class _Prepared(msgspec.Struct):
    node: str


class NodeApp:
    """The directory of an app's modules for Node, whether it is there or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def modules(self) -> Path:
        return self.directory / "convex"

    @property
    def analysis(self) -> Path:
        return self.directory / "analysis.json"

    def executable(self) -> Path:
        """Return the Node that it is for. Raises NodeAppUnprepared."""
        try:
            prepared = msgspec.json.decode((self.directory / "prepared.json").read_bytes(), type=_Prepared)
        except (OSError, msgspec.DecodeError) as error:
            raise NodeAppUnprepared(
                f'What Node needs for the modules that say "use node" is not in {self.directory}, or not as the server '
                f"has made it ({error}). Start the server again, or push the app again: both make it anew."
            ) from error
        return Path(prepared.node)


def node_modules_of(modules: ModuleSet) -> list[TypeScriptModule]:
    """Return the modules that are for Node."""
    return [module for module in modules.modules if module.environment == "node"]


def node_app_of(bundle: Path, modules: ModuleSet) -> NodeApp:
    """Return the directory of the modules in a bundle, which lies in ``<data_dir>/bundles``."""
    return NodeApp(bundle.parent.parent / "node" / _key(modules))


class NodeApps:
    """The directories of one server. Everything here blocks."""

    def __init__(self, data_dir: Path, node: Path | None, limits: Limits) -> None:
        self._directory = data_dir / "node"
        self._node = node
        self._limits = limits

    def prepare(self, bundle: Path) -> None:
        """Have everything there that Node needs for the modules in a bundle, if it needs anything.

        Raises ``NodeActionsNotSupported``, ``NodeVersionNotSupported``, ``InvalidModules`` and
        ``NodePackagesNotInstalled``.
        """
        modules = read_module_set(bundle)
        if modules is None or not (ours := node_modules_of(modules)):
            return
        for module in ours:
            if module.path in _NOT_FOR_NODE:
                raise BadRequestError(
                    f'"use node" is not allowed in {module.path}: it holds no actions. Remove the directive.',
                    code="InvalidModules",
                )
        node = find_node(self._node, modules.node_version)
        app = node_app_of(bundle, modules)
        if not app.modules.is_dir():
            self._make(app, modules, node.npm)
        prepared = app.directory / "prepared.json"
        says = msgspec.json.encode({"node": str(node.path.resolve()), "version": node.version})
        # A server that is started again needs no room on its disk for it.
        if not prepared.exists() or prepared.read_bytes() != says:
            temporary = prepared.with_suffix(".new")
            temporary.write_bytes(says)
            temporary.rename(prepared)

    def collect(self, bundles: Iterable[Path]) -> None:
        """Delete the directories that none of these bundles needs."""
        if not self._directory.is_dir():
            return
        sets = [read_module_set(bundle) for bundle in bundles]
        needed = {_key(modules) for modules in sets if modules is not None}
        for path in self._directory.iterdir():
            if path.name not in needed:
                shutil.rmtree(path, ignore_errors=True)

    def _make(self, app: NodeApp, modules: ModuleSet, npm: list[str]) -> None:
        temporary = app.directory.with_name(f".{app.directory.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(app.directory, ignore_errors=True)
        for module in node_modules_of(modules):
            path = temporary / "convex" / module.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(module.source, encoding="utf-8")
        dependencies = {package.name: package.version for package in modules.node_dependencies}
        package = {"name": "app", "private": True, "type": "module", "dependencies": dependencies}
        (temporary / "package.json").write_text(json.dumps(package, indent=2), encoding="utf-8")
        if dependencies:
            self._install(temporary, npm)
        # After a power failure what has its name is whole. Packages have thousands of files: one call for all of them.
        os.sync()
        temporary.rename(app.directory)

    def _install(self, directory: Path, npm: list[str]) -> None:
        limits = self._limits
        options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--logs-max=0", "--loglevel=error")
        try:
            code, said = _run_npm([*npm, "install", *options], directory, limits.node_install_seconds_max)
        except subprocess.TimeoutExpired:
            raise _not_installed(
                f"npm took longer than {limits.node_install_seconds_max:g} s (node_install_seconds_max)"
            ) from None
        except OSError as error:
            raise _not_installed(f"npm cannot be run as {' '.join(npm)}: {error}") from error
        if code != 0:
            raise _not_installed(said.strip()[-_OUTPUT_CHARACTERS:])
        size = sum(path.lstat().st_size for path in (directory / "node_modules").rglob("*"))
        if size > limits.node_packages_bytes_max:
            raise _not_installed(
                f"they take {size} bytes, and {limits.node_packages_bytes_max} are allowed (node_packages_bytes_max)"
            )


def _run_npm(command: list[str], directory: Path, seconds_max: float) -> tuple[int, str]:
    """Run npm in a directory; return its exit code and what it says. Nothing of it is left, also when we are killed."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509  # a system call only, and no other way to it
    )
    with process:
        try:
            group = ProcessGroup(process)
        except OSError:
            process.kill()
            raise
        try:
            said, complaints = process.communicate(timeout=seconds_max)
        except BaseException:
            # What it has started has its output too, and would keep us waiting.
            group.kill()
            raise
        group.forget()
    return process.returncode, complaints or said


def _key(modules: ModuleSet) -> str:
    """Return what stands for the modules and packages in the name of a directory."""
    what = [[module.path, module.sha256] for module in node_modules_of(modules)]
    packages = [[package.name, package.version] for package in modules.node_dependencies]
    return sha256(json.dumps([what, packages]).encode()).hexdigest()[:_KEY_CHARACTERS]


def _not_installed(why: str) -> BadRequestError:
    return BadRequestError(
        f"The packages that convex.json names as external could not be installed: {why}",
        code="NodePackagesNotInstalled",
    )
