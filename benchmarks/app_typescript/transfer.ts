// The two-account transfer, as the benchmark `transfer` calls it in Python.

import { v } from "convex/values";
import { mutation, query } from "./_generated/server";

export const create = mutation({
  args: { first: v.number(), count: v.number(), balance: v.number() },
  returns: v.array(v.id("accounts")),
  handler: async (ctx, { first, count, balance }) => {
    const ids = [];
    for (let number = first; number < first + count; number += 1) {
      ids.push(await ctx.db.insert("accounts", { number, balance }));
    }
    return ids;
  },
});

export const transfer = mutation({
  args: { amount: v.number(), from_id: v.id("accounts"), to_id: v.id("accounts") },
  handler: async (ctx, { amount, from_id, to_id }) => {
    const source = await ctx.db.get(from_id);
    const target = await ctx.db.get(to_id);
    await ctx.db.patch(from_id, { balance: source.balance - amount });
    await ctx.db.patch(to_id, { balance: target.balance + amount });
  },
});

export const total = query({
  args: { first: v.number(), count: v.number() },
  returns: v.number(),
  handler: async (ctx, { first, count }) => {
    const rows = await ctx.db
      .query("accounts")
      .withIndex("by_number", (q) => q.gte("number", first).lt("number", first + count))
      .collect();
    return rows.reduce((sum, row) => sum + row.balance, 0);
  },
});
