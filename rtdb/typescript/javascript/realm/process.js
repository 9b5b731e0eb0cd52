// process.env: the app's variables. Nothing else of a process exists here.

const hostVariable = fromHost(host.variable);

define(globalThis, "process", {
  env: new Proxy(create(null), {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string") return undefined;
      // What console.log calls to show an object.
      if (name === "inspect") return () => "[process.env]";
      return hostVariable(name);
    },
    // What is assigned is forgotten: variables change for the whole app, or not at all.
    set: () => true,
  }),
});
