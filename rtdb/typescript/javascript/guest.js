// Runs in each fresh context before the app's modules, and stays between them and the host: what touches an object of
// the app's code is here, inside the context, so that it runs on that code's time and has none of the host's rights.
//
// The completion value makes, of what `realm.js` returned, the functions that the host calls.
((realm) => {
  "use strict";
  const { apply, ownKeys } = Reflect;
  const { hasOwn } = Object;
  const { stringify, parse } = JSON;
  const functionText = Function.prototype.toString;
  const exec = RegExp.prototype.exec;
  const indexOf = String.prototype.indexOf;
  const replaceAll = String.prototype.replaceAll;
  const NewRegExp = RegExp;
  const NewError = Error;
  const IDENTIFIER = /^[a-zA-Z_$][a-zA-Z0-9_$]*$/;

  // Call a function of the host in a microtask of this context: `await` looks up nothing that the app could change.
  const defer = async (callback) => {
    await undefined;
    callback();
  };

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  const KINDS = { query: "isQuery", mutation: "isMutation", action: "isAction" };
  const INVOKERS = { query: "invokeQuery", mutation: "invokeMutation" };

  function refusal(namespace, module, name, kind) {
    if (!hasOwn(namespace, name)) return `Couldn't find "${name}" in module "${module}".`;
    const exported = namespace[name];
    const kinds = [];
    if (isObject(exported)) {
      for (const each of ["query", "mutation", "action"]) if (exported[KINDS[each]] === true) kinds[kinds.length] = each;
    }
    if (kinds.length !== 1 || kinds[0] === "action") {
      return `Function ${name} is neither a query or mutation. Did you forget to wrap it with \`query\` or \`mutation\`?`;
    }
    if (kinds[0] !== kind) return `Function ${name} is registered as a ${kinds[0]} but is being run as a ${kind}.`;
    return null;
  }

  // What a module exports, as data (typescript-runtime §17). The position is where in the source the handler begins.
  function functionsOf(namespace, source) {
    const functions = [];
    for (const name of ownKeys(namespace)) {
      if (typeof name !== "string") continue;
      const exported = namespace[name];
      if (!isObject(exported)) continue;
      let kind = null;
      let kinds = 0;
      for (const each of ["query", "mutation", "action"]) {
        if (exported[KINDS[each]] === true) {
          kind = each;
          kinds += 1;
        }
      }
      if (kinds !== 1) continue;
      const isPublic = exported.isPublic === true;
      const isInternal = exported.isInternal === true;
      if (isPublic && isInternal) continue;
      functions[functions.length] = {
        name,
        kind,
        visibility: isPublic ? "public" : isInternal ? "internal" : null,
        args: validatorOf(exported, "exportArgs", '{"type":"any"}'),
        returns: validatorOf(exported, "exportReturns", "null"),
        offset: offsetOf(name, exported, source),
        valid: apply(exec, IDENTIFIER, [name]) !== null,
      };
    }
    return functions;
  }

  function validatorOf(exported, method, absent) {
    if (typeof exported[method] !== "function") return absent;
    const text = exported[method]();
    if (typeof text !== "string") throw new NewError(`\`${method}\` must return a string of JSON`);
    return stringify(parse(text));
  }

  function offsetOf(name, exported, source) {
    const handler = typeof exported._handler === "function" ? exported._handler : exported;
    if (typeof handler !== "function") return -1;
    let text;
    try {
      text = apply(functionText, handler, []);
    } catch {
      return -1;
    }
    // Equal handlers are told apart by where what they belong to is defined: `a = …`, and `export { a as name }`.
    const safe = apply(exec, IDENTIFIER, [name]) !== null;
    const renamed = safe ? apply(exec, new NewRegExp(`(?<![\\w$])([\\w$]+) as ${escaped(name)}\\s*[,}]`), [source]) : null;
    const local = escaped(renamed === null ? name : renamed[1]);
    const defined = safe ? apply(exec, new NewRegExp(`(?<![\\w$.])${local} =(?!=)`), [source]) : null;
    const near = apply(indexOf, source, [text, defined === null ? 0 : defined.index]);
    return near >= 0 ? near : apply(indexOf, source, [text]);
  }

  // An identifier as a regular expression.
  const escaped = (identifier) => apply(replaceAll, identifier, ["$", "\\$"]);

  // The default export of one of the modules with a meaning of their own; {failure} if it is not what it must be.
  const special = {
    "http.js"(value) {
      if (value === undefined) return { failure: "`convex/http.js` must have a default export of a Router." };
      if (!isObject(value) || value.isRouter !== true) {
        return { failure: "The default export of `convex/http.js` is not a Router." };
      }
      const routes = [];
      for (const [path, method] of value.getRoutes()) routes[routes.length] = [`${path}`, `${method}`];
      return { json: stringify(routes) };
    },
    "crons.js"(value) {
      if (value === undefined) return { failure: "`convex/crons.js` must have a default export of a Crons object." };
      if (!isObject(value) || value.isCrons !== true) {
        return { failure: "The default export of `convex/crons.js` is not a Crons object." };
      }
      return { json: stringify(parse(value.export())) };
    },
    "schema.js"(value) {
      if (value === undefined) {
        return {
          missing: true,
          failure: "Schema file missing default export. Export it with `export default defineSchema({...})`.",
        };
      }
      if (!isObject(value) || typeof value.export !== "function" || !isObject(value.tables)) {
        return {
          failure: "Default export from schema file isn't a Convex schema. Make it with `defineSchema({...})`.",
        };
      }
      return { json: stringify(parse(value.export())) };
    },
    "auth.config.js"(value) {
      if (value === undefined) {
        return { missing: true, failure: "auth config file is missing default export." };
      }
      return { json: stringify(value) ?? "null" };
    },
    "convex.config.js"(value) {
      if (!isObject(value) || typeof value.export !== "function") {
        return {
          failure: "The default export of `convex/convex.config.js` is not an app definition.",
        };
      }
      return { json: stringify(value.export()) };
    },
  };

  return {
    defer,
    // Call a function of a module once the microtasks run: the host hears of one of the three, once.
    invoke(namespace, module, name, kind, args, onReturn, onThrow, onRefuse) {
      defer(() => {
        let refused;
        try {
          refused = refusal(namespace, module, name, kind);
        } catch (error) {
          onThrow(realm.describe(error));
          return;
        }
        if (refused !== null) onRefuse(refused);
        else realm.invoke(namespace[name], INVOKERS[kind], args, onReturn, onThrow);
      });
    },
    // Say what went wrong, as `realm.js` describes what is thrown.
    describe(error, onDescribed) {
      defer(() => onDescribed(realm.describe(error)));
    },
    // Say what a module is: {functions}, and {special} for a module of those names.
    analyze(namespace, module, source, onAnalyzed, onThrow) {
      defer(() => {
        try {
          const value = hasOwn(namespace, "default") ? namespace.default : undefined;
          onAnalyzed(
            stringify({
              functions: functionsOf(namespace, source),
              special: hasOwn(special, module) ? special[module](value) : null,
            }),
          );
        } catch (error) {
          onThrow(realm.describe(error));
        }
      });
    },
  };
})
