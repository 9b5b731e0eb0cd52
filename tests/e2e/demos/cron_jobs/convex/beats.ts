import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalAction, internalMutation, query } from "./_generated/server";

export const beat = internalMutation({
  args: { source: v.string() },
  handler: async (ctx, { source }) => {
    await ctx.db.insert("beats", { source, at: Date.now() });
  },
});

export const beatFromOutside = internalAction({
  args: {},
  handler: async (ctx) => {
    await ctx.runMutation(internal.beats.beat, { source: "action" });
  },
});

export const count = query({
  args: { source: v.string() },
  handler: async (ctx, { source }) => {
    const beats = ctx.db.query("beats").withIndex("by_source", (q) => q.eq("source", source));
    return (await beats.collect()).length;
  },
});
