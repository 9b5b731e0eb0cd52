// What V8 puts into a context but functions must not see.

// Each of them would make a function's result depend on other threads or on the garbage collector, or compile code.
for (const name of ["WebAssembly", "SharedArrayBuffer", "Atomics", "console", "queueMicrotask"]) {
  delete globalThis[name];
}

// When an object is collected must not be seen: references hold, and nothing is ever finalized.
const weakMapGet = uncurryThis(WeakMap.prototype.get);
const weakMapSet = uncurryThis(WeakMap.prototype.set);
const strongReferences = once(() => {
  const candidates = new WeakMap();
  function ensureCanBeHeldWeakly(value, what) {
    try {
      weakMapSet(candidates, value, undefined);
    } catch {
      throw new TypeError(`${what}: the target must be an object or a symbol that is not registered`);
    }
  }

  class WeakRef {
    #target;
    constructor(target) {
      ensureCanBeHeldWeakly(target, "WeakRef");
      this.#target = target;
    }
    deref() {
      return this.#target;
    }
    get [Symbol.toStringTag]() {
      return "WeakRef";
    }
  }

  class FinalizationRegistry {
    #tokens = new WeakSet();
    constructor(cleanup) {
      if (typeof cleanup !== "function") throw new TypeError("FinalizationRegistry: cleanup must be callable");
    }
    register(target, heldValue, token) {
      ensureCanBeHeldWeakly(target, "FinalizationRegistry.prototype.register");
      if (token !== undefined) this.#tokens.add(token);
    }
    unregister(token) {
      return this.#tokens.delete(token);
    }
    get [Symbol.toStringTag]() {
      return "FinalizationRegistry";
    }
  }
  return { WeakRef, FinalizationRegistry };
});
defineLazily(["WeakRef", "FinalizationRegistry"], strongReferences);

// The text of a stack has the frames of the app's modules only, in the author's files where a source map knows them. The call sites that V8 hands over belong to the host's
// realm, so the app must never have a function of its own here: what it assigns is forgotten.
const errorToString = uncurryThis(Error.prototype.toString);

const hostSourcePlace = fromHost(host.sourcePlace);
const endsWith = uncurryThis(String.prototype.endsWith);

// `handler (convex:/users.js:44:24)`, or `handler (../convex/users.ts:12:9)` if the host knows that.
function frameOf(site, file) {
  const frame = site.toString();
  const line = site.getLineNumber();
  const column = site.getColumnNumber();
  const place = hostSourcePlace(slice(file, 8), line, column);
  const generated = `${file}:${line}:${column}`;
  if (place === "") return frame;
  if (frame === generated) return place;
  if (!endsWith(frame, `(${generated})`)) return frame;
  return `${slice(frame, 0, frame.length - generated.length - 1)}${place})`;
}

function prepareStackTrace(error, sites) {
  let text = "";
  try {
    text = errorToString(error);
    for (let at = 0; at < sites.length; at += 1) {
      const site = sites[at];
      const file = site.getFileName();
      if (typeof file === "string" && slice(file, 0, 8) === "convex:/") text += `\n    at ${frameOf(site, file)}`;
    }
  } catch {
    // Its name or message cannot be read, or the stack is exhausted: the text is as long as it is.
  }
  return text;
}

defineProperty(Error, "prepareStackTrace", {
  __proto__: null,
  get: () => prepareStackTrace,
  set() {},
  enumerable: false,
  configurable: false,
});
Error.stackTraceLimit = 100;

define(globalThis, "self", globalThis);
