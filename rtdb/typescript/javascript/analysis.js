// What the modules of an app contain (typescript-runtime §12-17): each is imported in a context of its own, once.

import { Context, Refused, Thrown, TimedOut } from "./contexts.js";

const SCHEMA = "schema.js";
const AUTH_CONFIG = "auth.config.js";
const WITHOUT_FUNCTIONS = new Set([SCHEMA, AUTH_CONFIG, "convex.config.js"]);

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
  const asked = [];
  const context = new Context(modules, (name) => {
    asked.push(name);
    return variables.get(name);
  });
  let taken = 0;
  let text = null;
  let described = null;
  try {
    const imported = await context.import(path, milliseconds, path === SCHEMA);
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
  // Whatever a module has made of what it did not get: it is not what was meant.
  if (path === SCHEMA && asked.length > 0) {
    return { taken, refused: "Environment variables unsupported when evaluating schema", logs: [] };
  }
  if (path === AUTH_CONFIG) {
    const unset = asked.find((name) => !variables.has(name));
    if (unset !== undefined) return { taken, unset: unset.toWellFormed() };
  }
  if (described !== null) return { taken, described, logs: context.importLogs };
  const analyzed = text === null ? null : JSON.parse(text);
  // A module may have changed what everything in its context is made into JSON by.
  if (!Array.isArray(analyzed?.functions)) {
    return { taken, refused: "The module's exports could not be read.", logs: context.importLogs };
  }
  if (WITHOUT_FUNCTIONS.has(path)) analyzed.functions = [];
  const source = modules.sources.get(path);
  const functions = analyzed.functions.map((each) => ({ ...each, position: positionOf(source, each?.offset) }));
  return { taken, functions, special: analyzed.special };
}

// Return the line and the column, both from 0, of a place in a text; null for none.
function positionOf(source, offset) {
  if (!Number.isInteger(offset) || offset < 0) return null;
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return [before.split("\n").length - 1, offset - lineStart];
}
