// The same functions as those in Python, in ../conftest.py.
import { actionGeneric, internalQueryGeneric, makeFunctionReference, mutationGeneric, queryGeneric } from "convex/server";
import { ConvexError, v } from "convex/values";

const listed = makeFunctionReference<"query", { room: string }, string[]>("messages:list");

export const list = queryGeneric({
  args: { room: v.string() },
  handler: async (ctx, { room }) => {
    const rows = await ctx.db.query("messages").collect();
    return rows.filter((row) => row.room === room).map((row) => row.body);
  },
});

export const send = mutationGeneric({
  args: { room: v.string(), body: v.string() },
  returns: v.id("messages"),
  handler: async (ctx, { room, body }) => {
    console.log(`sending ${body}`);
    return await ctx.db.insert("messages", { room, body });
  },
});

export const clear = mutationGeneric(async (ctx, { table }: { table: string }) => {
  for (const row of await ctx.db.query(table).collect()) await ctx.db.delete(row._id);
});

export const fill = mutationGeneric(async (ctx, { table, count }: { table: string; count: number }) => {
  for (let number = 0; number < count; number++) {
    const raw = new TextEncoder().encode("abc").buffer;
    await ctx.db.insert(table, { number, exact: BigInt(number), raw, nested: { list: [null] } });
  }
});

export const count = actionGeneric({
  handler: async (ctx, { room }: { room: string }) => {
    console.log("counting");
    return (await ctx.runQuery(listed, { room })).length;
  },
});

export const secret = internalQueryGeneric(async () => ({ answer: 42 }));

export const who = queryGeneric(async (ctx) => await ctx.auth.getUserIdentity());

export const setting = queryGeneric(async () => {
  if (process.env.SETTING === undefined) throw new Error("Environment variable SETTING is not set");
  return process.env.SETTING;
});

export const refuse = mutationGeneric(async () => {
  throw new ConvexError({ code: 7 });
});

export const fail = mutationGeneric({
  handler: async () => {
    console.log("about to fail");
    throw new Error("on purpose");
  },
});
