// Contexts: a realm of its own for each execution, with the modules of the app linked from memory.
//
//     fresh context ─▶ realm.js ─▶ guest.js ─▶ modules linked and evaluated ─▶ one execution ─▶ dropped
//                                                                               └─ reused, if the module asks for it
//
// Nothing of an app's code runs outside of a *tick*, which has a time limit: neither at import (`module.evaluate` knows
// no limit, so it is called from a microtask of the context) nor later. A tick runs every microtask of its context and
// of no other. Module state outlives no execution, or what a query has read would not be known; unless the module asks for that.

import { setImmediate } from "node:timers";
import vm from "node:vm";
import guestSource from "./guest.js" with { type: "text" };
import { hostCalls } from "./host_calls.js";
import realmSource from "./realm.js";
import { SourceMaps } from "./source_maps.js";

// What a context has been doing when its time was up.
export class TimedOut extends Error {}

// What an app's code has thrown: `described` is how realm.js describes it.
export class Thrown extends Error {
  constructor(described) {
    super("an app's code has thrown");
    this.described = described.toWellFormed();
  }
}

// What is wrong with an app's modules, not with what they do.
export class Refused extends Error {
  constructor(message) {
    super(message.toWellFormed());
  }
}

const TICK = new vm.Script("0");
const REALM = new vm.Script(realmSource, { filename: "rtdb:realm.js" });
const GUEST = new vm.Script(guestSource, { filename: "rtdb:guest.js" });

// Let this process's event loop turn once: only then does Deno tell of rejections that nobody handles.
export const turn = () => new Promise((resolve) => setImmediate(resolve));

let ticking = null;
export function handleRejections() {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    // Otherwise it is of a context whose time was up. It is not printed: nobody reads on until the process ends, and an
    // app's object could have code that runs when it is shown, with our functions.
    if (ticking !== null) ticking.rejection ??= { reason: event.reason };
  });
}

export class Modules {
  // `sources` and source `maps` by path. `importSeed` are numbers, `importMs` is what the time is during import.
  constructor(sources, maps, importSeed, importMs) {
    this.sources = sources;
    this.maps = new SourceMaps(maps);
    this.importSeed = importSeed;
    this.importMs = importMs;
  }
}

// What a context calls while it imports.
class Importing {
  constructor(now, lookUp) {
    this.now = now;
    this.lookUp = lookUp;
    this.logs = [];
    this.aborted = null;
  }
  time() {
    return this.now;
  }
  log(level, text) {
    addLog(this.logs, level, text);
  }
  syscall(op) {
    if (op === "1.0/queryStream") return failure("Can't use database at import time");
    if (op === "1.0/componentArgument") return failure("Can't use `componentArg` at import time");
    return failure(`Can't use ${op} at import time`);
  }
  asyncSyscall(op, _args, _resolve, reject) {
    reject(JSON.stringify({ message: `Can't use ${op} at import time` }));
  }
  variable(name) {
    try {
      return this.lookUp(name);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.abort(error.message);
      return undefined;
    }
  }
  abort(message) {
    this.aborted ??= message;
  }
}

export const failure = (message) => `!${JSON.stringify({ message })}`;

// What the parent has said of its limits.
export const limits = { contextsMax: 0, contextCallsMax: 0, milliseconds: 0, logLinesMax: 0, logLineBytesMax: 0 };

// More than an execution may have is not kept here either. The parent cuts exactly, and says that it did: it is told of
// a line, and of a character, too many.
export function addLog(logs, level, text) {
  if (logs.length > limits.logLinesMax) return;
  logs.push([level, text.slice(0, limits.logLineBytesMax + 1).toWellFormed()]);
}

export class Context {
  #modules;
  #linked = new Map();

  // `owner` answers what the context asks for: Importing, and then an Execution.
  constructor(modules, lookUp) {
    this.#modules = modules;
    this.owner = new Importing(modules.importMs, lookUp);
    this.importLogs = this.owner.logs;
    this.calls = 0;
    this.queries = 0; // opened so far: each has a number that no other in this context has had
    this.rejection = null;
    this.#boot();
  }

