import { query, mutation, internalMutation } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { createFunctionHandle } from "convex/server";
import { v, ConvexError } from "convex/values";

const anything = api as any;

export const add = mutation({
    args: { text: v.string() },
    handler: async (ctx, { text }) => await ctx.db.insert("notes", { text, by: "typescript" }),
});

export const texts = query({
    args: {},
    handler: async (ctx) => (await ctx.db.query("notes").collect()).map((note) => note.text),
});

// TypeScript, which calls Python, which calls TypeScript.
export const sandwich = mutation({
    args: {},
    handler: async (ctx) => {
        await ctx.db.insert("notes", { text: "top" });
        const below = await ctx.runMutation(anything.snake.middle, {});
        return [below, await ctx.runQuery(anything.snake.texts, {})];
    },
});

export const bottom = mutation({
    args: { ok: v.boolean() },
    handler: async (ctx, { ok }) => {
        await ctx.db.insert("notes", { text: "bottom" });
        if (!ok) throw new ConvexError({ where: "bottom", n: 1n });
        return 7n;
    },
});

export const survive = mutation({
    args: {},
    handler: async (ctx) => {
        try {
            await ctx.runMutation(anything.snake.fails, {});
        } catch (error: any) {
            return [error instanceof ConvexError, error.data ?? null, error.message];
        }
    },
});

export const exhaust = query({
    args: {},
    handler: async () => {
        const kept: string[][] = [];
        for (;;) kept.push(new Array(100000).fill("x"));
    },
});

export const scheduled = internalMutation({
    args: {},
    handler: async (ctx) => await ctx.scheduler.runAfter(0, anything.snake.add, { text: "from typescript" }),
});

export const wrongly = mutation({
    args: {},
    handler: async (ctx) => await ctx.runMutation(anything.snake.add, { text: 1 } as any),
});

export const handles = query({
    args: {},
    handler: async () => [await createFunctionHandle(api.both.add), await createFunctionHandle(anything.snake.add)],
});

export const byHandle = mutation({
    args: { handle: v.string() },
    handler: async (ctx, { handle }) => await ctx.runMutation(handle as any, { text: "by handle" }),
});
