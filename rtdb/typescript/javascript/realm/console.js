// console: every call is one log line. Arguments are rendered with the npm package object-inspect, each by itself.

const hostLog = fromHost(host.log);

const consoleTimers = new Map();
const inspectValue = once(() => vendoredObjectInspect().inspect);

function render(value) {
  return inspectValue()(value, { indent: 2, maxStringLength: 32768, customInspect: true });
}

// The host keeps as many lines, and as much of each, as the limits allow.
function writeLog(level, messages) {
  hostLog(level, join(messages, " "));
}

function logArguments(level, first, values) {
  const messages = first === undefined ? [] : [first];
  for (let at = 0; at < values.length; at += 1) define(messages, messages.length, render(values[at]));
  writeLog(level, messages);
}

function elapsed(label) {
  return `${label}: ${floor(hostMonotonic() - mapGet(consoleTimers, label))}ms`;
}

// Names are those of functions in stack traces, as everywhere else on the platform.
{
  const console = {
    debug: (...values) => logArguments("DEBUG", undefined, values),
    error: (...values) => logArguments("ERROR", undefined, values),
    info: (...values) => logArguments("INFO", undefined, values),
    log: (...values) => logArguments("LOG", undefined, values),
    warn: (...values) => logArguments("WARN", undefined, values),
    trace(...values) {
      const messages = [];
      for (let at = 0; at < values.length; at += 1) define(messages, messages.length, render(values[at]));
      const place = {};
      RealError.captureStackTrace(place, console.trace);
      define(messages, messages.length, RealString(place.stack));
      writeLog("LOG", messages);
    },
    time(name = "default") {
      const label = RealString(name);
      if (mapHas(consoleTimers, label)) writeLog("WARN", [`Timer '${label}' already exists`]);
      else mapSet(consoleTimers, label, hostMonotonic());
    },
    timeLog(name = "default", ...values) {
      const label = RealString(name);
      if (mapHas(consoleTimers, label)) logArguments("INFO", elapsed(label), values);
      else writeLog("WARN", [`Timer '${label}' does not exist`]);
    },
    timeEnd(name = "default") {
      const label = RealString(name);
      if (!mapHas(consoleTimers, label)) {
        writeLog("WARN", [`Timer '${label}' does not exist`]);
        return;
      }
      writeLog("INFO", [elapsed(label)]);
      mapDelete(consoleTimers, label);
    },
  };
  define(globalThis, "console", console);
}
