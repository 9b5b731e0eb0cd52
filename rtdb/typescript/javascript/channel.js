// Frames between this process and its parent, over the socket that is our standard input and output.
//
//     length (32 bits, little endian) ‖ header ‖ "\n" ‖ line ‖ "\n" ‖ line …            all of it UTF-8
//
// The header is JSON. The lines are JSON texts that pass through without being parsed here: arguments, results, rows.
// JSON has no line breaks outside of strings, and none inside; what comes from an app's code is made so (`oneLine`).

const HEADER_BYTES = 4;
const FRAME_BYTES_MAX = 256 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Channel {
  #read;
  #write;
  #buffer = new Uint8Array(1 << 16);
  #filled = 0;

  // `read` and `write` are blocking, and tell how many bytes they took; `read` says null at the end.
  constructor(read, write) {
    this.#read = read;
    this.#write = write;
  }

  // Return the next frame as {header, lines}, or null when the parent is gone.
  receive() {
    if (!this.#fill(HEADER_BYTES)) return null;
    const length = new DataView(this.#buffer.buffer).getUint32(0, true);
    if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`);
    const end = HEADER_BYTES + length;
    if (!this.#fill(end)) return null;
    const lines = decoder.decode(this.#buffer.subarray(HEADER_BYTES, end)).split("\n");
    this.#buffer.copyWithin(0, end, this.#filled);
    this.#filled -= end;
    return { header: JSON.parse(lines[0]), lines: lines.slice(1) };
  }

  send(header, lines = []) {
    const body = encoder.encode([JSON.stringify(header), ...lines].join("\n"));
    const frame = new Uint8Array(HEADER_BYTES + body.length);
    new DataView(frame.buffer).setUint32(0, body.length, true);
    frame.set(body, HEADER_BYTES);
    for (let sent = 0; sent < frame.length; ) sent += this.#write(frame.subarray(sent));
  }

  #fill(count) {
    if (count > this.#buffer.length) {
      const larger = new Uint8Array(count + (1 << 16));
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    while (this.#filled < count) {
      const got = this.#read(this.#buffer.subarray(this.#filled));
      if (got === null || got === 0) return false;
      this.#filled += got;
    }
    return true;
  }
}

// Return a text that an app's code says is JSON as one line, null if it is neither.
export function oneLine(text) {
  if (!text.includes("\n")) return text;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return null;
  }
}
