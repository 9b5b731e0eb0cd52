/** Requests that wait for somebody's decision. */
import { ConvexError, v } from "convex/values";
import { note } from "./activity";
import { mutation, query } from "./_generated/server";

/** What waits, the oldest first. */
export const list = query({
  args: { organizationId: v.string() },
  handler: async (ctx, args) => {
    return await ctx.db
      .query("approvals")
      .withIndex("by_org_status", (q) => q.eq("organizationId", args.organizationId).eq("status", "pending"))
      .take(50);
  },
});

/** Ask for an approval. */
export const request = mutation({
  args: { organizationId: v.string(), requestedBy: v.string(), subject: v.string() },
  handler: async (ctx, args) => {
    const subject = args.subject.trim();
    if (subject === "") {
      throw new ConvexError({ code: "EmptySubject", message: "Say what is to be approved." });
    }
    const approvalId = await ctx.db.insert("approvals", {
      ...args,
      subject,
      status: "pending",
      createdAt: Date.now(),
    });
    await note(ctx, {
      organizationId: args.organizationId,
      userId: args.requestedBy,
      action: "requested",
      entityType: "approval",
      entityId: approvalId,
      metadata: { subject },
    });
    return approvalId;
  },
});

/** Decide, once: of two who decide at the same time, the second is told so. Whoever asked is notified. */
export const decide = mutation({
  args: { approvalId: v.id("approvals"), approved: v.boolean(), decidedBy: v.string() },
  handler: async (ctx, { approvalId, approved, decidedBy }) => {
    const approval = await ctx.db.get(approvalId);
    if (approval === null || approval.status !== "pending") {
      throw new ConvexError({ code: "AlreadyDecided", message: "Somebody else has decided this already." });
    }
    const status = approved ? "approved" : "rejected";
    await ctx.db.patch(approvalId, { status });
    await ctx.db.insert("notifications", {
      userId: approval.requestedBy,
      organizationId: approval.organizationId,
      type: "approval",
      title: approved ? "Approved" : "Rejected",
      message: approval.subject,
      link: "#/dashboard",
      read: false,
      createdAt: Date.now(),
    });
    await note(ctx, {
      organizationId: approval.organizationId,
      userId: decidedBy,
      action: status,
      entityType: "approval",
      entityId: approvalId,
      metadata: { subject: approval.subject },
    });
  },
});
