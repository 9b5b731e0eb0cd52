/** The numbers on the dashboard. */
import { v } from "convex/values";
import { query } from "./_generated/server";

const ACTIVE_MS = 300_000;

/** Three tables, one moment: all numbers are of the same snapshot, however busy the server is. */
export const dashboardStats = query({
  args: { organizationId: v.string() },
  handler: async (ctx, args) => {
    const [activeUsers, pendingApprovals, recentActivity] = await Promise.all([
      ctx.db
        .query("presence")
        .withIndex("by_org", (q) => q.eq("organizationId", args.organizationId))
        .filter((q) => q.gt(q.field("lastSeen"), Date.now() - ACTIVE_MS))
        .collect(),
      ctx.db
        .query("approvals")
        .withIndex("by_org_status", (q) => q.eq("organizationId", args.organizationId).eq("status", "pending"))
        .collect(),
      ctx.db
        .query("activity")
        .withIndex("by_org", (q) => q.eq("organizationId", args.organizationId))
        .order("desc")
        .take(20),
    ]);
    return {
      activeUsersCount: activeUsers.length,
      pendingApprovalsCount: pendingApprovals.length,
      recentActivity,
    };
  },
});
