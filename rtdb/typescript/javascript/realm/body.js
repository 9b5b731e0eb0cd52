// The body of a Request or Response (fetch.spec.whatwg.org, 5.2 and 5.3).

const webBody = once(() => {
  const { Blob, blobBytes, fromBytes } = webBlob();
  const { FormData, toMultipart } = webFormData();
  const { URLSearchParams } = webUrl();
  const { ReadableStream } = webStreams();

  // {bytes or stream, type: the content type it implies or null}, null for no body.
  function extract(source) {
    if (source === null || source === undefined) return null;
    if (source instanceof ReadableStream) {
      if (source.locked) throw new TypeError("The body's stream is locked");
      return { stream: source, type: null };
    }
    if (source instanceof Blob) return { bytes: blobBytes(source), type: source.type === "" ? null : source.type };
    if (source instanceof FormData) {
      const [bytes, type] = toMultipart(source);
      return { bytes, type };
    }
    if (source instanceof URLSearchParams) {
      return { bytes: encodeUtf8(source.toString()), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    }
    if (isBuffer(source)) return { bytes: copyBytes(source), type: null };
    return { bytes: encodeUtf8(textOf(source)), type: "text/plain;charset=UTF-8" };
  }

  class Body {
    #content; // {bytes, stream} or null
    #isUsed = false;
    constructor(content) {
      this.#content = content;
    }
    get isNull() {
      return this.#content === null;
    }
    get isUsed() {
      return this.#isUsed || this.#content?.stream?.[disturbed] === true;
    }
    get stream() {
      if (this.#content === null) return null;
      this.#content.stream ??= this.#isUsed ? emptied() : streamOf(this.#content.bytes);
      return this.#content.stream;
    }
    async read() {
      if (this.isUsed || this.#content?.stream?.locked)
        throw new TypeError("Body is unusable: it has been read already");
      if (this.#content === null) return new RealUint8Array(0);
      this.#isUsed = true;
      if (this.#content.stream !== undefined) return readAll(this.#content.stream);
      return this.#content.bytes;
    }
    clone() {
      if (this.isUsed || this.#content?.stream?.locked)
        throw new TypeError("Body is unusable: it has been read already");
      if (this.#content === null) return new Body(null);
      if (this.#content.stream === undefined) return new Body({ bytes: this.#content.bytes });
      const [mine, other] = this.#content.stream.tee();
      this.#content = { stream: mine };
      return new Body({ stream: other });
    }
  }

  // The vendored streams remember whether they have been read from or cancelled.
  const disturbed = "_disturbed";

  function emptied() {
    const stream = streamOf(new RealUint8Array(0));
    stream.cancel();
    return stream;
  }

  // Gives the classes Request and Response what a body can do; `bodyOf` finds the Body of one.
  function mixInto(prototype, bodyOf) {
    const methods = {
      async arrayBuffer() {
        return new RealUint8Array(await bodyOf(this).read()).buffer;
      },
      async blob() {
        const bytes = await bodyOf(this).read();
        return fromBytes(bytes, this.headers.get("content-type") ?? "");
      },
      async bytes() {
        return new RealUint8Array(await bodyOf(this).read());
      },
      async formData() {
        throw actionsOnly("formData()");
      },
      async json() {
        return parseJson(decodeUtf8(await bodyOf(this).read()));
      },
      async text() {
        return decodeUtf8(await bodyOf(this).read());
      },
    };
    for (const name of Object.keys(methods)) define(prototype, name, methods[name]);
    const getters = {
      get body() {
        return bodyOf(this).stream;
      },
      get bodyUsed() {
        return bodyOf(this).isUsed;
      },
    };
    for (const name of Object.keys(getters)) {
      const { get } = getOwnPropertyDescriptor(getters, name);
      defineProperty(prototype, name, { __proto__: null, get, enumerable: true, configurable: true });
    }
  }
  return { Body, extract, mixInto };
});
