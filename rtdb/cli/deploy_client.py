"""The command line's end of a deploy: send a bundle to a server and hear what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx

from rtdb.cli.admin_client import check_name
from rtdb.cli.target import Target
from rtdb.functions.bundle import Bundle, pack

__all__ = ["DeployError", "Unreachable", "deploy_events"]

CONNECT_SECONDS_MAX: Final = 10.0
SILENCE_SECONDS_MAX: Final = 120.0
"""The server says something several times a second while it has something to do; loading an app may take a while."""


class DeployError(Exception):
    """The deploy failed. ``frames`` says where in the app's code, one line a frame, empty if it is not the code."""

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.frames = frames


class Unreachable(DeployError):
    """No server has answered, or it went away: trying again may help."""


def deploy_events(target: Target, bundle: Bundle, *, dry_run: bool = False) -> Iterator[dict[str, Any]]:
    """Deploy a bundle and yield what happens, through ``deployed``. Raises ``DeployError``."""
    headers = {"Authorization": f"Convex {target.admin_key}", "Content-Type": "application/octet-stream"}
    timeout = httpx.Timeout(CONNECT_SECONDS_MAX, read=SILENCE_SECONDS_MAX)
    parameters = {"dryRun": "true"} if dry_run else {}
    try:
        with httpx.Client(base_url=target.url, headers=headers, timeout=timeout) as client:
            mismatch = check_name(client, target)
            if mismatch is not None:
                raise DeployError(mismatch)
            with client.stream("POST", "/api/deploy", params=parameters, content=pack(bundle)) as response:
                if response.status_code != 200:
                    raise _refused(target, response)
                yield from _events(target, response)
    except httpx.HTTPError as error:
        raise Unreachable(f"no answer from {target.url} ({error}); is the server running there?") from error


def _events(target: Target, response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        event = json.loads(line)
        if event["type"] == "failed":
            raise DeployError(event["message"], event["frames"])
        yield event
        if event["type"] == "deployed":
            return
    raise Unreachable(f"{target.url} broke off in the middle; the app that was running there still is")


def _refused(target: Target, response: httpx.Response) -> DeployError:
    try:
        reason = json.loads(response.read())["message"]
    except (ValueError, KeyError, TypeError):
        reason = "it does not know how to; is it an rtdb server?"
    text = f"{target.url} refused the deploy ({response.status_code}): {reason}"
    return Unreachable(text) if response.status_code in (502, 503, 504) else DeployError(text)
