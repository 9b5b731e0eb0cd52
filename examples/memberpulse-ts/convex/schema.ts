import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

/** What MemberPulse keeps, and the indexes that its queries read by. */
export default defineSchema({
  notifications: defineTable({
    userId: v.string(),
    organizationId: v.string(),
    type: v.string(),
    title: v.string(),
    message: v.string(),
    link: v.optional(v.string()),
    read: v.boolean(),
    createdAt: v.number(),
  })
    .index("by_user", ["userId"])
    .index("by_org", ["organizationId"]),

  presence: defineTable({
    userId: v.string(),
    organizationId: v.string(),
    currentPage: v.string(),
    lastSeen: v.number(),
  })
    .index("by_user", ["userId"])
    .index("by_org", ["organizationId"]),

  activity: defineTable({
    organizationId: v.string(),
    userId: v.string(),
    action: v.string(),
    entityType: v.string(),
    entityId: v.string(),
    metadata: v.optional(v.any()),
    createdAt: v.number(),
  })
    .index("by_org", ["organizationId"])
    .index("by_user", ["userId"]),

  approvals: defineTable({
    organizationId: v.string(),
    requestedBy: v.string(),
    subject: v.string(),
    status: v.union(v.literal("pending"), v.literal("approved"), v.literal("rejected")),
    createdAt: v.number(),
  }).index("by_org_status", ["organizationId", "status"]),

  files: defineTable({
    storageId: v.id("_storage"),
    fileName: v.string(),
    fileType: v.string(),
    uploadedBy: v.string(),
    organizationId: v.string(),
    uploadedAt: v.number(),
  })
    .index("by_org", ["organizationId"])
    .index("by_user", ["uploadedBy"]),

  settings: defineTable({
    organizationId: v.string(),
    deploymentUrl: v.string(),
    enableRealtime: v.boolean(),
    syncIntervalMs: v.number(),
    updatedBy: v.string(),
    updatedAt: v.number(),
  }).index("by_org", ["organizationId"]),

  // Of a deploy key only its SHA-256 is kept, and its last four characters to tell one key from another.
  deployKeys: defineTable({
    organizationId: v.string(),
    sha256: v.string(),
    lastFour: v.string(),
    setBy: v.string(),
    setAt: v.number(),
  })
    .index("by_org", ["organizationId"])
    .index("by_sha256", ["sha256"]),

  // How long calls took, as the pages measured it.
  samples: defineTable({
    organizationId: v.string(),
    kind: v.union(v.literal("query"), v.literal("mutation")),
    milliseconds: v.number(),
    failed: v.boolean(),
  }).index("by_org_kind", ["organizationId", "kind"]),
});
