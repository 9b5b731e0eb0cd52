// Drives the official npm client from a test: one JSON command a line on standard input, one JSON event a line on
// standard output. The last command is the end of input. tests/e2e/official_client.py is the other side.
//
//   {"id": 1, "op": "subscribe", "path": "messages:list", "args": {}}   → {"id": 1, "value": …} again and again
//   {"id": 1, "op": "subscribe_pages", "path": …, "args": …, "size": 3}  → {"id": 1, "value": [rows, status]} again and again
//   {"id": 2, "op": "mutation", "path": …, "args": …}                  → {"id": 2, "value": …} or {"id": 2, "error": …}
//
// Operations: query, mutation, action, subscribe, unsubscribe (of "target"), subscribe_pages, load_more (of "target"),
// http_query, http_mutation, http_action, admin (with "key"), state; connect_afresh, which has "times" new clients, one
// after the other, wait for their first result of a query of "n"; and subscribe_together, which reports the values of all its "queries" after each transition
// that changed one of them. Values travel in the client's own encoded JSON.
import { createInterface } from "node:readline";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { convexToJson, jsonToConvex } from "convex/values";
import { makeFunctionReference } from "convex/server";

const url = process.argv[2];
const quiet = { log() {}, warn() {}, error() {}, logVerbose() {}, addLogLineListener() {} };
const client = new ConvexClient(url, { logger: quiet });
const http = new ConvexHttpClient(url, { logger: quiet });
const subscriptions = new Map();
const pages = new Map();

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const sayValue = (id, value) => say({ id, value: value === undefined ? null : convexToJson(value) });
const sayError = (id, error) =>
  say({
    id,
    error: {
      name: error.constructor.name,
      message: error.message,
      data: error.data === undefined ? undefined : convexToJson(error.data),
    },
  });

const reference = ({ path }) => makeFunctionReference(path);
const call = {
  query: (command, args) => client.query(reference(command), args),
  mutation: (command, args) => client.mutation(reference(command), args),
  action: (command, args) => client.action(reference(command), args),
  http_query: (command, args) => http.query(reference(command), args),
  http_mutation: (command, args) => http.mutation(reference(command), args),
  http_action: (command, args) => http.action(reference(command), args),
};

function subscribeTogether(id, queries) {
  const base = client.client;
  const tokens = queries.map(({ path, args }) => base.subscribe(path, jsonToConvex(args)).queryToken);
  base.addOnTransitionHandler(({ queries: changed }) => {
    if (!changed.some(({ token }) => tokens.includes(token))) return;
    const values = tokens.map((token) => base.localQueryResultByToken(token));
    if (!values.includes(undefined)) say({ id, value: values.map(convexToJson) });
  });
}

async function connectAfresh(command) {
  for (let n = 0; n < command.times; n++) {
    const fresh = new ConvexClient(url, { logger: quiet });
    await new Promise((resolve, reject) => fresh.onUpdate(reference(command), { n }, resolve, reject));
    await fresh.close();
  }
}

async function perform(command) {
  const { id, op } = command;
  const args = jsonToConvex(command.args ?? {});
  if (op === "subscribe") {
    const unsubscribe = client.onUpdate(
      reference(command),
      args,
      (value) => sayValue(id, value),
      (error) => sayError(id, error),
    );
    subscriptions.set(id, unsubscribe);
  } else if (op === "subscribe_pages") {
    const options = { initialNumItems: command.size };
    const show = ({ results, status, loadMore }) => {
      pages.set(id, loadMore);
      sayValue(id, [results, status]);
    };
    client.onPaginatedUpdate_experimental(reference(command), args, options, show, (error) => sayError(id, error));
  } else if (op === "load_more") {
    sayValue(id, pages.get(command.target)(command.size));
  } else if (op === "subscribe_together") {
    subscribeTogether(id, command.queries);
  } else if (op === "unsubscribe") {
    subscriptions.get(command.target)();
    sayValue(id, null);
  } else if (op === "admin") {
    client.setAdminAuth(command.key);
    http.setAdminAuth(command.key);
    sayValue(id, null);
  } else if (op === "connect_afresh") {
    await connectAfresh(command);
    sayValue(id, null);
  } else if (op === "state") {
    const { isWebSocketConnected, connectionRetries, connectionCount } = client.connectionState();
    say({ id, value: { isWebSocketConnected, connectionRetries, connectionCount } });
  } else {
    sayValue(id, await call[op](command, args));
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  perform(command).catch((error) => sayError(command.id, error));
});
lines.on("close", async () => {
  await client.close();
  process.exit(0);
});
say({ ready: true });
