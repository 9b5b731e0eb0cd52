// process.env: the app's variables. Nothing else of a process exists here.

const hostVariable = fromHost(host.variable);

define(globalThis, "process", {
  env: new Proxy(create(null), {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string") return undefined;
      // What console.log calls to show an object.
      if (name === "inspect") return () => "[process.env]";
      if (phase === "schema") throw new RealError("Environment variables unsupported when evaluating schema");
      const value = hostVariable(name);
      // A provider without its domain would be another one than was meant: better to push when the variable is there.
      if (value === undefined && phase === "auth") {
        throw developerError(
          "AuthConfigMissingEnvironmentVariable",
          `Environment variable ${name} is used in auth config file but its value was not set`,
        );
      }
      return value;
    },
    // What is assigned is forgotten: variables change for the whole app, or not at all.
    set: () => true,
  }),
});
