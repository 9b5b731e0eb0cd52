// URL and URLSearchParams (url.spec.whatwg.org). The host parses and writes; these classes hold what it says.

const hostParseUrl = fromHost(host.parseUrl); // (text, base or undefined) → JSON of the parts by name, "" if invalid
const hostChangeUrl = fromHost(host.changeUrl); // (href, part, text) → the same
const hostParseForm = fromHost(host.parseForm); // (x-www-form-urlencoded text) → JSON of [[name, value], …]
const hostWriteForm = fromHost(host.writeForm); // the inverse

function textOf(value) {
  return toWellFormed(RealString(value));
}

const webUrl = once(() => {
  const owner = Symbol("owner");

  class URLSearchParams {
    #pairs = [];
    #changed = () => {};
    constructor(init = "") {
      if (typeof init === "object" || typeof init === "function") {
        if (init === null) this.#pairs = parseJson(hostParseForm("null"));
        else if (init[Symbol.iterator] === undefined) {
          for (const name of ownKeys(init)) {
            if (getOwnPropertyDescriptor(init, name)?.enumerable) this.#pairs.push([textOf(name), textOf(init[name])]);
          }
        } else {
          for (const pair of init) {
            const [name, value, ...rest] = pair;
            if (rest.length > 0 || [...pair].length !== 2) {
              throw new TypeError("URLSearchParams: each pair must have a name and a value");
            }
            this.#pairs.push([textOf(name), textOf(value)]);
          }
        }
      } else {
        const text = textOf(init);
        this.#pairs = parseJson(hostParseForm(text[0] === "?" ? slice(text, 1) : text));
      }
    }
    // For URL alone: `changed` hears of every change; `text` replaces everything without being one.
    static [owner](parameters, { text, changed }) {
      if (text !== undefined) parameters.#pairs = parseJson(hostParseForm(text));
      if (changed !== undefined) parameters.#changed = changed;
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([textOf(name), textOf(value)]);
      this.#changed();
    }
    delete(name, value) {
      const key = textOf(name);
      const only = value === undefined ? undefined : textOf(value);
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || (only !== undefined && pair[1] !== only));
      this.#changed();
    }
    get(name) {
      const key = textOf(name);
      return this.#pairs.find((pair) => pair[0] === key)?.[1] ?? null;
    }
    getAll(name) {
      const key = textOf(name);
      return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
    }
    has(name, value) {
      const key = textOf(name);
      const only = value === undefined ? undefined : textOf(value);
      return this.#pairs.some((pair) => pair[0] === key && (only === undefined || pair[1] === only));
    }
    set(name, value) {
      const key = textOf(name);
      const text = textOf(value);
      let isSet = false;
      this.#pairs = this.#pairs.filter((pair) => {
        if (pair[0] !== key) return true;
        if (isSet) return false;
        isSet = true;
        pair[1] = text;
        return true;
      });
      if (!isSet) this.#pairs.push([key, text]);
      this.#changed();
    }
    sort() {
      this.#pairs = this.#pairs.toSorted((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
      this.#changed();
    }
    forEach(callback, self) {
      for (const [name, value] of this) apply(callback, self, [value, name, this]);
    }
    *entries() {
      for (let at = 0; at < this.#pairs.length; at += 1) yield [this.#pairs[at][0], this.#pairs[at][1]];
    }
    *keys() {
      for (const [name] of this.entries()) yield name;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return hostWriteForm(writeJson(this.#pairs));
    }
    get [Symbol.toStringTag]() {
      return "URLSearchParams";
    }
  }

  class URL {
    #parts;
    #searchParams;
    constructor(url, base = undefined) {
      if (arguments.length === 0) throw new TypeError("URL: an address is required");
      const parts = hostParseUrl(textOf(url), base === undefined ? undefined : textOf(base));
      if (parts === "") {
        const error = new TypeError(
          `Invalid URL: '${textOf(url)}'${base === undefined ? "" : ` with base '${textOf(base)}'`}`,
        );
        define(error, "code", "ERR_INVALID_URL");
        throw error;
      }
      this.#parts = parseJson(parts);
    }
    static canParse(url, base) {
      return hostParseUrl(textOf(url), base === undefined ? undefined : textOf(base)) !== "";
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    static [owner](url, part) {
      return url.#parts[part];
    }
    static [Symbol.for("change")](url, part, value, keepsParameters) {
      const parts = hostChangeUrl(url.#parts.href, part, textOf(value));
      if (parts === "") {
        if (part === "href") throw new TypeError(`Invalid URL: '${textOf(value)}'`);
        return;
      }
      url.#parts = parseJson(parts);
      if (url.#searchParams !== undefined && !keepsParameters) {
        URLSearchParams[owner](url.#searchParams, { text: slice(url.#parts.search, 1) });
      }
    }
    get searchParams() {
      if (this.#searchParams === undefined) {
        const parameters = new URLSearchParams(this.#parts.search);
        const changed = () => change(this, "search", parameters.toString(), true);
        URLSearchParams[owner](parameters, { changed });
        this.#searchParams = parameters;
      }
      return this.#searchParams;
    }
    toString() {
      return this.#parts.href;
    }
    toJSON() {
      return this.#parts.href;
    }
    get [Symbol.toStringTag]() {
      return "URL";
    }
  }
  const change = URL[Symbol.for("change")];
  const partOf = URL[owner];
  delete URL[Symbol.for("change")];
  delete URL[owner];
  const names = ownKeys(parseJson(hostParseUrl("about:blank")));
  for (let at = 0; at < names.length; at += 1) {
    const part = names[at];
    const accessors = {
      get [part]() {
        return partOf(this, part);
      },
      set [part](value) {
        change(this, part, value, false);
      },
    };
    const { get, set } = getOwnPropertyDescriptor(accessors, part);
    defineProperty(URL.prototype, part, {
      __proto__: null,
      get,
      set: part === "origin" ? undefined : set,
      enumerable: true,
      configurable: true,
    });
  }
  return { URL, URLSearchParams };
});
defineLazily(["URL", "URLSearchParams"], webUrl);
