// Messages that destroy themselves.
import { v } from "convex/values";
import { internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { action, internalAction, internalMutation, mutation, query } from "./_generated/server";

export const tell = mutation({
  args: { text: v.string(), milliseconds: v.number() },
  handler: async (ctx, { text, milliseconds }): Promise<Id<"_scheduled_functions">> => {
    const id = await ctx.db.insert("secrets", { text });
    return await ctx.scheduler.runAfter(milliseconds, internal.secrets.destroy, { id });
  },
});

/** The same, at a time, and from an action: the mutation is written to the schedule at once. */
export const tellUntil = action({
  args: { text: v.string(), time: v.number() },
  handler: async (ctx, { text, time }): Promise<Id<"_scheduled_functions">> => {
    const id: Id<"secrets"> = await ctx.runMutation(internal.secrets.keep, { text });
    return await ctx.scheduler.runAt(new Date(time), internal.secrets.destroyFromOutside, { id });
  },
});

/** Nothing is scheduled by a mutation that fails. */
export const tellAndFail = mutation({
  args: { text: v.string() },
  handler: async (ctx, { text }) => {
    const id = await ctx.db.insert("secrets", { text });
    await ctx.scheduler.runAfter(0, internal.secrets.destroy, { id });
    throw new Error("on second thoughts");
  },
});

export const pardon = mutation({
  args: { job: v.id("_scheduled_functions") },
  handler: async (ctx, { job }) => await ctx.scheduler.cancel(job),
});

export const all = query({
  args: {},
  handler: async (ctx) => (await ctx.db.query("secrets").collect()).map(({ text }) => text),
});

export const fate = query({
  args: { job: v.id("_scheduled_functions") },
  handler: async (ctx, { job }) => {
    const found = await ctx.db.system.get(job);
    return found && { name: found.name, state: found.state.kind };
  },
});

export const scheduled = query({
  args: {},
  handler: async (ctx) => (await ctx.db.system.query("_scheduled_functions").collect()).length,
});

export const keep = internalMutation({
  args: { text: v.string() },
  handler: async (ctx, args) => await ctx.db.insert("secrets", args),
});

export const destroy = internalMutation({
  args: { id: v.id("secrets") },
  handler: async (ctx, { id }) => await ctx.db.delete(id),
});

export const destroyFromOutside = internalAction({
  args: { id: v.id("secrets") },
  handler: async (ctx, { id }) => {
    await ctx.runMutation(internal.secrets.destroy, { id });
  },
});
