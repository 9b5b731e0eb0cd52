// Frames between this process and its parent, over the socket that is our standard input and output.
//
//     frame    piece ‖ piece …          one from the parent, as many as it takes from us
//     piece    32 bits, little endian: its length, and in the highest bit whether another follows ‖ bytes
//     bytes    header ‖ "\n" ‖ line ‖ "\n" ‖ line …            UTF-8
//
// The header is JSON. The lines are JSON texts that pass through without being parsed here: arguments, results, rows.
// JSON has no line breaks outside of strings, and none inside; what comes from an app's code is made so (`oneLine`).
// Nor has it halves of characters, which the other end could not read: texts are well-formed before they get here.
//
// Buffers have a fixed size, whatever is sent: they are not on the heap, and what is garbage there is not collected
// before the process has reached its limit.

const HEAD_BYTES = 4;
const MORE = 0x80000000;
const BUFFER_BYTES = 1 << 18;

const encoder = new TextEncoder();

export class Channel {
  #read;
  #write;
  #received = new Uint8Array(BUFFER_BYTES);
  #start = 0; // what has been read and not yet decoded lies between the two
  #stop = 0;
  #sent = new Uint8Array(BUFFER_BYTES);
  #sentHead = new DataView(this.#sent.buffer);

  // `read` and `write` are blocking, and tell how many bytes they took; `read` says null at the end.
  constructor(read, write) {
    this.#read = read;
    this.#write = write;
  }

  // Return the next frame as {header, lines}, or null when the parent is gone.
  receive() {
    let length = 0;
    for (let shift = 0; shift < 8 * HEAD_BYTES; shift += 8) {
      if (this.#start === this.#stop && !this.#fill()) return null;
      length += this.#received[this.#start++] << shift;
    }
    const decoder = new TextDecoder();
    let text = "";
    while (length > 0) {
      if (this.#start === this.#stop && !this.#fill()) return null;
      const count = Math.min(length, this.#stop - this.#start);
      length -= count;
      text += decoder.decode(this.#received.subarray(this.#start, (this.#start += count)), { stream: length > 0 });
    }
    const lines = text.split("\n");
    const header = JSON.parse(lines[0]);
    lines.shift();
    return { header, lines };
  }

  #fill() {
    const count = this.#read(this.#received);
    this.#start = 0;
    this.#stop = count ?? 0;
    return this.#stop > 0;
  }

  send(header, lines = []) {
    let filled = HEAD_BYTES;
    const parts = [JSON.stringify(header)];
    for (const line of lines) parts.push("\n", line);
    for (let part of parts) {
      for (;;) {
        const { read, written } = encoder.encodeInto(part, this.#sent.subarray(filled));
        filled += written;
        if (read === part.length) break;
        // The buffer is full, or has no room for the next character.
        part = part.slice(read);
        this.#flush(filled, MORE);
        filled = HEAD_BYTES;
      }
    }
    this.#flush(filled, 0);
  }

  #flush(filled, more) {
    this.#sentHead.setUint32(0, (filled - HEAD_BYTES) | more, true);
    for (let sent = 0; sent < filled; ) sent += this.#write(this.#sent.subarray(sent, filled));
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
