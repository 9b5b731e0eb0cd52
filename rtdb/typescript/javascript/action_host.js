// The process that runs actions and HTTP actions written in TypeScript: many calls at once, each one knowing itself by
// AsyncLocalStorage. In Deno, or in Node for modules that say "use node". The frames, both ways (actions/channel.js has
// the bytes, rtdb/typescript/action_host.py the other end)::
//
//     start, variables, begin, end, disconnected, answer, refuse, ping           ─▶
//     hello, request, log, stray, head, returned, tooLarge, threw, heap, pong    ◀─
//     chunk, credit, broken, cancelBody                                          both

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import { getHeapStatistics } from "node:v8";
import vm from "node:vm";

import { analyzeModule } from "./actions/analysis.js";
import { Bodies } from "./actions/bodies.js";
import { Call } from "./actions/call.js";
import { Channel, frames, textOf } from "./actions/channel.js";
import { makeConvex } from "./actions/convex.js";
import { Refused, describe, modulesAreIn } from "./actions/errors.js";
import { installGlobals, installNode, installSandbox } from "./actions/globals.js";
import { FileModules, MemoryModules } from "./actions/modules.js";

const calls = new Map();
const nativeTimeout = setTimeout;
const HEAP_MILLISECONDS = 100;
const NOTHING = new Uint8Array(0);
const running = new AsyncLocalStorage();
const currentCall = () => running.getStore();
const isDeno = typeof Deno !== "undefined";
const platform = isDeno ? await denoPlatform() : await nodePlatform();
const channel = new Channel(platform.write);

let bodies;
let modules;
let variables = new Map();
let operationsMax = 1;
let resultBytesMax = 0;

Error.stackTraceLimit = 100;

async function denoPlatform() {
  const { stdin, stdout } = Deno;
  return {
    version: Deno.version.deno,
    chunks: stdin.readable,
    write(bytes) {
      for (let sent = 0; sent < bytes.length; ) sent += stdout.writeSync(bytes.subarray(sent));
    },
    exit: Deno.exit,
    createHttpClient: Deno.createHttpClient,
  };
}

async function nodePlatform() {
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd: Number(nodeProcess.argv[2]), readable: true, writable: true });
  return {
    version: nodeProcess.versions.node,
    chunks: socket,
    write: (bytes) => void socket.write(bytes),
    exit: nodeProcess.exit.bind(nodeProcess),
  };
}

function start({ inspect, window, limits, ipv6, directory, variables: values }, payload) {
  bodies = new Bodies(channel, window);
  operationsMax = limits.operations;
  resultBytesMax = limits.resultBytes;
  channel.bytesMax = limits.frameBytes;
  variables = new Map(Object.entries(values));
  const convex = makeConvex(currentCall, bodies);
  installGlobals({
    currentCall,
    convex,
    inspect: new vm.Script(`${inspect}\nvendoredObjectInspect().inspect`).runInThisContext(),
    elsewhere: (level, text) => channel.send({ type: "stray", level }, text),
  });
  watchForErrors();
  if (isDeno) {
    // With an address of version 4 of its own it connects to no other: ranges of version 6 cannot be denied.
    const client = platform.createHttpClient(ipv6 ? {} : { localAddress: "0.0.0.0" });
    installSandbox({ AsyncLocalStorage, AsyncResource, currentCall, client });
    modules = new MemoryModules(vm, JSON.parse(textOf(payload)), () => currentCall().graph);
  } else {
    installNode({ variables: values, require: createRequire(new URL("index.js", directory)) });
    modulesAreIn(directory);
    modules = new FileModules(directory);
  }
  channel.send({ type: "hello", version: platform.version });
}

// An error that nobody catches ends the call whose code it comes from, and no other.
function watchForErrors() {
  const blame = (error) => {
    const call = currentCall();
    if (call === undefined) channel.send({ type: "stray", level: "ERROR" }, describe(error));
    else call.threw(error);
  };
  if (!isDeno) {
    nodeProcess.on("unhandledRejection", blame);
    nodeProcess.on("uncaughtException", blame);
    return;
  }
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    blame(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    blame(event.error);
  });
}

function begin(header, payload) {
  const run = (call, callback) => running.run(call, callback);
  const finished = () => {
    calls.delete(header.call);
    sayHeap();
  };
  const call = new Call(channel, header.call, variables, operationsMax, run, finished);
  calls.set(header.call, call);
  run(call, async () => {
    try {
      call.graph = modules.newGraph();
      if (header.request !== undefined) await answerRequest(call, header);
      else call.returned(await runAction(call, header, textOf(payload)), resultBytesMax);
    } catch (error) {
      call.threw(error);
    }
  });
}

