import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  seats: defineTable({ seat: v.string(), holder: v.string() }).index("by_seat", ["seat"]),
});
