// Pictures come in by an upload address, or through an HTTP action that stores the body itself (http.ts).
import { v } from "convex/values";
import { action, mutation, query } from "./_generated/server";

export const uploadUrl = mutation(async (ctx) => await ctx.storage.generateUploadUrl());

export const save = mutation({
  args: { storageId: v.id("_storage"), author: v.string() },
  returns: v.id("pictures"),
  handler: async (ctx, args) => await ctx.db.insert("pictures", args),
});

export const of = query({
  args: { author: v.string() },
  handler: async (ctx, { author }) => {
    const pictures = await ctx.db
      .query("pictures")
      .withIndex("by_author", (q) => q.eq("author", author))
      .collect();
    return await Promise.all(
      pictures.map(async ({ _id, storageId }) => {
        const file = await ctx.db.system.get(storageId);
        return { _id, storageId, url: await ctx.storage.getUrl(storageId), size: file?.size, type: file?.contentType };
      }),
    );
  },
});

export const remove = mutation({
  args: { pictureId: v.id("pictures") },
  handler: async (ctx, { pictureId }) => {
    const picture = await ctx.db.get(pictureId);
    if (picture === null) return;
    await ctx.storage.delete(picture.storageId);
    await ctx.db.delete(pictureId);
  },
});

/** Store what is made here, and read it back: its size and type, and what is in it. */
export const draw = action({
  args: { label: v.string() },
  handler: async (ctx, { label }) => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg"><text>${label}</text></svg>`;
    const storageId = await ctx.storage.store(new Blob([svg], { type: "image/svg+xml" }));
    const blob = await ctx.storage.get(storageId);
    const url = await ctx.storage.getUrl(storageId);
    return { storageId, url, size: blob!.size, type: blob!.type, text: await blob!.text() };
  },
});
