/** The bell in the corner: what a member has not read yet. */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation, mutation, query } from "./_generated/server";

const KEPT_MS = 30 * 24 * 3_600_000;
const DELETED_AT_ONCE = 500;

const news = {
  userId: v.string(),
  organizationId: v.string(),
  type: v.string(),
  title: v.string(),
  message: v.string(),
  link: v.optional(v.string()),
};

/** A member's unread notifications, newest first. */
export const list = query({
  args: { userId: v.string() },
  handler: async (ctx, args) => {
    return await ctx.db
      .query("notifications")
      .withIndex("by_user", (q) => q.eq("userId", args.userId))
      .filter((q) => q.eq(q.field("read"), false))
      .order("desc")
      .take(50);
  },
});

export const markAsRead = mutation({
  args: { notificationId: v.id("notifications") },
  handler: async (ctx, args) => {
    await ctx.db.patch(args.notificationId, { read: true });
  },
});

export const markAllAsRead = mutation({
  args: { userId: v.string() },
  handler: async (ctx, args) => {
    const unread = ctx.db
      .query("notifications")
      .withIndex("by_user", (q) => q.eq("userId", args.userId))
      .filter((q) => q.eq(q.field("read"), false));
    for await (const notification of unread) {
      await ctx.db.patch(notification._id, { read: true });
    }
  },
});

/** Tell a member something. */
export const create = mutation({
  args: news,
  handler: async (ctx, args) => {
    return await ctx.db.insert("notifications", { ...args, read: false, createdAt: Date.now() });
  },
});

/** The same for what comes in over HTTP, where the signature was checked. */
export const deliver = internalMutation({
  args: news,
  handler: async (ctx, args) => {
    return await ctx.db.insert("notifications", { ...args, read: false, createdAt: Date.now() });
  },
});

/** Delete notifications that are a month old, the oldest first; what is too much for one time follows at once. */
export const cleanup = internalMutation({
  args: {},
  handler: async (ctx) => {
    const expired = await ctx.db
      .query("notifications")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - KEPT_MS))
      .take(DELETED_AT_ONCE);
    for (const notification of expired) {
      await ctx.db.delete(notification._id);
    }
    if (expired.length === DELETED_AT_ONCE) {
      await ctx.scheduler.runAfter(0, internal.notifications.cleanup, {});
    }
  },
});
