/** Who did what: the feed on the dashboard. */
import { v, type ObjectType } from "convex/values";
import { mutation, type MutationCtx } from "./_generated/server";

const event = {
  organizationId: v.string(),
  userId: v.string(),
  action: v.string(),
  entityType: v.string(),
  entityId: v.string(),
  metadata: v.optional(v.any()),
};

/** Add one line to an organization's feed. */
export const record = mutation({
  args: event,
  handler: async (ctx, args) => await note(ctx, args),
});

/** The same within another mutation: the change and its line in the feed are one transaction. */
export async function note(ctx: MutationCtx, args: ObjectType<typeof event>) {
  return await ctx.db.insert("activity", { ...args, createdAt: Date.now() });
}
