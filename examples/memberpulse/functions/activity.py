"""Who did what: the feed on the dashboard."""

from rtdb import mutation, v


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
def record(ctx, **fields):
    """Add one line to an organization's feed."""
    return ctx.db.insert("activity", {**fields, "createdAt": ctx.now()})
