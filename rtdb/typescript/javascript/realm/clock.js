// Time stands still during a call: it is the moment at which the execution began.

const hostNow = fromHost(host.now); // ms since 1970; the host notes that it was asked
const hostMonotonic = fromHost(host.monotonic); // ms since any moment

let timeOrigin = 0; // ms since 1970, what performance.now() counts from
let monotonicStart = 0; // ms, when the call began
let time; // ms since 1970, of what has been entered; undefined as long as nobody has asked

function currentTime() {
  return (time ??= hostNow());
}

const RealDate = Date;
const dateToString = uncurryThis(Date.prototype.toString);

{
  const VirtualDate = {
    Date: function (...parts) {
      if (new.target === undefined) return dateToString(new RealDate(currentTime()));
      return construct(RealDate, parts.length === 0 ? [currentTime()] : parts, new.target);
    },
  }.Date;
  defineProperty(VirtualDate, "length", { __proto__: null, value: 7 });
  defineProperty(VirtualDate, "prototype", { __proto__: null, value: RealDate.prototype, writable: false });
  define(VirtualDate, "now", { now: () => currentTime() }.now);
  define(VirtualDate, "parse", RealDate.parse);
  define(VirtualDate, "UTC", RealDate.UTC);
  define(RealDate.prototype, "constructor", VirtualDate);
  define(globalThis, "Date", VirtualDate);
}

// Formatters read the clock themselves when they are given no date.
{
  const prototype = Intl.DateTimeFormat.prototype;
  const realFormat = uncurryThis(getOwnPropertyDescriptor(prototype, "format").get);
  const realFormatToParts = uncurryThis(prototype.formatToParts);
  const formats = new WeakMap();
  defineProperty(prototype, "format", {
    __proto__: null,
    configurable: true,
    enumerable: false,
    get() {
      const real = realFormat(this);
      let format = weakMapGet(formats, real);
      if (format === undefined) {
        format = (date) => real(date === undefined ? currentTime() : date);
        weakMapSet(formats, real, format);
      }
      return format;
    },
  });
  define(
    prototype,
    "formatToParts",
    {
      formatToParts(date) {
        return realFormatToParts(this, date === undefined ? currentTime() : date);
      },
    }.formatToParts,
  );
}

// The same for Temporal. V8 makes it when the global is first looked at, which takes as long as all the rest of a boot:
// the global is deleted unseen, and its classes are taken from what a Date gives.
delete globalThis.Temporal;
const temporal = once(() => {
  const instant = () => new RealDate(currentTime()).toTemporalInstant();
  const zoned = (zone = "UTC") => instant().toZonedDateTimeISO(zone);
  const example = new RealDate(0).toTemporalInstant();
  const exampleZoned = example.toZonedDateTimeISO("UTC");
  const date = exampleZoned.toPlainDate();
  const Temporal = {};
  for (const [name, value] of Object.entries({
    Duration: example.since(example).constructor,
    Instant: example.constructor,
    PlainDate: date.constructor,
    PlainDateTime: exampleZoned.toPlainDateTime().constructor,
    PlainMonthDay: date.toPlainMonthDay().constructor,
    PlainTime: exampleZoned.toPlainTime().constructor,
    PlainYearMonth: date.toPlainYearMonth().constructor,
    ZonedDateTime: exampleZoned.constructor,
    Now: Object.defineProperties(
      {},
      Object.getOwnPropertyDescriptors({
        instant: () => instant(),
        plainDateISO: (zone) => zoned(zone).toPlainDate(),
        plainDateTimeISO: (zone) => zoned(zone).toPlainDateTime(),
        plainTimeISO: (zone) => zoned(zone).toPlainTime(),
        timeZoneId: () => "UTC",
        zonedDateTimeISO: (zone) => zoned(zone),
        get [Symbol.toStringTag]() {
          return "Temporal.Now";
        },
      }),
    ),
  })) {
    define(Temporal, name, value);
  }
  defineProperty(Temporal, Symbol.toStringTag, { __proto__: null, value: "Temporal", configurable: true });
  return { Temporal };
});
defineLazily(["Temporal"], temporal);

