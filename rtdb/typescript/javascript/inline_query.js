// What the official command line imports into an inline query (`npx convex run --inline-query`): `query` makes a
// function of the host out of what it is given, with a `ctx` that reads.
//
// An app brings its own library along, bundled into its modules; an inline query brings none, so what it needs of one is
// here. Reads go through the same syscalls (typescript-runtime §3 to §8).

const VERSION = "1.48.0";

// --- values ----------------------------------------------------------------------------------------------------------

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

function encode(value) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $float: numberBytes("setFloat64", value) };
    case "bigint":
      return { $integer: numberBytes("setBigInt64", value) };
    case "object":
      if (value === null) return null;
      if (value instanceof ArrayBuffer) return { $bytes: bytesToBase64(new Uint8Array(value)) };
      if (Array.isArray(value)) return value.map(encode);
      if (isPlain(value)) {
        const fields = Object.entries(value).filter(([, field]) => field !== undefined);
        return Object.fromEntries(fields.map(([name, field]) => [name, encode(field)]));
      }
  }
  if (value instanceof Query) {
    throw new Error(
      "Return value is a Query. Results must be retrieved with `.collect()`, `.take(n), `.unique()`, or `.first()`.",
    );
  }
  throw new Error(`${String(value)} is not a supported Convex type.`);
}

function decode(json) {
  if (Array.isArray(json)) return json.map(decode);
  if (typeof json !== "object" || json === null) return json;
  const names = Object.keys(json);
  if (names.length === 1) {
    const [name] = names;
    if (name === "$integer") return view(json.$integer).getBigInt64(0, true);
    if (name === "$float") return view(json.$float).getFloat64(0, true);
    if (name === "$bytes") return fromBase64(json.$bytes).buffer;
  }
  return Object.fromEntries(names.map((name) => [name, decode(json[name])]));
}

const view = (text) => new DataView(fromBase64(text).buffer);

function numberBytes(set, value) {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes[set](0, value, true);
  return bytesToBase64(new Uint8Array(bytes.buffer));
}

// A piece at a time: a call has only so many arguments.
function bytesToBase64(bytes) {
  const PIECE = 3 * 4096;
  let text = "";
  for (let start = 0; start < bytes.length; start += PIECE) text += toBase64(bytes.subarray(start, start + PIECE));
  return text;
}

function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const encodeOrUndefined = (value) => (value === undefined ? { $undefined: null } : encode(value));

// --- syscalls --------------------------------------------------------------------------------------------------------

function failure(error) {
  const failed = new Error(error.message);
  if (error.data === undefined) return failed;
  failed.name = "ConvexError";
  failed.data = JSON.stringify(error.data);
  failed.ConvexErrorSymbol = Symbol.for("ConvexError");
  failed[failed.ConvexErrorSymbol] = true;
  return failed;
}

function syscall(op, args) {
  try {
    return JSON.parse(Convex.syscall(op, JSON.stringify({ ...args, version: VERSION })));
  } catch (error) {
    throw failure(error);
  }
}

async function asyncSyscall(op, args) {
  let answer;
  try {
    answer = await Convex.asyncSyscall(op, JSON.stringify({ ...args, version: VERSION }));
  } catch (error) {
    throw failure(error);
  }
  return decode(JSON.parse(answer));
}

// --- queries ---------------------------------------------------------------------------------------------------------

class Expression {
  constructor(json) {
    this.json = json;
  }
}

const operand = (value) => (value instanceof Expression ? value.json : { $literal: encodeOrUndefined(value) });
const binary = (name) => (left, right) => new Expression({ [name]: [operand(left), operand(right)] });
const nary = (name) => (...operands) => new Expression({ [name]: operands.map(operand) });

const filterBuilder = Object.freeze({
  eq: binary("$eq"),
  neq: binary("$neq"),
  lt: binary("$lt"),
  lte: binary("$lte"),
  gt: binary("$gt"),
  gte: binary("$gte"),
  add: binary("$add"),
  sub: binary("$sub"),
  mul: binary("$mul"),
  div: binary("$div"),
  mod: binary("$mod"),
  neg: (value) => new Expression({ $neg: operand(value) }),
  and: nary("$and"),
  or: nary("$or"),
  not: (value) => new Expression({ $not: operand(value) }),
  field: (path) => new Expression({ $field: path }),
});

class IndexRange {
  constructor(range = []) {
    this.range = range;
  }
  #and(type, fieldPath, value) {
    return new IndexRange([...this.range, { type, fieldPath, value: encodeOrUndefined(value) }]);
  }
  eq(field, value) {
    return this.#and("Eq", field, value);
  }
  gt(field, value) {
    return this.#and("Gt", field, value);
  }
  gte(field, value) {
    return this.#and("Gte", field, value);
  }
  lt(field, value) {
    return this.#and("Lt", field, value);
  }
  lte(field, value) {
    return this.#and("Lte", field, value);
  }
}

class Query {
  #source;
  #operators;

