// What a module with "use node" exports, as data (typescript-runtime §17, §18).

import { Refused, describe } from "./errors.js";

const KINDS = { query: "isQuery", mutation: "isMutation", action: "isAction" };
const IDENTIFIER = /^[a-zA-Z_$][a-zA-Z0-9_$]*$/;

export async function analyzeModule(modules, path) {
  try {
    const functions = [];
    const namespace = await modules.import(path);
    for (const name of Object.keys(namespace)) {
      const exported = namespace[name];
      if ((typeof exported !== "object" && typeof exported !== "function") || exported === null) continue;
      const kinds = Object.keys(KINDS).filter((kind) => exported[KINDS[kind]] === true);
      const isPublic = exported.isPublic === true;
      const isInternal = exported.isInternal === true;
      if (kinds.length !== 1 || (isPublic && isInternal)) continue;
      functions.push({
        name,
        kind: kinds[0],
        visibility: isPublic ? "public" : isInternal ? "internal" : null,
        args: exported.exportArgs?.() ?? '{"type":"any"}',
        returns: exported.exportReturns?.() ?? "null",
        handler: String(exported._handler ?? exported),
        valid: IDENTIFIER.test(name),
      });
    }
    return { path, functions };
  } catch (error) {
    if (error instanceof Refused) return { path, refused: error.message };
    return { path, described: describe(error) };
  }
}
