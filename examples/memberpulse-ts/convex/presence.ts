/** Who is online, and what they are looking at. */
import { v } from "convex/values";
import { internalMutation, mutation, query } from "./_generated/server";

const ONLINE_MS = 60_000;
const FORGOTTEN_MS = 3_600_000;

/** Keep a member online. Pages call this every half a minute, and when the member goes elsewhere. */
export const heartbeat = mutation({
  args: {
    userId: v.string(),
    organizationId: v.string(),
    currentPage: v.string(),
  },
  handler: async (ctx, args) => {
    const existing = await ctx.db
      .query("presence")
      .withIndex("by_user", (q) => q.eq("userId", args.userId))
      .unique();
    if (existing) {
      await ctx.db.patch(existing._id, { lastSeen: Date.now(), currentPage: args.currentPage });
    } else {
      await ctx.db.insert("presence", { ...args, lastSeen: Date.now() });
    }
  },
});

/** Say goodbye: a page calls this when somebody else signs in. */
export const leave = mutation({
  args: { userId: v.string() },
  handler: async (ctx, args) => {
    const existing = await ctx.db
      .query("presence")
      .withIndex("by_user", (q) => q.eq("userId", args.userId))
      .unique();
    if (existing) {
      await ctx.db.delete(existing._id);
    }
  },
});

/** The members of an organization who were seen within the last minute. */
export const getOnlineUsers = query({
  args: { organizationId: v.string() },
  handler: async (ctx, args) => {
    return await ctx.db
      .query("presence")
      .withIndex("by_org", (q) => q.eq("organizationId", args.organizationId))
      .filter((q) => q.gt(q.field("lastSeen"), Date.now() - ONLINE_MS))
      .collect();
  },
});

/** Forget whoever has been away for an hour. crons.ts has this called; pages cannot. */
export const cleanup = internalMutation({
  args: {},
  handler: async (ctx) => {
    const stale = await ctx.db
      .query("presence")
      .filter((q) => q.lt(q.field("lastSeen"), Date.now() - FORGOTTEN_MS))
      .collect();
    for (const record of stale) {
      await ctx.db.delete(record._id);
    }
  },
});
