// An error that a client is meant to understand is a ConvexError; what is in it arrives there as it is here.
import { ConvexError, v } from "convex/values";
import { api } from "./_generated/api";
import { action, mutation, query, type QueryCtx } from "./_generated/server";

async function taken(ctx: QueryCtx, seat: string) {
  return await ctx.db
    .query("seats")
    .withIndex("by_seat", (q) => q.eq("seat", seat))
    .unique();
}

export const reserve = mutation({
  args: { seat: v.string(), holder: v.string() },
  handler: async (ctx, { seat, holder }) => {
    if (!/^[A-F]\d+$/.test(seat)) throw new ConvexError("There is no such seat.");
    // Taken first and looked at then: an error gives it back.
    const mine = await ctx.db.insert("seats", { seat, holder });
    const all = await ctx.db
      .query("seats")
      .withIndex("by_seat", (q) => q.eq("seat", seat))
      .collect();
    const other = all.find(({ _id }) => _id !== mine);
    if (other) throw new ConvexError({ code: "SeatTaken", seat, holder: other.holder, since: 2n ** 40n });
  },
});

export const holder = query({
  args: { seat: v.string() },
  handler: async (ctx, { seat }) => {
    const found = await taken(ctx, seat);
    if (found === null) throw new ConvexError({ code: "SeatFree", seat });
    return found.holder;
  },
});

export const release = mutation({
  args: { seat: v.string() },
  handler: async (ctx, { seat }) => {
    const found = await taken(ctx, seat);
    if (found !== null) await ctx.db.delete(found._id);
  },
});

/** The first seat of several that is free. The errors of the mutations are caught here, one by one. */
export const reserveAny = action({
  args: { seats: v.array(v.string()), holder: v.string() },
  handler: async (ctx, { seats, holder }): Promise<{ seat: string | null; refused: string[] }> => {
    const refused: string[] = [];
    for (const seat of seats) {
      try {
        await ctx.runMutation(api.seats.reserve, { seat, holder });
        return { seat, refused };
      } catch (error) {
        if (!(error instanceof ConvexError)) throw error;
        refused.push(typeof error.data === "string" ? error.data : `${error.data.seat} is ${error.data.holder}'s`);
      }
    }
    throw new ConvexError({ code: "AllTaken", refused });
  },
});

class Overbooked extends ConvexError<{ code: "Overbooked"; by: number }> {
  constructor(by: number) {
    super({ code: "Overbooked", by });
  }
}

export const overbook = mutation({
  args: {},
  handler: async () => {
    throw new Overbooked(3);
  },
});

/** No ConvexError: what it says is for developers. */
export const trip = query({
  args: {},
  handler: async () => {
    const seat = JSON.parse("null");
    return seat.holder;
  },
});
