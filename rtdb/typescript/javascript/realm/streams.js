// ReadableStream, WritableStream, TransformStream and what belongs to them; TextEncoderStream and TextDecoderStream.

const webStreams = once(() => {
  const streams = vendoredWebStreams();
  const { TransformStream } = streams;
  const { TextDecoder } = webEncoding();

  class TextEncoderStream {
    #transform;
    constructor() {
      let high = ""; // a surrogate that waits for the one that completes it
      this.#transform = new TransformStream({
        transform(chunk, controller) {
          let text = high + RealString(chunk);
          high = "";
          const last = charCodeAt(text, text.length - 1);
          if (last >= 0xd800 && last <= 0xdbff) {
            high = slice(text, -1);
            text = slice(text, 0, -1);
          }
          if (text !== "") controller.enqueue(encodeUtf8(text));
        },
        flush(controller) {
          if (high !== "") controller.enqueue(encodeUtf8(high));
        },
      });
    }
    get encoding() {
      return "utf-8";
    }
    get readable() {
      return this.#transform.readable;
    }
    get writable() {
      return this.#transform.writable;
    }
    get [Symbol.toStringTag]() {
      return "TextEncoderStream";
    }
  }

  class TextDecoderStream {
    #decoder;
    #transform;
    constructor(label, options) {
      const decoder = new TextDecoder(label, options);
      this.#decoder = decoder;
      this.#transform = new TransformStream({
        transform(chunk, controller) {
          const text = decoder.decode(chunk, { stream: true });
          if (text !== "") controller.enqueue(text);
        },
        flush(controller) {
          const text = decoder.decode();
          if (text !== "") controller.enqueue(text);
        },
      });
    }
    get encoding() {
      return this.#decoder.encoding;
    }
    get fatal() {
      return this.#decoder.fatal;
    }
    get ignoreBOM() {
      return this.#decoder.ignoreBOM;
    }
    get readable() {
      return this.#transform.readable;
    }
    get writable() {
      return this.#transform.writable;
    }
    get [Symbol.toStringTag]() {
      return "TextDecoderStream";
    }
  }
  return { ...streams, TextEncoderStream, TextDecoderStream };
});

defineLazily(
  [
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "TextDecoderStream",
    "TextEncoderStream",
    "TransformStream",
    "TransformStreamDefaultController",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
  ],
  webStreams,
);

// A stream of these bytes.
function streamOf(bytes) {
  return new (webStreams().ReadableStream)({
    type: "bytes",
    start(controller) {
      if (bytes.length > 0) controller.enqueue(new RealUint8Array(bytes));
      controller.close();
    },
  });
}

// All bytes of a stream.
async function readAll(stream) {
  const reader = stream.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    if (!(value instanceof RealUint8Array)) throw new TypeError("A body's stream must give Uint8Arrays");
    chunks.push(value);
    length += value.length;
  }
  return concatenate(chunks, length);
}

const setBytes = uncurryThis(Uint8Array.prototype.set);

function concatenate(chunks, length) {
  const bytes = new RealUint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    setBytes(bytes, chunk, at);
    at += chunk.length;
  }
  return bytes;
}
