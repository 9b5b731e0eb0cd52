// Where the code of a module comes from, for the stacks that an app's code reads itself. What leaves the process is
// found out by the parent, which has maps of its own (`source_map.py` says what the format is).

const DIGITS = new Int8Array(128).fill(-1);
[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].forEach((digit, value) => {
  DIGITS[digit.charCodeAt(0)] = value;
});
const SEMICOLON = 0x3b;
const COMMA = 0x2c;
const FIELDS = 5; // generated line and column, source, its line and column; all from 0

export class SourceMaps {
  #texts;
  #decoded = new Map();

  // `texts` by path of the module.
  constructor(texts) {
    this.#texts = texts;
  }

  // Return "path:line:column" for a place in a module, "" for one that nobody wrote; lines and columns from 1.
  place(path, line, column) {
    if (!this.#decoded.has(path)) this.#decoded.set(path, this.#decode(path));
    const map = this.#decoded.get(path);
    if (map === null) return "";
    const { sources, segments } = map;
    let from = 0;
    let to = segments.length / FIELDS;
    // The last segment that does not begin after the place.
    while (from < to) {
      const middle = (from + to) >> 1;
      const at = middle * FIELDS;
      const isAfter = segments[at] > line - 1 || (segments[at] === line - 1 && segments[at + 1] > column - 1);
      if (isAfter) to = middle;
      else from = middle + 1;
    }
    const at = (from - 1) * FIELDS;
    if (from === 0 || segments[at] !== line - 1) return "";
    const source = sources[segments[at + 2]];
    return typeof source === "string" ? `${source}:${segments[at + 3] + 1}:${segments[at + 4] + 1}` : "";
  }

  #decode(path) {
    try {
      const { mappings, sources } = JSON.parse(this.#texts.get(path));
      return { sources, segments: decode(mappings) };
    } catch {
      // There is none, or it is none.
      return null;
    }
  }
}

function decode(mappings) {
  let segments = new Int32Array(1 << 12);
  let filled = 0;
  let line = 0;
  const totals = [0, 0, 0, 0]; // column, source, its line, its column
  const numbers = [0, 0, 0, 0, 0];
  let count = 0;
  let number = 0;
  let shift = 0;

  const finish = () => {
    for (let each = 0; each < Math.min(count, 4); each += 1) totals[each] += numbers[each];
    if (count >= 4) {
      if (filled + FIELDS > segments.length) {
        const larger = new Int32Array(2 * segments.length);
        larger.set(segments);
        segments = larger;
      }
      segments.set([line, ...totals], filled);
      filled += FIELDS;
    }
    count = 0;
  };

  for (let at = 0; at < mappings.length; at += 1) {
    const code = mappings.charCodeAt(at);
    if (code === SEMICOLON || code === COMMA) {
      finish();
      if (code === SEMICOLON) {
        line += 1;
        totals[0] = 0;
      }
      continue;
    }
    const digit = DIGITS[code];
    if (digit === undefined || digit < 0) throw new Error("no mappings");
    number |= (digit & 31) << shift;
    shift += 5;
    if (digit < 32) {
      numbers[count] = number & 1 ? -(number >>> 1) : number >>> 1;
      count += 1;
      number = 0;
      shift = 0;
    }
  }
  finish();
  return segments.subarray(0, filled);
}
