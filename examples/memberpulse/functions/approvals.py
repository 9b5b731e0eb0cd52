"""Requests that wait for somebody's decision."""

from rtdb import mutation, v


@mutation(
    args={"organizationId": v.string(), "requestedBy": v.string(), "subject": v.string()},
    returns=v.id("approvals"),
)
def request(ctx, **fields):
    """Ask for an approval."""
    return ctx.db.insert("approvals", {**fields, "status": "pending", "createdAt": ctx.now()})


@mutation(args={"approvalId": v.id("approvals"), "approved": v.boolean()})
def decide(ctx, approvalId, approved):
    ctx.db.patch(approvalId, {"status": "approved" if approved else "rejected"})
