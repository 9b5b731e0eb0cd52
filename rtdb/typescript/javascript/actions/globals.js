// What the app's code finds in an action beside the language: the globals are one set for all calls, and each of them
// works for the call that it is used in, which AsyncLocalStorage knows.

import { makeConsole } from "./console.js";

// Deno has these, Convex has not. Some would reach what is not the app's: the process, other calls.
const ABSENT = [
  "Deno",
  "BroadcastChannel",
  "Buffer",
  "EventSource",
  "Worker",
  "WebSocket",
  "WebSocketError",
  "WebSocketStream",
  "alert",
  "caches",
  "clearImmediate",
  "close",
  "closed",
  "confirm",
  "global",
  "localStorage",
  "location",
  "navigator",
  "onbeforeunload",
  "onload",
  "onunload",
  "prompt",
  "sessionStorage",
  "setImmediate",
];

const DENIED = /Requires net access to "([^"]*)"/;

// What both kinds of processes have.
export function installGlobals(context) {
  const { currentCall, convex, inspect, elsewhere } = context;
  define("Convex", convex);
  // What Convex does not have of it stays as it is.
  Object.assign(globalThis.console, makeConsole(inspect, currentCall, elsewhere));
}

// What a process has besides that runs the app's code with the rights of a sandbox: Deno.
export function installSandbox(context) {
  const { AsyncLocalStorage, AsyncResource, currentCall, client } = context;
  for (const name of Object.keys(console)) if (!CONSOLE.has(name)) delete console[name];
  define("AsyncLocalStorage", AsyncLocalStorage);
  define("AsyncResource", AsyncResource);
  installTimers(currentCall);
  define("process", Object.freeze({ env: variablesProxy(currentCall) }));
  define("fetch", makeFetch(globalThis.fetch, currentCall, client));
  for (const name of ABSENT) delete globalThis[name];
}

// A process that has the app's variables from its beginning to its end: Node.
export function installNode({ variables, require }) {
  define("require", require);
  for (const name of Object.keys(process.env)) if (!KEPT.has(name)) delete process.env[name];
  // One that cannot be read is as if it were not set.
  for (const [name, value] of Object.entries(variables)) if (value !== null) process.env[name] = value;
}

const CONSOLE = new Set(["debug", "error", "info", "log", "warn", "trace", "time", "timeLog", "timeEnd"]);
const KEPT = new Set(["PATH", "PWD", "LANG", "NODE_PATH", "TZ", "HOME"]);

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

function installTimers(currentCall) {
  const native = { setTimeout, setInterval, clearTimeout };
  const started = (start, repeats) =>
    function (callback, delay, ...values) {
      if (typeof callback !== "function") throw new TypeError("A timer calls a function. Code as text is not supported.");
      const call = currentCall();
      if (call === undefined) return start(callback, delay, ...values);
      if (call.over) return 0;
      const timer = start(() => {
        if (!repeats) call.timers.delete(timer);
        if (call.over) return;
        try {
          callback(...values);
        } catch (error) {
          call.threw(error);
        }
      }, Math.max(0, Number(delay) || 0));
      call.timers.add(timer);
      return timer;
    };
  const cleared = (timer) => {
    currentCall()?.timers.delete(timer);
    native.clearTimeout(timer);
  };
  define("setTimeout", named("setTimeout", started(native.setTimeout, false)));
  define("setInterval", named("setInterval", started(native.setInterval, true)));
  define("clearTimeout", named("clearTimeout", cleared));
  define("clearInterval", named("clearInterval", cleared));
}

function named(name, value) {
  return Object.defineProperty(value, "name", { value: name });
}

function variablesProxy(currentCall) {
  return new Proxy(Object.create(null), {
    get(_, name) {
      if (typeof name !== "string") return undefined;
      if (name === "inspect") return () => "[process.env]";
      const value = currentCall()?.variables.get(name);
      if (value === null) {
        throw new Error(
          `The value of the environment variable ${name} was sealed with another instance secret. Put the file ` +
            "instance.secret back that this data belongs to, or set the variable again.",
        );
      }
      return value;
    },
  });
}

// fetch for http and https. It goes on no longer than its call does.
function makeFetch(native, currentCall, client) {
  return async function fetch(input, init = undefined) {
    const call = currentCall();
    if (call === undefined) throw new Error("fetch() unsupported at import time");
    const request = input instanceof Request ? input : undefined;
    const url = new URL(request === undefined ? String(input) : request.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`Unsupported URL scheme -- http and https are supported (scheme was ${url.protocol.slice(0, -1)})`);
    }
    const given = init?.signal ?? request?.signal;
    const signal = given ? AbortSignal.any([given, call.signal]) : call.signal;
    return await call.operate("fetch", async () => {
      try {
        return await native(input, { ...init, signal, client });
      } catch (error) {
        const denied = DENIED.exec(`${error?.message} ${error?.cause?.message}`);
        if (denied === null) throw error;
        throw new TypeError(
          `fetch to ${url.origin} was refused: ${denied[1]} is an address of the server's own network. ` +
            "The operator can allow it with action_networks_allowed.",
        );
      }
    });
  };
}
