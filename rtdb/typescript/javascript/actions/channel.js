// Frames between this process and its parent, one at a time each way, whenever either has something to say.
//
//     length (32 bits, little endian) ‖ header ‖ "\n" ‖ payload
//
// The header is JSON, in which a line break cannot occur. The payload is bytes: JSON that passes through without being
// parsed here, or a piece of a body.

const HEADER_BYTES = 4;
const FRAME_BYTES_MAX = 256 * 1024 * 1024;
const LINE_BREAK = 10;

// Taken before any code of the app runs, which might change them by mistake.
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode = encoder.encode.bind(encoder);
const decode = decoder.decode.bind(decoder);
const { stringify, parse } = JSON;
const NOTHING = new Uint8Array(0);

export class Channel {
  #write;
  // Of a frame to the parent, which ends this process when it is sent a larger one.
  bytesMax = FRAME_BYTES_MAX;

  // `write` takes bytes, whatever becomes of them afterwards.
  constructor(write) {
    this.#write = write;
  }

  send(header, payload = NOTHING) {
    const head = encode(stringify(header));
    const body = typeof payload === "string" ? encode(payload) : payload;
    const length = head.length + 1 + body.length;
    if (length > this.bytesMax) {
      throw new Error(
        `What an action sends to the server at once is too large ` +
          `(actual: ${length} bytes, limit: ${this.bytesMax} bytes, frame_bytes_max)`,
      );
    }
    const frame = new Uint8Array(HEADER_BYTES + length);
    new DataView(frame.buffer).setUint32(0, length, true);
    frame.set(head, HEADER_BYTES);
    frame[HEADER_BYTES + head.length] = LINE_BREAK;
    frame.set(body, HEADER_BYTES + head.length + 1);
    this.#write(frame);
  }
}

// Yield {header, payload} of each frame in `chunks`, an async iterable of bytes, to its end.
export async function* frames(chunks) {
  let buffer = new Uint8Array(1 << 16);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > buffer.length) {
      const larger = new Uint8Array(Math.max(2 * buffer.length, filled + chunk.length));
      larger.set(buffer.subarray(0, filled));
      buffer = larger;
    }
    buffer.set(chunk, filled);
    filled += chunk.length;
    let start = 0;
    while (filled - start >= HEADER_BYTES) {
      const length = new DataView(buffer.buffer).getUint32(start, true);
      if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`);
      const end = start + HEADER_BYTES + length;
      if (end > filled) break;
      const frame = buffer.slice(start + HEADER_BYTES, end);
      const lineBreak = frame.indexOf(LINE_BREAK);
      yield { header: parse(decode(frame.subarray(0, lineBreak))), payload: frame.subarray(lineBreak + 1) };
      start = end;
    }
    buffer.copyWithin(0, start, filled);
    filled -= start;
  }
}

export function textOf(payload) {
  return decode(payload);
}
