import { v } from "convex/values";
import { mutation, query } from "./_generated/server";

const shape = v.union(
  v.object({ kind: v.literal("circle"), radius: v.number() }),
  v.object({ kind: v.literal("box"), sides: v.array(v.number()) }),
);

/** One argument of every type, given back as it came. */
export const echo = query({
  args: {
    text: v.string(),
    number: v.number(),
    whole: v.int64(),
    flag: v.boolean(),
    nothing: v.null(),
    bytes: v.bytes(),
    list: v.array(v.union(v.string(), v.number())),
    record: v.record(v.string(), v.boolean()),
    shape,
    maybe: v.optional(v.string()),
    whatever: v.any(),
  },
  handler: async (_, args) => ({ ...args, whole: args.whole + 1n, size: args.bytes.byteLength }),
});

export const area = query({
  args: { shape },
  returns: v.number(),
  handler: async (_, { shape }) =>
    shape.kind === "circle" ? Math.PI * shape.radius ** 2 : shape.sides.reduce((product, side) => product * side, 1),
});

/** Promises a number, and gives what it is given. */
export const promise = query({ args: { value: v.any() }, returns: v.number(), handler: async (_, { value }) => value });

/** No validator: anything goes. */
export const anything = mutation(async (_, args) => Object.keys(args).sort());
