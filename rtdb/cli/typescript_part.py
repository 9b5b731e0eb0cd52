"""What a server has of an app that is not in its directory here: the modules that `npx convex` pushed."""

from __future__ import annotations

import msgspec

from rtdb.cli.admin_client import AdminClient, AdminError
from rtdb.cli.target import Target
from rtdb.functions.description import Description

__all__ = ["deployed_typescript"]


def deployed_typescript(target: Target) -> Description:
    """Return what is in the TypeScript modules that run on a server. Raises ``AdminError``."""
    with AdminClient(target) as server:
        server.require_name()
        answer = server.post("/api/describe_typescript", {})
    try:
        return msgspec.convert(answer, Description)
    except msgspec.ValidationError as error:
        raise AdminError(f"{target.url} answered what nobody understands: {error}") from error
