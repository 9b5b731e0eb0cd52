// The app's modules, as each call gets them.

import { replaceImports } from "./dynamic_imports.js";
import { Refused } from "./errors.js";

const SOURCE_MAPPING = /^\/\/# sourceMappingURL=.*$/gm;

// Modules in memory, for Deno. Each call has a module graph of its own: what a module keeps in its variables is seen by
// no other call. Nothing but modules of the app can be imported, so the process's own modules are out of reach.
export class MemoryModules {
  #vm;
  #sources = new Map();

  // `currentGraph` returns that of the call whose code asks for it.
  constructor(vm, sources, currentGraph) {
    this.#vm = vm;
    for (const [path, source] of sources) this.#add(path, source.replace(SOURCE_MAPPING, ""), currentGraph);
  }

  #add(path, source, currentGraph) {
    const name = `$${this.#sources.size.toString(36).padStart(5, "0")}`;
    const rewritten = source.includes("import(") ? replaceImports(source, name) : { source, replaced: false };
    if (rewritten?.replaced) {
      const value = async (specifier) => await currentGraph().import(resolve(path, String(specifier)));
      Object.defineProperty(globalThis, name, { value });
    }
    // Where it is not understood, the hook does what it should, at the price that dynamic_imports.js tells.
    this.#sources.set(path, { source: rewritten?.source ?? source, hooked: rewritten === null });
  }

  newGraph() {
    return new Graph(this.#vm, this.#sources);
  }
}

class Graph {
  #vm;
  #sources;
  #modules = new Map();
  #evaluations = new Map();

  constructor(vm, sources) {
    this.#vm = vm;
    this.#sources = sources;
  }

  // Return the namespace of a module that has been evaluated.
  async import(path) {
    return (await this.#evaluated(path)).namespace;
  }

  async #evaluated(path) {
    const module = this.#module(path);
    if (!this.#evaluations.has(path)) {
      if (module.status === "unlinked" || module.status === "linked") module.instantiate();
      this.#evaluations.set(path, module.evaluate());
    }
    await this.#evaluations.get(path);
    return module;
  }

  #module(path) {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const found = this.#sources.get(path);
    if (found === undefined) {
      throw new Refused(`Couldn't find JavaScript module '${path}'. Did you forget to run \`npx convex dev\`?`);
    }
    const options = { identifier: `convex:/${path}` };
    if (found.hooked) options.importModuleDynamically = (specifier) => this.#evaluated(resolve(path, specifier));
    const module = new this.#vm.SourceTextModule(found.source, options);
    this.#modules.set(path, module);
    module.linkRequests(module.moduleRequests.map((request) => this.#module(resolve(path, request.specifier))));
    return module;
  }
}

function resolve(from, specifier) {
  if (!/^\.{1,2}\//.test(specifier)) {
    throw new Refused(
      `The module ${from} imports "${specifier}", which is not a module of the app. ` +
        'What needs Node or a package that is not bundled belongs into a file with "use node".',
    );
  }
  return decodeURI(new URL(specifier, `convex:/${from}`).pathname.slice(1));
}

// Modules in files, for Node: a module is imported once and keeps its variables from call to call.
export class FileModules {
  #directory;

  constructor(directory) {
    this.#directory = directory;
  }

  newGraph() {
    return this;
  }

  async import(path) {
    return await import(new URL(path, this.#directory).href);
  }
}
