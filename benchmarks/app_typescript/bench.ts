// What the benchmark `typescript` calls.

import { v } from "convex/values";
import { mutation, query } from "./_generated/server";

export const nothing = query({ args: {}, handler: async () => null });

export const list = query({
  args: { channel: v.string(), count: v.number() },
  handler: async (ctx, { channel, count }) =>
    await ctx.db
      .query("messages")
      .withIndex("by_channel", (q) => q.eq("channel", channel))
      .order("desc")
      .take(count),
});

export const heartbeat = mutation({
  args: { user: v.string() },
  handler: async (ctx, { user }) => {
    const found = await ctx.db
      .query("presence")
      .withIndex("by_user", (q) => q.eq("user", user))
      .unique();
    if (found === null) await ctx.db.insert("presence", { user, seen: Date.now() });
    else await ctx.db.patch(found._id, { seen: Date.now() });
  },
});

export const dashboard = query({
  args: {},
  handler: async (ctx) => {
    const [messages, accounts, presence] = await Promise.all([
      ctx.db.query("messages").order("desc").take(20),
      ctx.db.query("accounts").take(20),
      ctx.db.query("presence").take(20),
    ]);
    return { messages, accounts, present: presence.map(({ user }) => user) };
  },
});

export const send = mutation({
  args: { channel: v.string(), body: v.string() },
  handler: async (ctx, message) => await ctx.db.insert("messages", message),
});
