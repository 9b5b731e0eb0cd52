import { v } from "convex/values";
import { internalMutation, internalQuery } from "./_generated/server";

export const by = internalQuery({
  args: { author: v.string() },
  handler: async (ctx, { author }) => {
    const notes = ctx.db.query("notes").withIndex("by_author", (q) => q.eq("author", author));
    return (await notes.collect()).map(({ _id, text }) => ({ id: _id, text }));
  },
});

export const add = internalMutation({
  args: { author: v.string(), text: v.string() },
  handler: async (ctx, args) => await ctx.db.insert("notes", args),
});

export const remove = internalMutation({
  args: { id: v.string() },
  handler: async (ctx, { id }) => {
    const noteId = ctx.db.normalizeId("notes", id);
    if (noteId === null || (await ctx.db.get(noteId)) === null) return false;
    await ctx.db.delete(noteId);
    return true;
  },
});
