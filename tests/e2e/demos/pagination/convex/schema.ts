import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  posts: defineTable({ author: v.string(), number: v.number() }).index("by_author", ["author", "number"]),
});
