/** How well it goes, against the targets: what the pages measured, and what is stored. */
import { v } from "convex/values";
import { internalMutation, mutation, query, type QueryCtx } from "./_generated/server";

const LOOKED_AT = 200;
const KEPT_MS = 3_600_000;
const DELETED_AT_ONCE = 1_000;
const SAMPLES_MAX = 100;
const ONLINE_MS = 60_000;
const QUOTA_BYTES = 1024 ** 3;

const kind = v.union(v.literal("query"), v.literal("mutation"));

/** Take in what a page has measured since it last told. */
export const report = mutation({
  args: {
    organizationId: v.string(),
    samples: v.array(v.object({ kind, milliseconds: v.number(), failed: v.boolean() })),
  },
  handler: async (ctx, { organizationId, samples }) => {
    for (const sample of samples.slice(0, SAMPLES_MAX)) {
      await ctx.db.insert("samples", { organizationId, ...sample });
    }
  },
});

/** The five metrics. A latency is null until somebody has measured one. */
export const summary = query({
  args: { organizationId: v.string() },
  handler: async (ctx, { organizationId }) => {
    const [queries, mutations, online, files] = await Promise.all([
      newest(ctx, organizationId, "query"),
      newest(ctx, organizationId, "mutation"),
      ctx.db
        .query("presence")
        .withIndex("by_org", (q) => q.eq("organizationId", organizationId))
        .filter((q) => q.gt(q.field("lastSeen"), Date.now() - ONLINE_MS))
        .collect(),
      ctx.db.system.query("_storage").collect(),
    ]);
    const all = [...queries, ...mutations];
    return {
      queryMs: median(queries.map((sample) => sample.milliseconds)),
      mutationMs: median(mutations.map((sample) => sample.milliseconds)),
      activeConnections: online.length,
      storageBytes: files.reduce((sum, file) => sum + file.size, 0),
      storageQuotaBytes: Number(process.env.STORAGE_QUOTA_BYTES ?? QUOTA_BYTES),
      failedShare: all.length === 0 ? 0 : all.filter((sample) => sample.failed).length / all.length,
      sampleCount: all.length,
    };
  },
});

/** Forget what was measured more than an hour ago. */
export const cleanup = internalMutation({
  args: {},
  handler: async (ctx) => {
    const old = await ctx.db
      .query("samples")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - KEPT_MS))
      .take(DELETED_AT_ONCE);
    for (const sample of old) {
      await ctx.db.delete(sample._id);
    }
  },
});

async function newest(ctx: QueryCtx, organizationId: string, kind: "query" | "mutation") {
  return await ctx.db
    .query("samples")
    .withIndex("by_org_kind", (q) => q.eq("organizationId", organizationId).eq("kind", kind))
    .order("desc")
    .take(LOOKED_AT);
}

function median(values: number[]) {
  return values.length === 0 ? null : values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
