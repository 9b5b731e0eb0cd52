"""The bell in the corner: what a member has not read yet."""

from rtdb import mutation, query, v


@query(args={"userId": v.string()})
def list(ctx, userId):
    """A member's unread notifications, newest first."""
    return (
        ctx.db.query("notifications")
        .with_index("by_user", lambda q: q.eq("userId", userId))
        .filter(lambda q: q.eq(q.field("read"), False))
        .order("desc")
        .take(50)
    )


@mutation(args={"notificationId": v.id("notifications")}, name="markAsRead")
def mark_as_read(ctx, notificationId):
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
def create(ctx, **fields):
    """Tell a member something. The backend calls this when it has news."""
    return ctx.db.insert("notifications", {**fields, "read": False, "createdAt": ctx.now()})
