import { query, mutation, internalMutation } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { v, ConvexError } from "convex/values";

export const list = query({
    args: { room: v.string() },
    handler: async (ctx, { room }) =>
        await ctx.db.query("messages").withIndex("by_room", (q) => q.eq("room", room)).order("desc").take(10),
});

export const send = mutation({
    args: { room: v.string(), body: v.string() },
    returns: v.id("messages"),
    handler: async (ctx, args) => await ctx.db.insert("messages", { ...args, at: Date.now() }),
});

export const newest = query({
    args: { room: v.string() },
    handler: async (ctx, { room }) => {
        for await (const message of ctx.db.query("messages").withIndex("by_room", (q) => q.eq("room", room))) {
            return message.body;
        }
        return null;
    },
});

export const count = mutation({
    args: { name: v.string() },
    handler: async (ctx, { name }) => {
        const counter = await ctx.db.query("counters").withIndex("by_name", (q) => q.eq("name", name)).unique();
        if (counter === null) {
            await ctx.db.insert("counters", { name, value: 1 });
            return 1;
        }
        await ctx.db.patch(counter._id, { value: counter.value + 1 });
        return counter.value + 1;
    },
});

export const greeting = query({ args: {}, handler: async () => process.env.GREETING ?? "unset" });

export const refuse = mutation({
    args: {},
    handler: async () => {
        throw new ConvexError({ code: "CLOSED", until: 12n });
    },
});

export const broken = query({
    args: {},
    handler: async () => {
        throw new TypeError("no such thing");
    },
});

export const endless = query({
    args: {},
    handler: async () => {
        for (;;);
    },
});

export const hungry = query({
    args: {},
    handler: async () => {
        const kept: string[][] = [];
        for (;;) kept.push(new Array(2_000_000).fill("x"));
    },
});

export const soon = mutation({
    args: { name: v.string() },
    handler: async (ctx, { name }) => await ctx.scheduler.runAfter(0, internal.counter.tick, { name }),
});

export const tick = internalMutation({
    args: { name: v.string() },
    handler: async (ctx, { name }): Promise<number> => await ctx.runMutation(api.counter.count, { name }),
});

export const value = query({
    args: { name: v.string() },
    handler: async (ctx, { name }) =>
        (await ctx.db.query("counters").withIndex("by_name", (q) => q.eq("name", name)).unique())?.value ?? 0,
});
