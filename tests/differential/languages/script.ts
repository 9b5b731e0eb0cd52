// Runs a program of tests/differential/programs.py, with the steps that test_languages.py adds: the interpreter of
// snake.py, statement by statement.
import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, jsonToConvex, v } from "convex/values";
import { mutation, query } from "./_generated/server";

type Json = any;

const mutationOf: Record<string, any> = {
    own: makeFunctionReference<"mutation">("script:run"),
    other: makeFunctionReference<"mutation">("snake:run"),
};
const queryOf: Record<string, any> = {
    own: makeFunctionReference<"query">("script:look"),
    other: makeFunctionReference<"query">("snake:look"),
};

// A document by its table and number; whatever the number, it is one. `ids` are pairs of table and id.
function named(ids: string[][], [table, number]: [string, number]): any {
    const those = ids.filter(([of]) => of === table);
    return those[number % those.length][1];
}

function given(value: Json, ids: string[][]): any {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        if ("$undefined" in value) return undefined;
        if ("$doc" in value) return named(ids, value.$doc);
    }
    return jsonToConvex(value);
}

const fieldsOf = (fields: Json, ids: string[][]): any =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, given(value, ids)]));

function condition(q: any, [operator, ...operands]: Json[], ids: string[][]): any {
    if (operator === "field") return q.field(operands[0]);
    if (operator === "value") return given(operands[0], ids);
    return q[operator](...operands.map((operand) => condition(q, operand, ids)));
}

function described(ctx: any, step: Json, ids: string[][]): any {
    let described = ctx.db.query(step.table);
    if (step.index !== null) {
        described = described.withIndex(step.index, (q: any) => {
            for (const [operator, field, value] of step.range) q = q[operator](field, given(value, ids));
            return q;
        });
    }
    if (step.order !== null) described = described.order(step.order);
    for (const filter of step.filters) described = described.filter((q: any) => condition(q, filter, ids));
    return described;
}

const perform: Record<string, (ctx: any, step: Json, ids: string[][]) => Promise<any>> = {
    insert: async (ctx, step, ids) => {
        ids.push([step.table, await ctx.db.insert(step.table, fieldsOf(step.fields, ids))]);
    },
    patch: async (ctx, step, ids) => await ctx.db.patch(named(ids, step.target), fieldsOf(step.fields, ids)),
    replace: async (ctx, step, ids) => await ctx.db.replace(named(ids, step.target), fieldsOf(step.fields, ids)),
    delete: async (ctx, step, ids) => await ctx.db.delete(named(ids, step.target)),
    get: async (ctx, step, ids) => await ctx.db.get(named(ids, step.target)),
    get_in: async (ctx, step, ids) => await ctx.db.get(step.table, named(ids, step.target)),
    normalize: async (ctx, step, ids) => ctx.db.normalizeId(step.table, named(ids, step.target)),
    collect: async (ctx, step, ids) => await described(ctx, step, ids).collect(),
    take: async (ctx, step, ids) => await described(ctx, step, ids).take(step.n),
    first: async (ctx, step, ids) => await described(ctx, step, ids).first(),
    unique: async (ctx, step, ids) => await described(ctx, step, ids).unique(),
    page: async (ctx, step, ids) => await described(ctx, step, ids).paginate({ cursor: null, ...step.options }),
    loop: async (ctx, step, ids) => {
        const seen = [];
        for await (const row of described(ctx, step, ids)) {
            seen.push(row);
            if (seen.length === step.rows) break;
            if (step.write === "patch") await ctx.db.patch(row._id, { n: 7 });
            if (step.write === "delete") await ctx.db.delete(row._id);
            if (step.write === "insert") {
                ids.push(["loose", await ctx.db.insert("loose", { n: seen.length })]);
            }
        }
        return seen;
    },
    together: async (ctx, step, ids) => {
        const all = step.steps.map(async (inner: Json) => (await perform[inner.op](ctx, inner, ids)) ?? null);
        const settled = await Promise.allSettled(all);
        return settled.map((each: any) => (each.status === "fulfilled" ? each.value : each.reason.message));
    },
    variable: async (ctx, step) => process.env[step.name] ?? null,
    identity: async (ctx) => await ctx.auth.getUserIdentity(),
    now: async () => Date.now(),
    metrics: async (ctx) => await ctx.meta.getTransactionMetrics(),
    schedule: async (ctx, step) => await ctx.scheduler.runAfter(step.delay, mutationOf[step.language], { program: "" }),
    nested: async (ctx, step, ids) => {
        const program = JSON.stringify({ ...step.program, ids });
        const limits = step.limits === null ? {} : { transactionLimits: step.limits };
        const inner = JSON.parse(await ctx.runMutation(mutationOf[step.language], { program }, limits));
        ids.splice(0, ids.length, ...inner.ids);
        return inner.results.map(jsonToConvex);
    },
    ask: async (ctx, step, ids) => {
        const program = JSON.stringify({ ...step.program, ids });
        const options = step.stale ? { useStaleSnapshot: true } : {};
        return JSON.parse(await ctx.runQuery(queryOf[step.language], { program }, options)).results.map(jsonToConvex);
    },
};

async function execute(ctx: any, program: string): Promise<string> {
    const { ids, steps, fails } = JSON.parse(program);
    const results: Json[] = [];
    for (const step of steps) {
        try {
            results.push(convexToJson(["ok", (await perform[step.op](ctx, step, ids)) ?? null]));
        } catch (error: any) {
            if (error instanceof TypeError || error instanceof ReferenceError) throw error; // a mistake of ours
            if (fails === "at once") throw error;
            results.push(["error", error.message, error instanceof ConvexError ? convexToJson(error.data) : null]);
        }
    }
    if (fails === "in the end") throw new ConvexError("as the program says");
    return JSON.stringify({ ids, results });
}

export const run = mutation({
    args: { program: v.string() },
    handler: async (ctx, { program }) => await execute(ctx, program),
});

export const look = query({
    args: { program: v.string() },
    handler: async (ctx, { program }) => await execute(ctx, program),
});