// How much memory there is in use is what the app leaks, among others: a process that has much is replaced.
let heapSaid = 0;
function sayHeap() {
  const now = performance.now();
  if (now - heapSaid < HEAP_MILLISECONDS) return;
  heapSaid = now;
  channel.send({ type: "heap", bytes: getHeapStatistics().used_heap_size });
}

async function runAction(call, { module, export: name }, args) {
  const namespace = await call.graph.import(module);
  const action = Object.hasOwn(namespace, name) ? namespace[name] : undefined;
  if (action === undefined) throw new Refused(`Couldn't find "${name}" in module "${module}".`);
  if (action?.isAction !== true) {
    throw new Refused(`Function ${name} is not an action. Did you forget to wrap it with \`action\`?`);
  }
  return String(await action.invokeAction("", args));
}

async function answerRequest(call, { request, module }) {
  // At once: the client may be gone before the modules are there.
  const disconnection = new AbortController();
  call.disconnected = () => call.abort(disconnection, new DOMException("The client has gone away.", "AbortError"));
  const router = (await call.graph.import(module)).default;
  if (router?.isRouter !== true) throw new Refused("The default export of `convex/http.js` is not a Router.");
  const url = new URL(request.url);
  const found = router.lookup(url.pathname, request.method);
  if (found === null) return await respond(call, new Response("No matching routes found", { status: 404 }));
  call.httpRequest = { ...request, signal: AbortSignal.any([disconnection.signal, call.signal]) };
  const convexJson = {
    headerPairs: request.headers,
    url: request.url,
    method: request.method,
    streamId: request.body === null ? null : String(request.body),
    signal: String(call.number),
  };
  await router.runRequest(JSON.stringify(convexJson), url.pathname);
  await respond(call, call.httpResponse);
}

async function respond(call, response) {
  const head = { type: "head", call: call.number, status: response.status, headers: headersOf(response) };
  const { whole, rest } = await beginning(response.body);
  if (rest === null) {
    channel.send({ ...head, body: null }, whole);
  } else {
    const outgoing = bodies.outgoing(rest, call.signal);
    channel.send({ ...head, body: outgoing.body });
    await outgoing.send();
  }
  call.returned("null", resultBytesMax);
}

// Return a body as a whole if it is all there, as it is when it was given as a text or as bytes: then its length can be
// told before it is sent. Of any other, return a reader.
async function beginning(body) {
  if (body === null) return { whole: NOTHING, rest: null };
  const reader = body.getReader();
  const first = reader.read();
  const second = first.then((read) => (read.done ? read : reader.read()));
  const ends = second.then(
    ({ done }) => done,
    () => false,
  );
  if (await Promise.race([ends, new Promise((resolve) => nativeTimeout(resolve, 0, false))])) {
    const { done, value } = await first;
    if (done) return { whole: NOTHING, rest: null };
    if (value instanceof Uint8Array) return { whole: value, rest: null };
  }
  const begun = [first, second];
  return { whole: null, rest: { read: () => begun.shift() ?? reader.read(), cancel: () => reader.cancel() } };
}

// A response that was fetched has the headers of how it travelled then; its body has been decoded since.
function headersOf(response) {
  const pairs = [...response.headers];
  if (response.type === "default") return pairs;
  const travel = new Set(["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"]);
  return pairs.filter(([name]) => !travel.has(name));
}

function handle({ header, payload }) {
  const call = calls.get(header.call);
  switch (header.type) {
    case "start":
      return start(header, payload);
    case "variables":
      variables = new Map(Object.entries(header.values));
      return undefined;
    case "begin":
      return begin(header, payload);
    case "analyze":
      return analyze(header);
    case "end":
      return call?.end();
    case "disconnected":
      return call?.disconnected?.();
    case "answer":
      return call?.answer(header.number, textOf(payload));
    case "refuse":
      return call?.refuse(header.number, JSON.parse(textOf(payload)));
    case "ping":
      return channel.send({ type: "pong", number: header.number });
    default:
      return bodies.take(header, payload);
  }
}

async function analyze({ paths }) {
  const analyzed = [];
  for (const path of paths) analyzed.push(await analyzeModule(modules, path));
  channel.send({ type: "analyzed" }, JSON.stringify(analyzed));
}

for await (const frame of frames(platform.chunks)) handle(frame);
platform.exit(0);
