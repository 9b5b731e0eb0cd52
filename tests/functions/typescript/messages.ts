import { query, mutation, internalMutation, internalQuery } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { createFunctionHandle } from "convex/server";
import { v, ConvexError } from "convex/values";

export const send = mutation({
    args: { author: v.string(), body: v.string() },
    returns: v.id("messages"),
    handler: async (ctx, args) => await ctx.db.insert("messages", args),
});

export const list = query({
    args: {},
    handler: async (ctx) => await ctx.db.query("messages").order("desc").take(50),
});

export const edit = mutation({
    args: { id: v.id("messages"), body: v.optional(v.string()) },
    handler: async (ctx, { id, body }) => {
        await ctx.db.patch(id, { body });
        return await ctx.db.get(id);
    },
});

export const fail = query({
    args: {},
    handler: async () => {
        throw new Error("nothing works");
    },
});

export const refuse = query({
    args: {},
    handler: async () => {
        throw new ConvexError({ code: "FULL", count: 3n });
    },
});

export const wrong = query({ args: {}, returns: v.string(), handler: async () => 1 });

export const hidden = internalQuery({ args: { n: v.number() }, handler: async (ctx, { n }) => n + 1 });

export const first = query({
    args: { n: v.number() },
    handler: async (ctx, { n }) => {
        const rows = [];
        for await (const row of ctx.db.query("numbers").withIndex("by_creation_time")) {
            rows.push(row.n);
            if (rows.length === n) break;
        }
        return rows;
    },
});

export const fill = mutation({
    args: { count: v.number() },
    handler: async (ctx, { count }) => {
        for (let n = 0; n < count; n++) await ctx.db.insert("numbers", { n });
    },
});

export const double = mutation({
    args: {},
    handler: async (ctx) => {
        let seen = 0;
        for await (const row of ctx.db.query("numbers")) {
            await ctx.db.patch(row._id, { n: row.n * 2 });
            if (++seen === 1) await ctx.db.insert("numbers", { n: 1000 });
        }
        return seen;
    },
});

export const page = query({
    args: { paginationOpts: v.any() },
    handler: async (ctx, { paginationOpts }) =>
        await ctx.db.query("numbers").filter((q) => q.gt(q.field("n"), 2)).paginate(paginationOpts),
});

export const evaluate = query({
    args: { source: v.string(), id: v.optional(v.string()) },
    handler: async (ctx, { source, id }) => {
        const ask = async (op: string, args: any) =>
            JSON.parse(await (globalThis as any).Convex.asyncSyscall(op, JSON.stringify(args)));
        switch (source) {
            case "bigint": return ctx.meta.getSnapshotTs();
            case "metrics": return await ctx.meta.getTransactionMetrics();
            case "metadata": return await ctx.meta.getFunctionMetadata();
            case "deployment": return await ctx.meta.getDeploymentMetadata();
            case "normalize": return [ctx.db.normalizeId("messages", id!), ctx.db.normalizeId("numbers", id!)];
            case "env": return [process.env.CONVEX_CLOUD_URL, process.env.UNSET ?? null, process.env["no name"] ?? null];
            case "identity": return await ctx.auth.getUserIdentity();
            case "insert": return await ask("1.0/insert", { table: "messages", value: {} });
            case "unknown": return await ask("1.0/whatever", {});
            case "request": return await ask("1.0/getRequestMetadata", {});
            case "system": return await ctx.db.get(id as any);
            case "user": return await ctx.db.system.get(id as any);
            case "malformed": return await ask("1.0/get", { id: 7 });
            case "table": return await ctx.db.get("numbers", id as any);
            case "count": return await (ctx.db.query("numbers") as any).count();
            case "search": return await ctx.db.query("messages").withSearchIndex("body", (q) => q.search("body", "x")).collect();
            case "index": return await ctx.db.query("messages").withIndex("nowhere").collect();
            case "handle": return await createFunctionHandle(api.messages.send);
            case "reference": return await ask("1.0/runUdf", { udfType: "query", reference: "_reference/childComponent/x/y", args: {} });
            case "time": return Date.now();
            case "random": return Math.random();
            case "log": console.log(1); console.error(2); return null;
            case "stuck": return await new Promise(() => {});
            case "loop": for (;;);
        }
    },
});

export const later = mutation({
    args: { ms: v.number(), path: v.optional(v.string()) },
    handler: async (ctx, { ms, path }) => {
        const id = await ctx.scheduler.runAfter(ms, path ?? (internal.messages.tick as any), { n: 2n });
        const job = await ctx.db.system.get(id);
        return [id, job];
    },
});

export const cancel = mutation({ args: { id: v.any() }, handler: async (ctx, { id }) => await ctx.scheduler.cancel(id) });

export const tick = internalMutation({
    args: { n: v.int64() },
    handler: async (ctx, { n }) => {
        const { scheduledFunctionId } = await ctx.meta.getRequestMetadata();
        return await ctx.db.insert("ticks", { n, scheduledFunctionId });
    },
});

export const nested = mutation({
    args: {},
    handler: async (ctx) => {
        await ctx.db.insert("notes", { text: "outer" });
        try {
            await ctx.runMutation(internal.messages.half, {});
        } catch (error: any) {
            const seen = (await ctx.db.query("notes").collect()).map((note) => note.text);
            return [error instanceof ConvexError, error.data, seen];
        }
    },
});

export const half = internalMutation({
    args: {},
    handler: async (ctx) => {
        await ctx.db.insert("notes", { text: "inner" });
        throw new ConvexError("half done");
    },
});

export const deep = mutation({
    args: { n: v.number() },
    handler: async (ctx, { n }): Promise<number> => (n === 0 ? 0 : 1 + (await ctx.runMutation(api.messages.deep, { n: n - 1 }))),
});

export const stale = mutation({
    args: {},
    handler: async (ctx) => {
        await ctx.db.insert("notes", { text: "mine" });
        const options = { useStaleSnapshot: true };
        return [
            await ctx.runQuery(api.messages.notes, {}),
            await (ctx as any).runQuery(api.messages.notes, {}, options),
        ];
    },
});

export const notes = query({ args: {}, handler: async (ctx) => (await ctx.db.query("notes").collect()).length });

export const limited = mutation({
    args: {},
    handler: async (ctx) => {
        const limits = { transactionLimits: { documentsRead: 1 } };
        return await (ctx as any).runQuery(api.messages.first, { n: 3 }, limits);
    },
});

export const files = mutation({
    args: { op: v.string() },
    handler: async (ctx, { op }) => {
        if (op === "upload") return await ctx.storage.generateUploadUrl();
        if (op === "store") return await (globalThis as any).Convex.asyncSyscall("1.0/storageStore", "{}");
        if (op === "sign") return await (ctx.auth as any).signJwt({ claims: {} });
        if (op === "own") {
            try { await (ctx.auth as any).signJwt({}); } catch { throw new Error("no token"); }
        }
        if (op === "delete") return await ctx.storage.delete("00000000-0000-0000-0000-000000000000" as any);
        return [await ctx.storage.getUrl("00000000-0000-0000-0000-000000000000" as any)];
    },
});

export const stamp = mutation({
    args: {},
    handler: async (ctx) => await ctx.db.insert("notes", { at: (ctx.db as any).vars.commitTs }),
});

export const echo = query({ args: { value: v.any() }, handler: async (ctx, { value }) => value });
