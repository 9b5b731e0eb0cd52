// What this process stands on and Deno does not promise: looked at before anything runs on it. Each of these has, in
// some version or with some flag, been otherwise.

import vm from "node:vm";
import v8 from "node:v8";
import { turn } from "./contexts.js";

const PERMISSIONS = [
  ...["read", "write", "net", "env", "run", "ffi", "sys"].map((name) => ({ name })),
  ...["read", "write"].map((name) => ({ name, path: "/" })),
];
const options = { microtaskMode: "afterEvaluate", codeGeneration: { strings: false, wasm: false } };
const newContext = () => vm.createContext(vm.constants.DONT_CONTEXTIFY, options);
const tick = new vm.Script("0");

const isTimeOut = (error) => error?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

function timesOut(run) {
  try {
    run();
  } catch (error) {
    return isTimeOut(error);
  }
  return false;
}

const tests = {
  "has no permissions": () => PERMISSIONS.every((permission) => Deno.permissions.querySync(permission).state !== "granted"),

  "links and evaluates modules from memory": async () => {
    const context = newContext();
    const module = (source) => new vm.SourceTextModule(source, { identifier: "convex:/a.js", context });
    const [first, second] = [module('import { b } from "./b.js"; export const a = b;'), module("export const b = 7;")];
    second.linkRequests([]);
    first.linkRequests([second]);
    first.instantiate();
    first.evaluate().catch(() => {});
    tick.runInContext(context, { timeout: 1000 });
    await turn();
    return first.status === "evaluated" && first.namespace.a === 7;
  },

  "runs the microtasks of one context only, and only in a tick": () => {
    const [one, other] = [newContext(), newContext()];
    const later = new vm.Script("globalThis.ran = 0; (async () => { await 0; ran += 1; await 0; ran += 1; })();");
    const defer = new vm.Script("(callback) => { (async () => { await 0; callback(); })(); }");
    later.runInContext(one);
    let called = 0;
    defer.runInContext(one)(() => (called += 1));
    tick.runInContext(other, { timeout: 1000 });
    const before = [one.ran, called];
    tick.runInContext(one, { timeout: 1000 });
    return one.ran === 2 && called === 1 && before[1] === 0;
  },

  "stops a loop": () => timesOut(() => new vm.Script("for (;;);").runInContext(newContext(), { timeout: 5 })),

  "stops a loop after an await, and in a finally": () => {
    const context = newContext();
    new vm.Script("(callback) => { (async () => { await 0; callback(); })(); }").runInContext(context)(
      new vm.Script("() => { try { for (;;); } finally { for (;;); } }").runInContext(context),
    );
    return timesOut(() => tick.runInContext(context, { timeout: 5 }));
  },

  "stops a loop in an imported module": () => {
    const context = newContext();
    const module = new vm.SourceTextModule("for (;;);", { identifier: "convex:/a.js", context });
    module.linkRequests([]);
    module.instantiate();
    new vm.Script("(callback) => { (async () => { await 0; callback(); })(); }").runInContext(context)(() => {
      module.evaluate().catch(() => {});
    });
    return timesOut(() => tick.runInContext(context, { timeout: 5 }));
  },

  "makes no code from strings": () => {
    const attempt = 'try { new Function("return 1"); false } catch (error) { error instanceof EvalError }';
    return new vm.Script(attempt).runInContext(newContext()) === true;
  },

  "makes no code from strings outside of contexts either": () => {
    try {
      new Function("return 1");
    } catch (error) {
      return error instanceof EvalError;
    }
    return false;
  },

  "hears of rejections that nobody handles": async () => {
    let heard = null;
    const listener = (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      heard = event.reason;
    };
    globalThis.addEventListener("unhandledrejection", listener, { capture: true });
    new vm.Script("Promise.reject(7); 0").runInContext(newContext());
    await turn();
    globalThis.removeEventListener("unhandledrejection", listener, { capture: true });
    return heard === 7;
  },

  "lets go of contexts": async () => {
    v8.setFlagsFromString("--expose-gc");
    const collect = vm.runInNewContext("gc");
    v8.setFlagsFromString("--no-expose-gc");
    const held = [0, 1, 2].map(() => {
      const context = newContext();
      const module = new vm.SourceTextModule("export const a = {};", { identifier: "convex:/a.js", context });
      module.linkRequests([]);
      module.instantiate();
      module.evaluate().catch(() => {});
      tick.runInContext(context, { timeout: 1000 });
      return new WeakRef(context);
    });
    await turn();
    collect();
    return held.every((reference) => reference.deref() === undefined);
  },
};

// Return the names of the tests that failed.
export async function selfTest() {
  const failures = [];
  for (const [name, test] of Object.entries(tests)) {
    let passed = false;
    try {
      passed = await test();
    } catch (error) {
      console.error(`self-test "${name}"`, error);
    }
    if (!passed) failures.push(name);
  }
  return failures;
}
