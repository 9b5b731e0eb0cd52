// Contexts that have imported their module before anybody calls it.
//
// The modules that were called last have one or two each, made for one execution or, if the module asks for it with
// `export const experimental_reuseContext = true`, used again by the next. What a module looks at while it is imported is the same at
// every import (`Modules.importSeed`, `importMs`), but for environment variables: those are remembered with the context,
// and the parent is asked for them again when it is used. So a call has read them, and their values are true.

import { Context, limits, Refused } from "./contexts.js";

const PER_MODULE_MAX = 2;
const VARIABLES_MAX = 64; // that a call has to ask for before it begins

export class Prewarmed {
  #modules = null;
  #ready = new Map(); // path → [{context, namespace, variables}], the path that was called last at the end
  #unfit = new Set(); // paths whose import has failed: a call will say how
  #variables = new Map(); // name → value, as last told

  use(modules) {
    this.#modules = modules;
    this.#ready.clear();
    this.#unfit.clear();
    this.#variables.clear();
  }

  // Return a context that has imported the module of an execution. Raises what `Context.import` raises, with `logs`.
  async take(begin, ask) {
    const path = begin.module;
    const ready = this.#ready.get(path) ?? [];
    this.#ready.delete(path);
    this.#ready.set(path, ready);
    const lookUp = (name) => this.#lookUp(name, begin.execution, ask);
    while (ready.length > 0) {
      const { context, namespace, variables } = ready.pop();
      if ([...variables].every(([name, value]) => lookUp(name) === value)) {
        return { context, namespace, variables, taken: 0 };
      }
    }
    const variables = new Map();
    const context = new Context(this.#modules, (name) => {
      const value = lookUp(name);
      variables.set(name, value);
      return value;
    });
    try {
      const imported = await context.import(path, limits.milliseconds);
      this.#unfit.delete(path);
      return { context, variables, ...imported };
    } catch (error) {
      error.logs = context.importLogs;
      this.#unfit.add(path);
      throw error;
    }
  }

  // Take back the context of an execution that has ended, for the next one if the module asks for that. What the execution
  // has read of the environment may be in the module's state: the next one has read it too. What it has read of the
  // database may be there as well, and nobody will know: that is what the module has asked for.
  takeBack({ module, ready: { context, namespace, variables }, isComplete, variables: read }) {
    if (!isComplete || !namespace.experimental_reuseContext || context.calls >= limits.contextCallsMax) return;
    const ready = this.#ready.get(module);
    if (ready === undefined || ready.length >= PER_MODULE_MAX) return;
    for (const [name, value] of read) variables.set(name, value);
    if (variables.size > VARIABLES_MAX) return;
    context.forget();
    ready.push({ context, namespace, variables });
  }

  // Ask the parent for a variable on behalf of an execution that has not begun yet.
  #lookUp(name, execution, ask) {
    const nothing = { logs: [], streams: [], time: false, milliseconds: 0 };
    const requests = [[-1, "environmentVariable", true, null]];
    const asked = [JSON.stringify(name.toWellFormed())];
    const { header, lines } = ask({ type: "syscalls", execution, requests, ...nothing }, asked);
    if (header.replies[0].refused) throw new Refused(JSON.parse(lines[0]).message);
    const value = lines[0] === "null" ? undefined : JSON.parse(lines[0]);
    this.#variables.set(name, value);
    return value;
  }

  // Make one more context ready for each of the modules that were called last and have none, or one.
  async refill() {
    const hot = [...this.#ready.keys()].reverse();
    let room = limits.contextsMax;
    for (const path of hot) {
      const ready = this.#ready.get(path);
      room -= PER_MODULE_MAX;
      if (room < 0) this.#ready.delete(path);
      else if (ready.length < PER_MODULE_MAX && !this.#unfit.has(path)) await this.#prepare(path, ready);
    }
  }

  async #prepare(path, ready) {
    const variables = new Map();
    let isGuess = false;
    const lookUp = (name) => {
      if (!this.#variables.has(name)) isGuess = true;
      const value = this.#variables.get(name);
      variables.set(name, value);
      return value;
    };
    const context = new Context(this.#modules, lookUp);
    try {
      const { namespace } = await context.import(path, limits.milliseconds);
      // Behind one that has been used: what a module keeps in its state is of use to its next call.
      if (!isGuess) ready.unshift({ context, namespace, variables });
    } catch {
      this.#unfit.add(path);
    }
  }
}
