// Blob and File (w3c.github.io/FileAPI): bytes that never change, and what they are.

const webBlob = once(() => {
  const internal = Symbol("internal");
  const normalizedType = (type) => {
    const text = RealString(type);
    return /[^\x20-\x7e]/.test(text) ? "" : toLowerCase(text);
  };

  class Blob {
    #bytes;
    #type;
    constructor(parts = [], { type = "", endings = "transparent" } = {}) {
      if (parts?.[internal] !== undefined) this.#bytes = parts[internal];
      else {
        if (typeof parts !== "object" || typeof parts?.[Symbol.iterator] !== "function") {
          throw new TypeError("Blob: the parts must be a sequence");
        }
        const chunks = [];
        let length = 0;
        for (const part of parts) {
          const bytes = partBytes(part, endings);
          chunks.push(bytes);
          length += bytes.length;
        }
        this.#bytes = concatenate(chunks, length);
      }
      this.#type = normalizedType(type);
    }
    static [internal](blob) {
      return blob.#bytes;
    }
    get size() {
      return this.#bytes.length;
    }
    get type() {
      return this.#type;
    }
    slice(start = 0, end = this.size, type = "") {
      return new Blob({ [internal]: this.#bytes.subarray(trunc(start), trunc(end)) }, { type });
    }
    async text() {
      return decodeUtf8(this.#bytes);
    }
    async bytes() {
      return new RealUint8Array(this.#bytes);
    }
    async arrayBuffer() {
      return new RealUint8Array(this.#bytes).buffer;
    }
    stream() {
      return streamOf(this.#bytes);
    }
    get [Symbol.toStringTag]() {
      return "Blob";
    }
  }
  const blobBytes = Blob[internal];
  delete Blob[internal];

  function partBytes(part, endings) {
    if (part instanceof Blob) return blobBytes(part);
    if (isBuffer(part)) return copyBytes(part);
    const text = RealString(part);
    return encodeUtf8(endings === "native" ? text.replace(/\r\n?/g, "\n") : text);
  }

  class File extends Blob {
    #name;
    #lastModified;
    constructor(parts, name, options = {}) {
      if (arguments.length < 2) throw new TypeError("File: parts and a name are required");
      super(parts, options);
      this.#name = textOf(name);
      this.#lastModified = options.lastModified === undefined ? undefined : trunc(options.lastModified);
    }
    get name() {
      return this.#name;
    }
    get lastModified() {
      return (this.#lastModified ??= currentTime());
    }
    get [Symbol.toStringTag]() {
      return "File";
    }
  }

  // The copy of a Blob or File, undefined for anything else.
  function clone(value) {
    if (!(value instanceof Blob)) return undefined;
    const parts = { [internal]: blobBytes(value) };
    const { type } = value;
    return value instanceof File
      ? new File(parts, value.name, { type, lastModified: value.lastModified })
      : new Blob(parts, { type });
  }
  const fromBytes = (bytes, type) => new Blob({ [internal]: bytes }, { type });

  return { Blob, File, blobBytes, fromBytes, clone };
});
defineLazily(["Blob", "File"], webBlob);
