"""Requests that wait for somebody's decision."""

from rtdb import mutation, v

from ._generated.data_model import ApprovalsId
from ._generated.server import MutationContext


@mutation(
    args={"organizationId": v.string(), "requestedBy": v.string(), "subject": v.string()},
    returns=v.id("approvals"),
)
def request(ctx: MutationContext, organizationId: str, requestedBy: str, subject: str) -> ApprovalsId:
    """Ask for an approval."""
    return ctx.db.insert(
        "approvals",
        {
            "organizationId": organizationId,
            "requestedBy": requestedBy,
            "subject": subject,
            "status": "pending",
            "createdAt": ctx.now(),
        },
    )


@mutation(args={"approvalId": v.id("approvals"), "approved": v.boolean()}, returns=v.null())
def decide(ctx: MutationContext, approvalId: ApprovalsId, approved: bool) -> None:
    ctx.db.patch(approvalId, {"status": "approved" if approved else "rejected"})
