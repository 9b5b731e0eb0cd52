"""Pushing TypeScript modules to a server process from a test, a request at a time, as the official CLI does.

Modules are written as its bundler would leave them, without a bundler: `query("…")` is the source of a function object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import brotli
import httpx
import msgspec

from rtdb.typescript.module_set import TypeScriptModule

__all__ = ["Push", "function", "schema"]

APP_DEFINITION = """
export default { export: () => ({ definitionType: { type: "app" }, childComponents: [], httpMounts: {},
  exports: { type: "branch", branch: [] } }), isApp: true };
"""


def function(name: str, kind: str, body: str, args: str = '{"type":"any"}') -> str:
    """Return the source that exports a public function; its ``body`` may use ``args`` and ``Convex``."""
    flag, invoke = f"is{kind.capitalize()}", f"invoke{kind.capitalize()}"
    return f"""
export const {name} = Object.assign(() => null, {{
  {flag}: true, isPublic: true, isRegistered: true,
  {invoke}: async (json) => {{ const args = JSON.parse(json)[0]; {body} }},
  exportArgs: () => {args!r}, exportReturns: () => "null",
}});
{name}._handler = () => null;
"""


def schema(table: str, fields: dict[str, str], indexes: dict[str, Sequence[str]] | None = None) -> str:
    """Return the source of a schema with one table, whose fields have these types."""
    document = {
        "type": "object",
        "value": {name: {"fieldType": {"type": kind}, "optional": False} for name, kind in fields.items()},
    }
    declared = [{"indexDescriptor": name, "fields": list(of)} for name, of in (indexes or {}).items()]
    tables = [{"tableName": table, "indexes": declared, "documentType": document}]
    exported = msgspec.json.encode({"tables": tables, "schemaValidation": True}).decode()
    return f"export default {{ tables: {{}}, export: () => {exported!r} }};"


class Pushed(Protocol):
    """A running server."""

    @property
    def url(self) -> str: ...

    @property
    def admin_key(self) -> str: ...


class Push:
    """One client of a server's push routes."""

    def __init__(self, server: Pushed) -> None:
        headers = {"Authorization": f"Convex {server.admin_key}", "Convex-Client": "npm-cli-1.48.0"}
        self._client = httpx.Client(base_url=server.url, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def post(self, path: str, body: dict[str, Any], *, compress: bool = True, timeout: float = 60.0) -> httpx.Response:
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        if compress:
            headers["Content-Encoding"] = "br"
            content = brotli.compress(content, quality=4)
        return self._client.post(path, content=content, headers=headers, timeout=timeout)

    def hashes(self) -> dict[str, str]:
        """Return the hash of each module that is deployed."""
        answer = self.post("/api/get_config_hashes", {"version": "1.48.0"}, compress=False).json()
        return {module["path"]: module["hash"] for module in answer["moduleHashes"]}

    def request(
        self, modules: dict[str, str], *, schema: str | None = None, unchanged: Sequence[str] = (), **more: Any
    ) -> dict[str, Any]:
        """Return the request that starts a push of these modules by path; ``unchanged`` are those that are not sent."""
        kept = [TypeScriptModule(path, modules[path], None, "isolate") for path in unchanged]
        return {
            "dryRun": False,
            "functions": "convex/",
            "appDefinition": {
                "definition": _module("convex.config.js", APP_DEFINITION),
                "dependencies": [],
                "schema": None if schema is None else _module("schema.js", schema),
                "changedModules": [_module(path, source) for path, source in modules.items() if path not in unchanged],
                "unchangedModuleHashes": [
                    {"path": module.path, "environment": "isolate", "sha256": module.sha256} for module in kept
                ],
                "udfServerVersion": "1.48.0",
            },
            "componentDefinitions": [],
            "nodeDependencies": [],
            **more,
        }

    def start(self, modules: dict[str, str], **more: Any) -> dict[str, Any]:
        """Start a push and return the answer, which is that of one that could be started."""
        response = self.post("/api/deploy2/start_push", self.request(modules, **more))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def wait(self, started: dict[str, Any], timeout_ms: int = 10_000) -> dict[str, Any]:
        """Wait for the schema of a push, and return what has become of it."""
        body = {"schemaChange": started["schemaChange"], "timeoutMs": timeout_ms, "dryRun": False}
        response = self.post("/api/deploy2/wait_for_schema", body, compress=False)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def finish(self, started: dict[str, Any], **more: Any) -> httpx.Response:
        return self.post("/api/deploy2/finish_push", {"startPush": started, "dryRun": False, "message": None, **more})

    def push(self, modules: dict[str, str], **more: Any) -> dict[str, Any]:
        """Push from the start to the end, and return what has changed."""
        started = self.start(modules, **more)
        waited = self.wait(started)
        assert waited == {"type": "complete"}, waited
        finished = self.finish(started)
        assert finished.status_code == 200, finished.text
        answer: dict[str, Any] = finished.json()
        return answer


def _module(path: str, source: str) -> dict[str, Any]:
    return {"path": path, "source": source, "environment": "isolate"}
