// What the context is being used for. It decides what is allowed, and what the texts of refusals say.
//
//   import             modules are being evaluated
//   schema, auth       schema.js is, or auth.config.js
//   query, mutation    an exported function runs

let phase = "import";

function isCall() {
  return phase === "query" || phase === "mutation";
}

function developerError(code, message) {
  const error = new RealError(message);
  define(error, "code", code);
  return error;
}

// The refusal of something that only actions can do.
function actionsOnly(what, code) {
  if (!isCall()) return developerError(`${code}AtImportTime`, `${what} unsupported at import time`);
  return developerError(
    `${code}InQueriesOrMutations`,
    `Can't use ${what} in queries and mutations. Please consider using an action. ` +
      "See https://docs.convex.dev/functions/actions for more details.",
  );
}