// ms since timeOrigin, in steps of 0.1: 0 during import, fixed in a query, increasing in a mutation.
function performanceNow() {
  if (!isCall()) return 0;
  const elapsed = phase === "mutation" ? hostMonotonic() - monotonicStart : 0;
  return floor((currentTime() - timeOrigin + elapsed) * 10) / 10;
}

let performanceEntries = [];

const performanceApi = once(() => {
  const secret = {};
  class PerformanceEntry {
    #fields;
    constructor(key, fields) {
      if (key !== secret) throw new TypeError("Illegal constructor");
      this.#fields = fields;
    }
    get name() {
      return this.#fields.name;
    }
    get entryType() {
      return this.#fields.entryType;
    }
    get startTime() {
      return this.#fields.startTime;
    }
    get duration() {
      return this.#fields.duration;
    }
    get detail() {
      return this.#fields.detail;
    }
    toJSON() {
      return { ...this.#fields };
    }
  }
  class PerformanceMark extends PerformanceEntry {
    constructor(name, { startTime = performanceNow(), detail = null } = {}) {
      if (startTime < 0) throw new TypeError("startTime cannot be negative");
      super(secret, { name: RealString(name), entryType: "mark", startTime, duration: 0, detail });
    }
  }
  class PerformanceMeasure extends PerformanceEntry {}

  const timeOf = (mark) => {
    if (typeof mark === "number") return mark;
    const found = performanceEntries.findLast((entry) => entry.entryType === "mark" && entry.name === RealString(mark));
    if (found === undefined) {
      throw new (webEvents().DOMException)(`Cannot find mark: "${RealString(mark)}"`, "SyntaxError");
    }
    return found.startTime;
  };
  const clear = (entryType, name) => {
    performanceEntries = performanceEntries.filter(
      (entry) => entry.entryType !== entryType || (name !== undefined && entry.name !== RealString(name)),
    );
  };
  const sorted = () => performanceEntries.toSorted((one, other) => one.startTime - other.startTime);

  class Performance extends webEvents().EventTarget {
    constructor(key) {
      if (key !== secret) throw new TypeError("Illegal constructor");
      super();
    }
    get timeOrigin() {
      return timeOrigin;
    }
    now() {
      return performanceNow();
    }
    mark(name, options) {
      const entry = new PerformanceMark(name, options);
      performanceEntries.push(entry);
      return entry;
    }
    measure(name, startOrOptions, endMark) {
      const options = typeof startOrOptions === "object" && startOrOptions !== null ? startOrOptions : undefined;
      const { start, end, duration, detail = null } = options ?? { start: startOrOptions, end: endMark };
      let stop = end === undefined ? performanceNow() : timeOf(end);
      let begin = start === undefined ? 0 : timeOf(start);
      if (duration !== undefined && end === undefined) stop = begin + duration;
      if (duration !== undefined && start === undefined) begin = stop - duration;
      const fields = { name: RealString(name), entryType: "measure", startTime: begin, duration: stop - begin, detail };
      const entry = new PerformanceMeasure(secret, fields);
      performanceEntries.push(entry);
      return entry;
    }
    getEntries() {
      return sorted();
    }
    getEntriesByType(entryType) {
      return sorted().filter((entry) => entry.entryType === entryType);
    }
    getEntriesByName(name, entryType) {
      return sorted().filter(
        (entry) => entry.name === name && (entryType === undefined || entry.entryType === entryType),
      );
    }
    clearMarks(name) {
      clear("mark", name);
    }
    clearMeasures(name) {
      clear("measure", name);
    }
    toJSON() {
      return { timeOrigin };
    }
  }
  return { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, performance: new Performance(secret) };
});
defineLazily(
  ["performance", "Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure"],
  performanceApi,
);
