// The app's modules, as each call gets them.

import { Refused } from "./errors.js";

const SOURCE_MAPPING = /^\/\/# sourceMappingURL=.*$/gm;

// Modules in memory, for Deno. Each call has a module graph of its own: what a module keeps in its variables is seen by
// no other call. Nothing but modules of the app can be imported, so the process's own modules are out of reach.
export class MemoryModules {
  #vm;
  #sources;

  constructor(vm, sources) {
    this.#vm = vm;
    this.#sources = new Map(sources.map(([path, source]) => [path, source.replace(SOURCE_MAPPING, "")]));
  }

  async import(path) {
    const modules = new Map();
    const module = (wanted) => {
      let found = modules.get(wanted);
      if (found !== undefined) return found;
      const source = this.#sources.get(wanted);
      if (source === undefined) {
        throw new Refused(`Couldn't find JavaScript module '${wanted}'. Did you forget to run \`npx convex dev\`?`);
      }
      found = new this.#vm.SourceTextModule(source, {
        identifier: `convex:/${wanted}`,
        importModuleDynamically: async (specifier) => evaluated(module(resolve(wanted, specifier))),
      });
      modules.set(wanted, found);
      found.linkRequests(found.moduleRequests.map((request) => module(resolve(wanted, request.specifier))));
      return found;
    };
    return (await evaluated(module(path))).namespace;
  }
}

async function evaluated(module) {
  if (module.status === "unlinked" || module.status === "linked") module.instantiate();
  await module.evaluate();
  return module;
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

  async import(path) {
    return await import(new URL(path, this.#directory).href);
  }
}
