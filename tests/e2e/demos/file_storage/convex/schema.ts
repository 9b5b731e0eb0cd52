import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  pictures: defineTable({ storageId: v.id("_storage"), author: v.string() }).index("by_author", ["author"]),
});
