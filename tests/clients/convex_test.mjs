// Runs the programs of tests/differential on npm `convex-test`: a JSON command a line in, a JSON answer a line out.
//
//   {"op": "reset", "schema": …}                   → {}: an empty database with that schema, given as its JSON
//   {"op": "run", "kind": "mutation", "program": …} → {"value": …} or {"error": message}
//
// The same interpreter as tests/differential/app/program.py, statement by statement.
import { createInterface } from "node:readline";
import { convexTest } from "convex-test";
import { makeFunctionReference, mutationGeneric, queryGeneric } from "convex/server";
import { convexToJson, jsonToConvex } from "convex/values";

const nested = makeFunctionReference("program:run");

// A document by its table and number; whatever the number, it is one. `ids` are pairs of table and id.
const named = (ids, [table, number]) => {
  const those = ids.filter(([of]) => of === table);
  return those[number % those.length][1];
};

function given(value, ids) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    if ("$undefined" in value) return undefined;
    if ("$doc" in value) return named(ids, value.$doc);
  }
  return jsonToConvex(value);
}

const fieldsOf = (fields, ids) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, given(value, ids)]));

function condition(q, [operator, ...operands], ids) {
  if (operator === "field") return q.field(operands[0]);
  if (operator === "value") return given(operands[0], ids);
  return q[operator](...operands.map((operand) => condition(q, operand, ids)));
}

function described(ctx, step, ids) {
  let query = ctx.db.query(step.table);
  if (step.index !== null) {
    query = query.withIndex(step.index, (q) => {
      for (const [operator, field, value] of step.range) q = q[operator](field, given(value, ids));
      return q;
    });
  }
  if (step.order !== null) query = query.order(step.order);
  for (const filter of step.filters) query = query.filter((q) => condition(q, filter, ids));
  return query;
}

const perform = {
  insert: async (ctx, step, ids) => {
    ids.push([step.table, await ctx.db.insert(step.table, fieldsOf(step.fields, ids))]);
    return null;
  },
  patch: async (ctx, step, ids) => (await ctx.db.patch(named(ids, step.target), fieldsOf(step.fields, ids)), null),
  replace: async (ctx, step, ids) => (await ctx.db.replace(named(ids, step.target), fieldsOf(step.fields, ids)), null),
  delete: async (ctx, step, ids) => (await ctx.db.delete(named(ids, step.target)), null),
  get: async (ctx, step, ids) => await ctx.db.get(named(ids, step.target)),
  get_in: async (ctx, step, ids) => await ctx.db.get(step.table, named(ids, step.target)),
  normalize: async (ctx, step, ids) => ctx.db.normalizeId(step.table, named(ids, step.target)),
  collect: async (ctx, step, ids) => await described(ctx, step, ids).collect(),
  take: async (ctx, step, ids) => await described(ctx, step, ids).take(step.n),
  first: async (ctx, step, ids) => await described(ctx, step, ids).first(),
  unique: async (ctx, step, ids) => await described(ctx, step, ids).unique(),
  page: async (ctx, step, ids) => {
    const { page, isDone, continueCursor } = await described(ctx, step, ids).paginate(step.options);
    return { page, isDone, continueCursor };
  },
  nested: async (ctx, step, ids) => {
    const inner = JSON.parse(await ctx.runMutation(nested, { program: JSON.stringify({ ...step.program, ids }) }));
    ids.splice(0, ids.length, ...inner.ids);
    return inner.results.map(jsonToConvex);
  },
};

async function run(ctx, { program }) {
  const { ids, steps, fails } = JSON.parse(program);
  const results = [];
  for (const step of steps) {
    try {
      results.push(convexToJson(["ok", (await perform[step.op](ctx, step, ids)) ?? null]));
    } catch (error) {
      if (error instanceof TypeError || error instanceof ReferenceError) throw error; // a mistake of ours
      results.push(["error"]);
    }
  }
  if (fails) throw new Error("as the program says");
  return JSON.stringify({ ids, results });
}

const modules = {
  "./_generated/api.js": async () => ({}),
  "./program.js": async () => ({ run: mutationGeneric(run), look: queryGeneric(run) }),
};
const look = makeFunctionReference("program:look");
let database;

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    if (command.op === "reset") {
      const { tables, schemaValidation } = command.schema;
      const exported = tables.map((table) => [table.tableName, { export: () => table }]);
      database = convexTest({ tables: Object.fromEntries(exported), schemaValidation }, modules);
      say({});
    } else {
      const args = { program: JSON.stringify(command.program) };
      const value = await (command.kind === "query" ? database.query(look, args) : database.mutation(nested, args));
      say({ value: JSON.parse(value) });
    }
  } catch (error) {
    say({ error: String(error.stack) });
  }
}
