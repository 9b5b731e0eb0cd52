// What the context is being used for. It decides what is allowed, and what the texts of refusals say.
//
//   import             modules are being evaluated
//   query, mutation    an exported function runs

let phase = "import";

function isCall() {
  return phase === "query" || phase === "mutation";
}

// The refusal of something that only actions can do.
function actionsOnly(what) {
  if (!isCall()) return new RealError(`${what} unsupported at import time`);
  return new RealError(
    `Can't use ${what} in queries and mutations. Please consider using an action. ` +
      "See https://docs.convex.dev/functions/actions for more details.",
  );
}
