import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  accounts: defineTable({ number: v.number(), balance: v.number() }).index("by_number", ["number"]),
  messages: defineTable({ channel: v.string(), body: v.string() }).index("by_channel", ["channel"]),
  presence: defineTable({ user: v.string(), seen: v.number() }).index("by_user", ["user"]),
});
