"use node";

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { WebSocketServer } from "ws";
import { v } from "convex/values";
import { api, internal } from "./_generated/api";
import { action } from "./_generated/server";

let calls = 0;

export const write = action({
  args: { name: v.string() },
  handler: async (ctx, { name }): Promise<{ hash: string; names: string[]; major: number; ws: string; calls: number }> => {
    await ctx.runMutation(internal.tasks.add, { name });
    calls += 1;
    return {
      hash: createHash("sha256").update(name).digest("hex"),
      names: await ctx.runQuery(api.tasks.names, {}),
      major: Number(process.versions.node.split(".")[0]),
      ws: typeof WebSocketServer,
      calls,
    };
  },
});

export const fails = action({
  args: {},
  handler: async () => {
    readFileSync("/nowhere");
  },
});

export const environment = action({
  args: {},
  handler: async () => Object.keys(process.env).sort(),
});

export const file = action({
  args: {},
  handler: async (ctx) => {
    const id = await ctx.storage.store(new Blob([randomUUID()], { type: "text/plain" }));
    const blob = await ctx.storage.get(id);
    return [blob?.size, blob?.type];
  },
});
