// Headers (fetch.spec.whatwg.org): names without case, values joined by commas, Set-Cookie kept apart.

const webHeaders = once(() => {
  const isName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

  function headerName(name) {
    const text = toLowerCase(RealString(name));
    if (!isName.test(text)) throw new TypeError(`Invalid header name: '${RealString(name)}'`);
    return text;
  }
  function headerValue(value) {
    const text = RealString(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (/[\0\n\r]|[^\0-\xff]/.test(text)) throw new TypeError(`Invalid header value: ${writeJson(text)}`);
    return text;
  }

  class Headers {
    #pairs = []; // [name, value] in the order of being added
    #isFixed = false;
    constructor(init = {}) {
      if (typeof init !== "object" && typeof init !== "function")
        throw new TypeError("Headers: invalid initial headers");
      if (init === null) throw new TypeError("Headers: invalid initial headers");
      if (init[Symbol.iterator] !== undefined) {
        for (const pair of init) {
          const [name, value, ...rest] = pair;
          if (rest.length > 0 || [...pair].length !== 2) {
            throw new TypeError("Headers: each pair must have a name and a value");
          }
          this.append(name, value);
        }
      } else {
        for (const name of ownKeys(init)) {
          if (getOwnPropertyDescriptor(init, name)?.enumerable) this.append(name, init[name]);
        }
      }
    }
    append(name, value) {
      const key = headerName(name);
      const text = headerValue(value);
      this.#pairs.push([key, text]);
    }
    set(name, value) {
      const key = headerName(name);
      const text = headerValue(value);
      const at = this.#pairs.findIndex((pair) => pair[0] === key);
      if (at === -1) this.#pairs.push([key, text]);
      else this.#pairs = this.#pairs.filter((pair, index) => index <= at || pair[0] !== key).with(at, [key, text]);
    }
    delete(name) {
      const key = headerName(name);
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== key);
    }
    get(name) {
      const key = headerName(name);
      const values = this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
      return values.length === 0 ? null : values.join(", ");
    }
    getSetCookie() {
      return this.#pairs.filter((pair) => pair[0] === "set-cookie").map((pair) => pair[1]);
    }
    has(name) {
      const key = headerName(name);
      return this.#pairs.some((pair) => pair[0] === key);
    }
    forEach(callback, self) {
      for (const [name, value] of this) apply(callback, self, [value, name, this]);
    }
    // Sorted by name and joined; every Set-Cookie by itself.
    #combined() {
      const names = [...new Set(this.#pairs.map((pair) => pair[0]))].toSorted();
      return names.flatMap((name) =>
        name === "set-cookie" ? this.getSetCookie().map((value) => [name, value]) : [[name, this.get(name)]],
      );
    }
    *entries() {
      for (let at = 0; ; at += 1) {
        const pairs = this.#combined();
        if (at >= pairs.length) return;
        yield pairs[at];
      }
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
    get [Symbol.toStringTag]() {
      return "Headers";
    }
  }
  return { Headers };
});
defineLazily(["Headers"], webHeaders);
