import { paginationOptsValidator } from "convex/server";
import { v } from "convex/values";
import { mutation, query } from "./_generated/server";

export const page = query({
  args: { author: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { author, paginationOpts }) => {
    return await ctx.db
      .query("posts")
      .withIndex("by_author", (q) => q.eq("author", author))
      .order("desc")
      .paginate(paginationOpts);
  },
});

/** A page of something made of documents: the cursor is the database's, the rows are not. */
export const labels = query({
  args: { author: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { author, paginationOpts }) => {
    const posts = await ctx.db
      .query("posts")
      .withIndex("by_author", (q) => q.eq("author", author))
      .filter((q) => q.eq(q.mod(q.field("number"), 2), 0))
      .paginate(paginationOpts);
    return { ...posts, page: posts.page.map(({ number }) => `#${number}`) };
  },
});

export const write = mutation({
  args: { author: v.string(), numbers: v.array(v.number()) },
  handler: async (ctx, { author, numbers }) => {
    for (const number of numbers) await ctx.db.insert("posts", { author, number });
  },
});
