"""The steps of the official CLI's push, each a request of its own, as the hub carries them out.

::

    hashes      what is deployed, so that only what has changed needs to be sent

The CLI knows TypeScript modules alone: of the modules of other languages nothing is said, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import trio

from rtdb.deployer import Deployer
from rtdb.functions.bundle_store import BundleStore
from rtdb.link import frames
from rtdb.typescript.module_set import read_module_set

__all__ = ["Pushes"]

FUNCTIONS: Final = "convex/"
"""The directory of modules in a project: what the CLI takes it to be."""
NOT_HASHED: Final = frozenset({"convex.config.js", "schema.js"})
"""Modules that are pushed whole each time, beside the others."""


class Pushes:
    """Takes the steps of pushes to one server."""

    def __init__(self, deployer: Deployer, bundles: BundleStore) -> None:
        self._deployer = deployer
        self._bundles = bundles

    async def serve(self, request: frames.PushStepRequest, send: Callable[[frames.Answer], None]) -> None:
        """Take a step for a client and answer it."""
        result = await self._hashes()
        send(frames.Answer(request.call, msgspec.json.encode(result), None, [], 0))

    async def _hashes(self) -> dict[str, Any]:
        directory = self._bundles.directory(self._deployer.bundle_hash)
        modules = await trio.to_thread.run_sync(read_module_set, directory)
        if modules is None:
            return {"config": {"functions": FUNCTIONS}, "moduleHashes": [], "udfServerVersion": None}
        config = {"functions": FUNCTIONS}
        if modules.node_version is not None:
            config["nodeVersion"] = modules.node_version
        return {
            "config": config,
            "moduleHashes": [
                {"path": module.path, "hash": module.sha256, "environment": module.environment}
                for module in modules.modules
                if module.path not in NOT_HASHED
            ],
            "udfServerVersion": modules.server_version,
            "nodeVersion": modules.node_version,
        }
