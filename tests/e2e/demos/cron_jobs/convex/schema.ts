import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  beats: defineTable({ source: v.string(), at: v.number() }).index("by_source", ["source"]),
});
