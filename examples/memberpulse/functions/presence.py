"""Who is online, and what they are looking at."""

from rtdb import internal_mutation, mutation, query, v

from ._generated.data_model import PresenceDoc
from ._generated.server import MutationContext, QueryContext
from .schema import schema

ONLINE_MILLISECONDS = 60_000
FORGOTTEN_MILLISECONDS = 3_600_000


@mutation(args={"userId": v.string(), "organizationId": v.string(), "currentPage": v.string()}, returns=v.null())
def heartbeat(ctx: MutationContext, userId: str, organizationId: str, currentPage: str) -> None:
    """Keep a member online. Clients call this every half a minute, and when the page changes."""
    existing = ctx.db.query("presence").with_index("by_user", lambda q: q.eq("userId", userId)).unique()
    if existing:
        ctx.db.patch(existing["_id"], {"lastSeen": ctx.now(), "currentPage": currentPage})
    else:
        ctx.db.insert(
            "presence",
            {
                "userId": userId,
                "organizationId": organizationId,
                "lastSeen": ctx.now(),
                "currentPage": currentPage,
            },
        )


@query(args={"organizationId": v.string()}, returns=v.array(schema.document("presence")), name="getOnlineUsers")
def get_online_users(ctx: QueryContext, organizationId: str) -> list[PresenceDoc]:
    """The members of an organization who were seen within the last minute."""
    oldest = ctx.now() - ONLINE_MILLISECONDS
    return (
        ctx.db.query("presence")
        .with_index("by_org", lambda q: q.eq("organizationId", organizationId))
        .filter(lambda q: q.gt(q.field("lastSeen"), oldest))
        .collect()
    )


@internal_mutation(args={}, returns=v.null())
def cleanup(ctx: MutationContext) -> None:
    """Forget whoever has been away for an hour. crons.py has this called; clients cannot."""
    oldest = ctx.now() - FORGOTTEN_MILLISECONDS
    for record in ctx.db.query("presence").filter(lambda q: q.lt(q.field("lastSeen"), oldest)).collect():
        ctx.db.delete(record["_id"])
