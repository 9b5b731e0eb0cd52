"""The command line's end of the routes for administrators: JSON in, JSON out, and every failure in a sentence."""

from __future__ import annotations

import json
from importlib import metadata
from types import TracebackType
from typing import Any, Final, Self

import httpx

from rtdb.cli.target import Target

__all__ = ["AdminClient", "AdminError", "Unreachable", "check_name"]

CLIENT: Final = f"rtdb-cli-{metadata.version('rtdb')}"
CONNECT_SECONDS_MAX: Final = 10.0
ANSWER_SECONDS_MAX: Final = 120.0
"""Longer than the server takes for anything, also for saying that nothing has happened."""


class AdminError(Exception):
    """The server did not do it. ``code`` is the server's, empty when it said none."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Unreachable(AdminError):
    """No server has answered, or it is starting or stopping: trying again may help."""


class AdminClient:
    """A connection to one server, as its administrator. Use it as a context manager."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = httpx.Client(
            base_url=target.url,
            headers={"Authorization": f"Convex {target.admin_key}", "Convex-Client": CLIENT},
            timeout=httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def require_name(self) -> None:
        """Raise unless the server is the one that CONVEX_DEPLOYMENT names, if that names one."""
        try:
            mismatch = check_name(self._client, self._target)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if mismatch is not None:
            raise AdminError(mismatch)

    def get(self, path: str, **parameters: str) -> Any:
        """Return the answer's JSON. Raises ``AdminError``."""
        return self._send("GET", path, params=parameters)

    def post(self, path: str, body: Any) -> Any:
        """Send JSON and return the answer's, None if it is empty. Raises ``AdminError``."""
        return self._send("POST", path, json=body)

    def query(self, path: str, arguments: dict[str, Any]) -> Any:
        """Return the result of a query of the app, or of the server's own. Raises ``AdminError``."""
        answer = self.post("/api/query", {"path": path, "args": arguments, "format": "json"})
        if answer["status"] != "success":
            raise AdminError(answer["errorMessage"].partition("Server Error\n")[2] or answer["errorMessage"])
        return answer["value"]

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, path, **options)
            answer = json.loads(response.content) if response.content else None
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except UnicodeEncodeError:
            # What it was is not said, as it may be a secret.
            raise AdminError("what was given is not text in UTF-8; nothing was sent") from None
        except ValueError:
            answer = None
        if response.status_code == 200:
            return answer
        code, reason = "", "it does not know how to; is it an rtdb server?"
        if response.status_code >= 500:
            reason = "it failed, or is being stopped; its log says why."
        if isinstance(answer, dict) and isinstance(answer.get("message"), str):
            code, reason = str(answer.get("code", "")), answer["message"]
        text = f"{self._target.url} refused ({response.status_code}): {reason}"
        raise (Unreachable if response.status_code >= 500 else AdminError)(text, code)

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable:
        return Unreachable(f"no answer from {self._target.url} ({error}); is the server running there?")


def check_name(client: httpx.Client, target: Target) -> str | None:
    """Return why this is not the server that CONVEX_DEPLOYMENT names, None if it is, or nobody cares."""
    if target.name is None:
        return None
    response = client.get("/instance_name")
    if response.status_code != 200 or response.text == target.name:
        return None
    return (
        f"CONVEX_DEPLOYMENT names the deployment {target.name!r}, and the server at {target.url} is "
        f"{response.text!r}: nothing was changed. Change one of them, or start the server with --instance-name."
    )
