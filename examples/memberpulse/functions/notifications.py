"""The bell in the corner: what a member has not read yet."""

from collections.abc import Sequence

from rtdb import UNDEFINED, Undefined, internal_mutation, mutation, query, v

from ._generated.data_model import NotificationsDoc, NotificationsId
from ._generated.server import MutationContext, QueryContext
from .schema import schema

KEPT_MILLISECONDS = 30 * 86_400_000
DELETED_AT_ONCE = 500


@query(args={"userId": v.string()}, returns=v.array(schema.document("notifications")))
def list(ctx: QueryContext, userId: str) -> Sequence[NotificationsDoc]:
    """A member's unread notifications, newest first."""
    return (
        ctx.db.query("notifications")
        .with_index("by_user", lambda q: q.eq("userId", userId))
        .filter(lambda q: q.eq(q.field("read"), False))
        .order("desc")
        .take(50)
    )


@mutation(args={"notificationId": v.id("notifications")}, returns=v.null(), name="markAsRead")
def mark_as_read(ctx: MutationContext, notificationId: NotificationsId) -> None:
    ctx.db.patch(notificationId, {"read": True})


@mutation(
    args={
        "userId": v.string(),
        "organizationId": v.string(),
        "type": v.string(),
        "title": v.string(),
        "message": v.string(),
        "link": v.optional(v.string()),
    },
    returns=v.id("notifications"),
)
def create(
    ctx: MutationContext,
    userId: str,
    organizationId: str,
    type: str,
    title: str,
    message: str,
    link: str | Undefined = UNDEFINED,
) -> NotificationsId:
    """Tell a member something. The backend calls this when it has news."""
    return ctx.db.insert(
        "notifications",
        {
            "userId": userId,
            "organizationId": organizationId,
            "type": type,
            "title": title,
            "message": message,
            "link": link,
            "read": False,
            "createdAt": ctx.now(),
        },
    )


@internal_mutation(args={}, returns=v.null())
def cleanup(ctx: MutationContext) -> None:
    """Delete notifications that are a month old, the oldest first; what is too much for one time follows at once."""
    oldest = ctx.now() - KEPT_MILLISECONDS
    expired = (
        ctx.db.query("notifications")
        .with_index("by_creation_time", lambda q: q.lt("_creationTime", oldest))
        .take(DELETED_AT_ONCE)
    )
    for notification in expired:
        ctx.db.delete(notification["_id"])
    if len(expired) == DELETED_AT_ONCE:
        ctx.scheduler.run_after(0, cleanup)