  constructor(source, operators = []) {
    this.#source = source;
    this.#operators = operators;
  }

  fullTableScan() {
    return this;
  }

  withIndex(name, range = (query) => query) {
    const tableName = this.#table();
    if (this.#source.type !== "FullTableScan" || this.#source.order !== null || this.#operators.length > 0) {
      throw new Error("`withIndex` comes first, right behind `query`");
    }
    const indexName = `${tableName}.${name}`;
    return new Query({ type: "IndexRange", indexName, range: range(new IndexRange()).range, order: null });
  }

  order(order) {
    if (order !== "asc" && order !== "desc") throw new Error(`The order is "asc" or "desc", not ${String(order)}`);
    if (this.#source.order !== null) throw new Error("The order of a query is said once");
    return new Query({ ...this.#source, order }, this.#operators);
  }

  filter(predicate) {
    return this.#with({ filter: operand(predicate(filterBuilder)) });
  }

  limit(count) {
    return this.#with({ limit: count });
  }

  async collect() {
    const documents = [];
    for await (const document of this) documents.push(document);
    return documents;
  }

  async take(count) {
    if (!Number.isInteger(count) || count < 0) throw new Error("`take` wants a number of documents");
    return count === 0 ? [] : await this.limit(count).collect();
  }

  async first() {
    const [document] = await this.take(1);
    return document ?? null;
  }

  async unique() {
    const found = await this.take(2);
    if (found.length === 2) {
      const ids = found.map((document) => document._id).join(", ");
      throw new Error(`unique() query returned more than one result from table ${this.#table()}:\n [${ids}, ...]`);
    }
    return found[0] ?? null;
  }

  async paginate({ cursor, numItems, endCursor = null, maximumRowsRead = null, maximumBytesRead = null }) {
    return await asyncSyscall("1.0/queryPage", {
      query: this.#json(),
      cursor,
      endCursor,
      pageSize: numItems,
      maximumRowsRead,
      maximumBytesRead,
    });
  }

  async *[Symbol.asyncIterator]() {
    const { queryId } = syscall("1.0/queryStream", { query: this.#json() });
    try {
      while (true) {
        const { value, done } = await asyncSyscall("1.0/queryStreamNext", { queryId });
        if (done) return;
        yield value;
      }
    } finally {
      syscall("1.0/queryCleanup", { queryId });
    }
  }

  #with(operator) {
    return new Query(this.#source, [...this.#operators, operator]);
  }
  #json() {
    return { source: this.#source, operators: this.#operators };
  }
  #table() {
    return this.#source.tableName ?? this.#source.indexName.split(".")[0];
  }
}

// --- ctx -------------------------------------------------------------------------------------------------------------

const reader = (isSystem) => ({
  get: async (...args) => {
    const [table, id] = args.length === 1 ? [undefined, args[0]] : args;
    if (typeof id !== "string") throw new Error("Invalid argument `id` for `db.get`: an id is a string");
    return await asyncSyscall("1.0/get", { table, id, isSystem });
  },
  query: (tableName) => {
    if (tableName.startsWith("_") !== isSystem) {
      const method = isSystem ? "db.query()" : "db.system.query()";
      throw new Error(`${isSystem ? "User" : "System"} tables can only be accessed from ${method}.`);
    }
    return new Query({ type: "FullTableScan", tableName, order: null });
  },
  normalizeId: (table, idString) => syscall("1.0/db/normalizeId", { table, idString }).id,
});

function addressOf(reference) {
  const name = typeof reference === "string" ? reference : reference?.[Symbol.for("functionName")];
  if (typeof name !== "string") throw new Error(`${String(reference)} is not a functionReference`);
  return name.startsWith("function://") ? { functionHandle: name } : { name };
}

const ctx = Object.freeze({
  db: Object.freeze({ ...reader(false), system: Object.freeze(reader(true)) }),
  auth: Object.freeze({ getUserIdentity: () => asyncSyscall("1.0/getUserIdentity", { requestId: "" }) }),
  storage: Object.freeze({
    getUrl: (storageId) => asyncSyscall("1.0/storageGetUrl", { requestId: "", storageId }),
    getMetadata: (storageId) => asyncSyscall("1.0/storageGetMetadata", { requestId: "", storageId }),
  }),
  runQuery: (reference, args = {}) =>
    asyncSyscall("1.0/runUdf", { ...addressOf(reference), udfType: "query", args: encode(args) }),
});

export function query(definition) {
  const handler = typeof definition === "function" ? definition : definition.handler;
  const wrapped = (...args) => handler(...args);
  wrapped.isQuery = true;
  wrapped.isPublic = true;
  wrapped.exportArgs = () => '{"type":"any"}';
  wrapped.exportReturns = () => "null";
  wrapped._handler = handler;
  wrapped.invokeQuery = async (argsJson) => {
    const returned = await handler(ctx, ...decode(JSON.parse(argsJson)));
    return JSON.stringify(returned === undefined ? null : encode(returned));
  };
  return wrapped;
}

export const internalQuery = query;