  #boot() {
    this.global = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
      microtaskMode: "afterEvaluate",
      codeGeneration: { strings: false, wasm: false },
    });
    this.realm = REALM.runInContext(this.global)(this.#hostCalls());
    this.guest = GUEST.runInContext(this.global)(this.realm);
  }

  // Everything of the host that the realm can call: strings, numbers and booleans in and out.
  #hostCalls() {
    return {
      __proto__: null,
      ...hostCalls,
      now: () => this.owner.time(),
      log: (level, text) => this.owner.log(level, text),
      syscall: (op, json) => this.owner.syscall(op, json),
      asyncSyscall: (op, json, resolve, reject) => this.owner.asyncSyscall(op, json, resolve, reject),
      variable: (name) => this.owner.variable(name),
      abort: (message) => this.owner.abort(message),
      sourcePlace: (path, line, column) => this.#modules.maps.place(path, line, column),
    };
  }

  // Run what is ready, for at most so many milliseconds, and return how many it took. Raises TimedOut, and Thrown for
  // a rejection that nothing handled.
  async tick(milliseconds) {
    const begun = performance.now();
    ticking = this;
    try {
      TICK.runInContext(this.global, { timeout: Math.max(1, Math.ceil(milliseconds)) });
      const taken = performance.now() - begun;
      await turn();
      if (this.rejection !== null) await this.#raise();
      return taken;
    } catch (error) {
      if (error?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw new TimedOut();
      throw error;
    } finally {
      ticking = null;
    }
  }

  async #raise() {
    const { reason } = this.rejection;
    this.rejection = null;
    throw new Thrown(await this.describe(reason));
  }

  // Return how realm.js describes what has been thrown, which takes the app's code (getters, proxies) to look at.
  async describe(error) {
    let described = null;
    this.guest.describe(error, (text) => (described = text));
    try {
      TICK.runInContext(this.global, { timeout: DESCRIBE_MILLISECONDS });
    } catch (timedOut) {
      if (timedOut?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw timedOut;
    }
    await turn();
    return described ?? UNREADABLE;
  }

  // Let go of what is the ended call's own, before the next one.
  forget() {
    this.importLogs = [];
    this.realm.forget();
  }

  // Have what follows be of a phase, as realm/phase.js knows them, with random numbers that begin with the seed.
  enter(phase, seed) {
    this.realm.enter(phase, this.#modules.importMs);
    this.realm.seed(...seed);
  }

  // Import a module with what it imports, in so many milliseconds; return {namespace, taken}. Raises Refused, Thrown,
  // TimedOut.
  async import(path, milliseconds, isAlone = false) {
    let module;
    try {
      module = this.#link(path, null, isAlone);
      module.instantiate();
    } catch (error) {
      if (error instanceof Refused) throw error;
      // A mistake of syntax: no code of the app has run yet, so the error is what the engine made it.
      throw new Thrown(JSON.stringify({ name: error.name, message: error.message, stack: error.stack }));
    }
    this.enter("import", this.#modules.importSeed);
    let ending = null;
    this.guest.defer(() => {
      module.evaluate().then(
        () => (ending = "evaluated"),
        () => (ending = "errored"),
      );
    });
    const importing = this.owner;
    const taken = await this.tick(milliseconds);
    if (importing.aborted !== null) throw new Refused(importing.aborted);
    if (module.status === "errored") throw new Thrown(await this.describe(module.error));
    if (ending !== "evaluated") throw new Refused("Top-level awaits in source files are unsupported");
    return { namespace: module.namespace, taken };
  }

  #link(path, importer, isAlone) {
    const linked = this.#linked.get(path);
    if (linked !== undefined) return linked;
    const source = this.#modules.sources.get(path);
    if (source === undefined) {
      throw new Refused(
        importer === null
          ? `Couldn't find JavaScript module '${path}'. Did you forget to run \`npx convex dev\`?`
          : `Module ${importer} imports ${path}, which was not pushed.`,
      );
    }
    const module = new vm.SourceTextModule(source, { identifier: `convex:/${path}`, context: this.global });
    this.#linked.set(path, module);
    module.linkRequests(
      module.moduleRequests.map(({ specifier }) => {
        if (isAlone) throw new Refused(`Can't import ${specifier} while evaluating schema`);
        return this.#link(resolve(path, specifier), path, false);
      }),
    );
    return module;
  }
}

const DESCRIBE_MILLISECONDS = 100;
const UNREADABLE = JSON.stringify({ name: null, message: "(the error could not be read)", stack: "" });

function resolve(importer, specifier) {
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) {
    throw new Refused(`Module ${importer} imports "${specifier}": only modules of the app can be imported.`);
  }
  return new URL(specifier, `convex:/${importer}`).pathname.slice(1);
}
