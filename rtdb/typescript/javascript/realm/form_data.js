// FormData (xhr.spec.whatwg.org), and how it becomes a body of multipart/form-data.

const webFormData = once(() => {
  const { Blob, File, blobBytes } = webBlob();

  const valueOf = (value, filename) => {
    if (!(value instanceof Blob)) return textOf(value);
    if (filename === undefined && value instanceof File) return value;
    const name = filename === undefined ? "blob" : textOf(filename);
    return new File([value], name, { type: value.type, lastModified: value.lastModified });
  };

  class FormData {
    #entries = [];
    constructor(form) {
      if (form !== undefined) throw new TypeError("FormData: there are no forms here");
    }
    append(name, value, filename) {
      this.#entries.push([textOf(name), valueOf(value, filename)]);
    }
    set(name, value, filename) {
      const key = textOf(name);
      const entry = [key, valueOf(value, filename)];
      const at = this.#entries.findIndex((existing) => existing[0] === key);
      if (at === -1) this.#entries.push(entry);
      else
        this.#entries = this.#entries.filter((existing, index) => index <= at || existing[0] !== key).with(at, entry);
    }
    delete(name) {
      const key = textOf(name);
      this.#entries = this.#entries.filter((entry) => entry[0] !== key);
    }
    get(name) {
      const key = textOf(name);
      return this.#entries.find((entry) => entry[0] === key)?.[1] ?? null;
    }
    getAll(name) {
      const key = textOf(name);
      return this.#entries.filter((entry) => entry[0] === key).map((entry) => entry[1]);
    }
    has(name) {
      const key = textOf(name);
      return this.#entries.some((entry) => entry[0] === key);
    }
    forEach(callback, self) {
      for (const [name, value] of this) apply(callback, self, [value, name, this]);
    }
    *entries() {
      for (let at = 0; at < this.#entries.length; at += 1) yield [this.#entries[at][0], this.#entries[at][1]];
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
      return "FormData";
    }
  }

  const normalized = (text) => text.replace(/\r\n?|\n/g, "\r\n");
  const quoted = (text) => text.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22");

  // [bytes, content type]
  function toMultipart(form) {
    const random = new RealUint8Array(16);
    fillWithRandom(random);
    const boundary = `----formdata-rtdb-${toHex(random)}`;
    const chunks = [];
    const add = (bytes) => chunks.push(bytes);
    for (const [name, value] of form) {
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(normalized(name))}"`;
      if (typeof value === "string") add(encodeUtf8(`${head}\r\n\r\n${normalized(value)}\r\n`));
      else {
        const type = value.type === "" ? "application/octet-stream" : value.type;
        add(encodeUtf8(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
        add(blobBytes(value));
        add(encodeUtf8("\r\n"));
      }
    }
    add(encodeUtf8(`--${boundary}--`));
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return [concatenate(chunks, length), `multipart/form-data; boundary=${boundary}`];
  }
  return { FormData, toMultipart };
});
defineLazily(["FormData"], webFormData);
