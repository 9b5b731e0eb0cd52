/** Platform settings › Integrations › Convex. */
import { ConvexError, v } from "convex/values";
import { internalQuery, mutation, query } from "./_generated/server";
import { hex } from "./signature";

const SYNC_INTERVAL_MS = { least: 250, usual: 5_000, most: 3_600_000 };
const DEPLOY_KEY_LENGTH_MIN = 16;

/** An organization's settings, or what they are until somebody changes them. The deploy key itself is never shown. */
export const get = query({
  args: { organizationId: v.string() },
  handler: async (ctx, { organizationId }) => {
    const [settings, key] = await Promise.all([
      ctx.db
        .query("settings")
        .withIndex("by_org", (q) => q.eq("organizationId", organizationId))
        .unique(),
      ctx.db
        .query("deployKeys")
        .withIndex("by_org", (q) => q.eq("organizationId", organizationId))
        .unique(),
    ]);
    return {
      deploymentUrl: settings?.deploymentUrl ?? process.env.CONVEX_CLOUD_URL!,
      enableRealtime: settings?.enableRealtime ?? true,
      syncIntervalMs: settings?.syncIntervalMs ?? SYNC_INTERVAL_MS.usual,
      deployKey: key && { lastFour: key.lastFour, setBy: key.setBy, setAt: key.setAt },
    };
  },
});

export const save = mutation({
  args: {
    organizationId: v.string(),
    deploymentUrl: v.string(),
    enableRealtime: v.boolean(),
    syncIntervalMs: v.number(),
    updatedBy: v.string(),
  },
  handler: async (ctx, args) => {
    if (!isWebAddress(args.deploymentUrl)) {
      throw invalid("deploymentUrl", "The deployment URL begins with https:// or http://.");
    }
    const { least, most } = SYNC_INTERVAL_MS;
    if (!Number.isInteger(args.syncIntervalMs) || args.syncIntervalMs < least || args.syncIntervalMs > most) {
      throw invalid("syncIntervalMs", `The sync interval is a whole number from ${least} to ${most} ms.`);
    }
    const existing = await ctx.db
      .query("settings")
      .withIndex("by_org", (q) => q.eq("organizationId", args.organizationId))
      .unique();
    if (existing) {
      await ctx.db.replace(existing._id, { ...args, updatedAt: Date.now() });
    } else {
      await ctx.db.insert("settings", { ...args, updatedAt: Date.now() });
    }
  },
});

/** Set the key that the organization's other systems show at `POST /sync`; null takes it away. */
export const setDeployKey = mutation({
  args: { organizationId: v.string(), deployKey: v.union(v.string(), v.null()), setBy: v.string() },
  handler: async (ctx, { organizationId, deployKey, setBy }) => {
    if (deployKey !== null && (deployKey.length < DEPLOY_KEY_LENGTH_MIN || /\s/.test(deployKey))) {
      throw invalid("deployKey", `A deploy key has ${DEPLOY_KEY_LENGTH_MIN} characters or more, and no spaces.`);
    }
    const existing = await ctx.db
      .query("deployKeys")
      .withIndex("by_org", (q) => q.eq("organizationId", organizationId))
      .unique();
    if (existing) {
      await ctx.db.delete(existing._id);
    }
    if (deployKey !== null) {
      await ctx.db.insert("deployKeys", {
        organizationId,
        sha256: await sha256(deployKey),
        lastFour: deployKey.slice(-4),
        setBy,
        setAt: Date.now(),
      });
    }
  },
});

/** Whose deploy key this is, or null. */
export const organizationOfDeployKey = internalQuery({
  args: { deployKey: v.string() },
  handler: async (ctx, { deployKey }) => {
    // Looked up by its hash: how long that takes says nothing about any other key.
    const digest = await sha256(deployKey);
    const key = await ctx.db
      .query("deployKeys")
      .withIndex("by_sha256", (q) => q.eq("sha256", digest))
      .first();
    return key?.organizationId ?? null;
  },
});

function invalid(field: string, message: string) {
  return new ConvexError({ code: "InvalidSetting", field, message });
}

function isWebAddress(text: string) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

async function sha256(text: string) {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
