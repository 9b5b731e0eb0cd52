// What the host is given: the ways in which it drives the context. None of them throws, and what is given to the host
// are strings. Code of the app runs only in microtasks of this realm, where the host's time limit holds; `describe`
// may run some (getters, proxies), so the host calls it there too.

const MESSAGE_LENGTH_MAX = 65536;
const CONVEX_ERROR = Symbol.for("ConvexError");

// What V8 says of something thrown that is not an Error.
function describeThrown(value) {
  if (typeof value !== "object" || value === null) return RealString(value);
  const { constructor } = value;
  const name = typeof constructor === "function" ? constructor.name : undefined;
  return typeof name === "string" && name !== "" ? `#<${name}>` : "#<Object>";
}

function limited(text) {
  return toWellFormed(slice(text, 0, MESSAGE_LENGTH_MAX));
}

// {"name": null for what is no Error, "message", "stack": V8's text, "data"?: Convex JSON as text}
function describe(error) {
  try {
    const description = { __proto__: null, name: null, message: "", stack: "" };
    if (!isError(error)) {
      description.message = limited(describeThrown(error));
      return writeJson(description);
    }
    const { name, message, stack, ConvexErrorSymbol: symbol } = error;
    if (name !== undefined) description.name = limited(RealString(name));
    if (message !== undefined) description.message = limited(RealString(message));
    if (typeof stack === "string") description.stack = limited(stack);
    if (symbol === CONVEX_ERROR && error[symbol] === true) {
      const { data } = error;
      if (typeof data === "string") {
        parseJson(data);
        description.data = toWellFormed(data);
      }
    }
    return writeJson(description);
  } catch {
    // Its getters throw, its data is no JSON, or the stack is exhausted.
    return '{"name":"Error","message":"(the error could not be read)","stack":""}';
  }
}

const control = {
  __proto__: null,
  describe,

  // What runs from now on is `newPhase` (phase.js); performance.now() counts from `origin`, ms since 1970.
  enter(newPhase, origin) {
    phase = newPhase;
    timeOrigin = origin;
    time = undefined;
    if (isCall()) monotonicStart = hostMonotonic();
    // Another context may have left its own there.
    hostSetAsyncState(0);
  },

  // Let go of what belongs to the call that has ended: the app's variables are all that the next one may see of it.
  forget() {
    mapClear(consoleTimers);
    performanceEntries = [];
    forgetAsyncStates();
  },

  // Up to eight numbers of 32 bits.
  seed(...words) {
    seedRandom(words);
  },

  // Call a method of an exported function. The host hears of one of the two, once.
  async invoke(callable, method, argumentsJson, onReturn, onThrow) {
    let result;
    try {
      result = await callable[method](argumentsJson);
      if (typeof result !== "string") throw new TypeError(`\`${method}\` must return a string of JSON`);
    } catch (error) {
      onThrow(describe(error));
      return;
    }
    onReturn(result);
  },
};
