// What exists only in actions, and says so here.

define(
  globalThis,
  "fetch",
  {
    async fetch() {
      throw actionsOnly("fetch()");
    },
  }.fetch,
);

for (const name of ["setTimeout", "setInterval"]) {
  define(
    globalThis,
    name,
    {
      [name]() {
        throw actionsOnly(name);
      },
    }[name],
  );
}

// There is nothing to clear.
define(globalThis, "clearTimeout", { clearTimeout() {} }.clearTimeout);
define(globalThis, "clearInterval", { clearInterval() {} }.clearInterval);
