"""The numbers on the dashboard."""

from typing import Any

from rtdb import query, v

from ._generated.server import QueryContext
from .schema import schema

ACTIVE_MILLISECONDS = 300_000


@query(
    args={"organizationId": v.string()},
    returns={
        "activeUsersCount": v.number(),
        "pendingApprovalsCount": v.number(),
        "recentActivity": v.array(schema.document("activity")),
    },
    name="dashboardStats",
)
def dashboard_stats(ctx: QueryContext, organizationId: str) -> dict[str, Any]:
    """Three tables, one moment: all numbers are of the same snapshot, however busy the server is."""
    oldest = ctx.now() - ACTIVE_MILLISECONDS
    active_users = (
        ctx.db.query("presence")
        .with_index("by_org", lambda q: q.eq("organizationId", organizationId))
        .filter(lambda q: q.gt(q.field("lastSeen"), oldest))
        .collect()
    )
    pending_approvals = (
        ctx.db.query("approvals")
        .with_index("by_org_status", lambda q: q.eq("organizationId", organizationId).eq("status", "pending"))
        .collect()
    )
    recent_activity = (
        ctx.db.query("activity")
        .with_index("by_org", lambda q: q.eq("organizationId", organizationId))
        .order("desc")
        .take(20)
    )
    return {
        "activeUsersCount": len(active_users),
        "pendingApprovalsCount": len(pending_approvals),
        "recentActivity": recent_activity,
    }
