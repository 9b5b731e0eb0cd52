import { ConvexError, v } from "convex/values";
import { api, internal } from "./_generated/api";
import { action, internalMutation, query } from "./_generated/server";

export const add = internalMutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => await ctx.db.insert("tasks", { name }),
});

export const names = query({
  args: {},
  handler: async (ctx) => (await ctx.db.query("tasks").collect()).map((task) => task.name),
});

// Asks a server of the test's, and writes down what it says.
export const record = action({
  args: { url: v.string(), name: v.string() },
  returns: v.object({ status: v.number(), text: v.string(), names: v.array(v.string()) }),
  handler: async (ctx, { url, name }): Promise<{ status: number; text: string; names: string[] }> => {
    const response = await fetch(url, { method: "POST", body: name });
    const text = await response.text();
    await ctx.runMutation(internal.tasks.add, { name: text });
    return { status: response.status, text, names: await ctx.runQuery(api.tasks.names, {}) };
  },
});

export const refuse = action({
  args: {},
  handler: async () => {
    throw new ConvexError({ reason: "full", left: 0n });
  },
});

// Returns when there is a task of the name.
export const wait = action({
  args: { name: v.string() },
  handler: async (ctx, { name }): Promise<string> => {
    console.log("waiting for", name);
    await ctx.runMutation(internal.tasks.add, { name: `waiting for ${name}` });
    while (!(await ctx.runQuery(api.tasks.names, {})).includes(name)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return "waited";
  },
});
