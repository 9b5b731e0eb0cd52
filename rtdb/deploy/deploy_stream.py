"""A deploy that a client follows as it happens, from an archive to the last event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rtdb.config import Limits
from rtdb.deploy.deployer import Deployer
from rtdb.deploy.preparation import DeployRefused
from rtdb.errors import RtdbError
from rtdb.functions.bundle import Bundle, replace_python, unpack
from rtdb.link import frames

__all__ = ["serve_deploy"]

SendEvent = Callable[[frames.DeployEvent], None]


async def serve_deploy(deployer: Deployer, limits: Limits, request: frames.DeployRequest, send: SendEvent) -> None:
    """Carry out a deploy that a client has asked for; the last event says how it ended."""
    outcome: list[dict[str, Any]] = []

    def report(event: dict[str, Any]) -> None:
        if event["type"] == "deployed":
            outcome.append(event)
        else:
            send(frames.DeployEvent(request.deploy, msgspec.json.encode(event), False))

    def make_bundle(active: Bundle) -> Bundle:
        return replace_python(active, unpack(request.archive, limits))

    try:
        await deployer.deploy(make_bundle, report, dry_run=request.dry_run)
    except DeployRefused as refused:
        outcome.append(_failed(refused.error))
    except RtdbError as error:
        outcome.append(_failed(frames.ExecutionError(error.code, error.message)))
    send(frames.DeployEvent(request.deploy, msgspec.json.encode(outcome[-1]), True))


def _failed(error: frames.ExecutionError) -> dict[str, Any]:
    return {"type": "failed", "code": error.code, "message": error.message, "frames": error.frames}
