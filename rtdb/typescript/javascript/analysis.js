// What the modules of an app contain (typescript-runtime §12-17): each is imported in a context of its own, once.

import { Context, Refused, Thrown, TimedOut } from "./contexts.js";

const PHASES = { __proto__: null, "schema.js": "schema", "auth.config.js": "auth" };
const WITHOUT_FUNCTIONS = new Set(["schema.js", "auth.config.js", "convex.config.js"]);

// Return a frame with a line for each of `paths`: what it exports, or how it failed.
export async function analyze(modules, { paths, variables, milliseconds }) {
  const known = new Map(Object.entries(variables));
  const lines = [];
  let left = milliseconds;
  for (const path of paths) {
    const { taken, ...analyzed } = await analyzeModule(modules, path, known, left);
    left -= taken;
    lines.push(JSON.stringify({ path, ...analyzed }));
  }
  return [{ type: "analyzed" }, lines];
}

async function analyzeModule(modules, path, variables, milliseconds) {
  const context = new Context(modules, (name) => variables.get(name));
  let taken = 0;
  let text = null;
  let described = null;
  try {
    const imported = await context.import(path, milliseconds, PHASES[path]);
    taken = imported.taken;
    context.guest.analyze(
      imported.namespace,
      path,
      modules.sources.get(path),
      (analyzed) => (text = analyzed),
      (error) => (described = error),
    );
    taken += await context.tick(milliseconds - taken);
  } catch (error) {
    if (error instanceof Refused) return { taken, refused: error.message, logs: context.importLogs };
    if (error instanceof TimedOut) return { taken, timedOut: true, logs: context.importLogs };
    if (!(error instanceof Thrown)) throw error;
    described = error.described;
  }
  if (described !== null) return { taken, described, logs: context.importLogs };
  if (text === null) return { taken, refused: "The module's exports could not be read.", logs: context.importLogs };
  const analyzed = JSON.parse(text);
  if (WITHOUT_FUNCTIONS.has(path)) analyzed.functions = [];
  const source = modules.sources.get(path);
  for (const each of analyzed.functions) each.position = positionOf(source, each.offset);
  return { taken, ...analyzed };
}

// Return the line and the column, both from 0, of a place in a text; null for none.
function positionOf(source, offset) {
  if (offset < 0) return null;
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return [before.split("\n").length - 1, offset - lineStart];
}
