// The room of a first tutorial: no schema, a mutation that writes, a query that everybody watches, and an action that
// asks another system something when a message begins with "/define".
import { v } from "convex/values";
import { api, internal } from "./_generated/api";
import { internalAction, mutation, query } from "./_generated/server";

const LOOKUP = "/define ";

export const say = mutation({
  args: { author: v.string(), body: v.string() },
  handler: async (ctx, { author, body }) => {
    console.log("%s says something of %d characters", author, body.length);
    await ctx.db.insert("messages", { author, body });
    if (body.startsWith(LOOKUP)) {
      await ctx.scheduler.runAfter(0, internal.chat.define, { word: body.slice(LOOKUP.length) });
    }
  },
});

export const latest = query({
  args: {},
  handler: async (ctx) => {
    const newestFirst = await ctx.db.query("messages").order("desc").take(50);
    return newestFirst.reverse().map(({ author, body }) => `${author}: ${body}`);
  },
});

export const define = internalAction({
  args: { word: v.string() },
  handler: async (ctx, { word }) => {
    const address = new URL(process.env.DICTIONARY_URL!);
    address.searchParams.set("word", word);
    const response = await fetch(address);
    const { meaning } = (await response.json()) as { meaning?: string };
    await ctx.runMutation(api.chat.say, { author: "Dictionary", body: meaning ?? `I do not know “${word}”.` });
  },
});
