// console: every call is one log line of the action that makes it (typescript-runtime §11.1).

const LOG_LENGTH_MAX = 131072;

export function makeConsole(inspect, currentCall, elsewhere) {
  const timers = new WeakMap();
  const render = (value) => inspect(value, { indent: 2, maxStringLength: 32768, customInspect: true });

  function write(level, messages) {
    // What is over the limits is cut exactly where lines are kept; here it must not use up memory.
    const text = messages.join(" ").slice(0, LOG_LENGTH_MAX);
    const call = currentCall();
    if (call === undefined) elsewhere(level, text);
    else call.log(level, text);
  }

  const log = (level, first, values) => write(level, [...first, ...values.map(render)]);
  const timersOf = (owner) => timers.get(owner) ?? (timers.set(owner, new Map()), timers.get(owner));
  const running = () => timersOf(currentCall() ?? write);
  const elapsed = (label) => `${label}: ${Math.floor(performance.now() - running().get(label))}ms`;

  const made = {
    debug: (...values) => log("DEBUG", [], values),
    error: (...values) => log("ERROR", [], values),
    info: (...values) => log("INFO", [], values),
    log: (...values) => log("LOG", [], values),
    warn: (...values) => log("WARN", [], values),
    trace(...values) {
      const place = {};
      Error.captureStackTrace(place, made.trace);
      log("LOG", [...values.map(render), place.stack.slice(place.stack.indexOf("\n") + 1)], []);
    },
    time(name = "default") {
      const label = String(name);
      if (running().has(label)) write("WARN", [`Timer '${label}' already exists`]);
      else running().set(label, performance.now());
    },
    timeLog(name = "default", ...values) {
      const label = String(name);
      if (running().has(label)) log("INFO", [elapsed(label)], values);
      else write("WARN", [`Timer '${label}' does not exist`]);
    },
    timeEnd(name = "default") {
      const label = String(name);
      if (running().has(label)) write("INFO", [elapsed(label)]);
      else write("WARN", [`Timer '${label}' does not exist`]);
      running().delete(label);
    },
  };
  return made;
}
