// What an app's code finds in its context. The completion value is given the host's functions and makes of them what
// the guest needs: {seed, invoke, describe}.
((host) => {
  "use strict";
  const NativeDate = Date;
  const NativePromise = Promise;
  const NativeError = Error;
  const text = String;
  const { construct } = Reflect;
  const { stringify, parse } = JSON;
  const convexError = Symbol.for("ConvexError");
  Error.stackTraceLimit = 100;

  function VirtualDate(...given) {
    if (!new.target) return new NativeDate(host.now()).toString();
    const target = new.target === VirtualDate ? NativeDate : new.target;
    return construct(NativeDate, given.length === 0 ? [host.now()] : given, target);
  }
  VirtualDate.now = () => host.now();
  VirtualDate.parse = NativeDate.parse;
  VirtualDate.UTC = NativeDate.UTC;
  VirtualDate.prototype = NativeDate.prototype;
  NativeDate.prototype.constructor = VirtualDate;
  Object.defineProperty(VirtualDate, "name", { value: "Date" });
  globalThis.Date = VirtualDate;

  let state = [1, 2, 3, 4];
  function random32() {
    let last = state[3];
    const first = state[0];
    state = [0, first, state[1], state[2]];
    last ^= last << 11;
    last ^= last >>> 8;
    return (state[0] = (last ^ first ^ (first >>> 19)) >>> 0);
  }
  Math.random = () => ((random32() >>> 5) * 67108864 + (random32() >>> 6)) / 9007199254740992;

  for (const name of ["WebAssembly", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "console"]) {
    delete globalThis[name];
  }
  const shown = (value) => (typeof value === "string" ? value : (stringify(value) ?? text(value)));
  const logger = (level) => (...values) => host.log(level, values.map(shown).join(" "));
  globalThis.console = {
    debug: logger("DEBUG"), error: logger("ERROR"), info: logger("INFO"), log: logger("LOG"), warn: logger("WARN"),
  };
  globalThis.self = globalThis;
  const lookUp = (_, name) => (typeof name === "string" ? host.variable(name) : undefined);
  globalThis.process = { env: new Proxy({}, { get: lookUp }) };

  function failure(errorJson) {
    const { message, data } = parse(errorJson);
    const error = new NativeError(message);
    if (data !== undefined) error.data = data;
    return error;
  }
  globalThis.Convex = {
    syscall(op, args) {
      const answer = host.syscall(text(op), text(args));
      if (answer[0] === "!") throw failure(answer.slice(1));
      return answer;
    },
    asyncSyscall: (op, args) =>
      new NativePromise((resolve, reject) => {
        host.asyncSyscall(text(op), text(args), resolve, (errorJson) => reject(failure(errorJson)));
      }),
    jsSyscall(op) {
      throw new NativeError(`Unknown JS syscall: ${op}`);
    },
  };

  function describe(error) {
    const described = { name: null, message: "", stack: "" };
    try {
      if (error instanceof NativeError || (typeof error === "object" && error !== null && "stack" in error)) {
        described.name = text(error.name);
        described.message = text(error.message);
        described.stack = text(error.stack);
        if (error[error.ConvexErrorSymbol] === true || error[convexError] === true) described.data = text(error.data);
      } else described.message = text(error);
    } catch {
      described.message = "(the error could not be read)";
    }
    return stringify(described);
  }

  return {
    seed(a, b, c, d) {
      state = [a, b, c, d];
    },
    describe,
    async invoke(callable, method, args, onReturn, onThrow) {
      let result;
      try {
        result = await callable[method](args);
      } catch (error) {
        onThrow(describe(error));
        return;
      }
      onReturn(text(result));
    },
  };
})
