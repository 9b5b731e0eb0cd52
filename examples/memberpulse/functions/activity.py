"""Who did what: the feed on the dashboard."""

from typing import Any

from rtdb import UNDEFINED, mutation, v

from ._generated.data_model import ActivityId
from ._generated.server import MutationContext


@mutation(
    args={
        "organizationId": v.string(),
        "userId": v.string(),
        "action": v.string(),
        "entityType": v.string(),
        "entityId": v.string(),
        "metadata": v.optional(v.any()),
    },
    returns=v.id("activity"),
)
def record(
    ctx: MutationContext,
    organizationId: str,
    userId: str,
    action: str,
    entityType: str,
    entityId: str,
    metadata: Any = UNDEFINED,
) -> ActivityId:
    """Add one line to an organization's feed."""
    return ctx.db.insert(
        "activity",
        {
            "organizationId": organizationId,
            "userId": userId,
            "action": action,
            "entityType": entityType,
            "entityId": entityId,
            "metadata": metadata,
            "createdAt": ctx.now(),
        },
    )
