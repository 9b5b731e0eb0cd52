// Bodies of any size between this process and its parent, in little memory: chunks one way, credit the other, as
// between all processes of the server (rtdb/link/body_stream.py). Each end numbers the bodies that it sends.

import { deferred } from "./deferred.js";

const CHUNK_BYTES = 64 * 1024;
const NOTHING = new Uint8Array(0);

export class Bodies {
  #channel;
  #window;
  #sending = new Map();
  #receiving = new Map();
  #last = 0;

  constructor(channel, window) {
    this.#channel = channel;
    this.#window = window;
  }

  // Return the number of a body to send and a function that sends all that `reader` gives, as the other end makes room
  // for it. It ends when the signal does.
  outgoing(reader, signal) {
    const body = (this.#last += 1);
    const outgoing = new Outgoing(this.#channel, body);
    this.#sending.set(body, outgoing);
    return {
      body,
      send: async () => {
        try {
          await outgoing.send(reader, signal);
        } finally {
          this.#sending.delete(body);
        }
      },
    };
  }

  // Return a ReadableStream of a body that the parent sends under this number. It breaks off with the signal.
  incoming(body, signal) {
    let credit = 0;
    const cancel = () => {
      this.#receiving.delete(body);
      signal.removeEventListener("abort", abort);
      this.#channel.send({ type: "cancelBody", body });
    };
    const abort = () => {
      if (!this.#receiving.has(body)) return;
      this.#receiving.get(body).error(signal.reason);
      cancel();
    };
    signal.addEventListener("abort", abort);
    const stream = new ReadableStream(
      {
        type: "bytes",
        start: (controller) => {
          this.#receiving.set(body, {
            chunk: (data, last) => {
              if (data.length > 0) {
                credit += data.length;
                controller.enqueue(data);
              }
              if (last) {
                this.#receiving.delete(body);
                signal.removeEventListener("abort", abort);
                controller.close();
                controller.byobRequest?.respond(0);
              }
            },
            error: (reason) => {
              this.#receiving.delete(body);
              controller.error(reason);
            },
          });
          this.#channel.send({ type: "credit", body, bytes: this.#window });
        },
        pull: () => {
          if (credit === 0 || !this.#receiving.has(body)) return;
          this.#channel.send({ type: "credit", body, bytes: credit });
          credit = 0;
        },
        cancel,
      },
      { highWaterMark: 0 },
    );
    return stream;
  }

  // What the parent says of a body.
  take(header, payload) {
    switch (header.type) {
      case "chunk":
        this.#receiving.get(header.body)?.chunk(payload, header.last);
        break;
      case "broken":
        this.#receiving.get(header.body)?.error(new Error(header.message));
        break;
      case "credit":
        this.#sending.get(header.body)?.grant(header.bytes);
        break;
      case "cancelBody":
        this.#sending.get(header.body)?.cancel();
        break;
    }
  }
}

class Outgoing {
  #channel;
  #body;
  #credit = 0;
  #granted = deferred();
  #cancelled = deferred();

  constructor(channel, body) {
    this.#channel = channel;
    this.#body = body;
  }

  grant(bytes) {
    this.#credit += bytes;
    this.#granted.resolve();
  }

  cancel() {
    this.#cancelled.resolve(CANCELLED);
  }

  async send(reader, signal) {
    const abort = () => this.cancel();
    signal.addEventListener("abort", abort);
    try {
      for (;;) {
        const read = await Promise.race([reader.read(), this.#cancelled.promise]);
        if (read === CANCELLED) return await reader.cancel();
        if (read.done) break;
        if (!(read.value instanceof Uint8Array)) {
          throw new TypeError("The stream of a body must give Uint8Array chunks. Use `new TextEncoder()` for text.");
        }
        if (!(await this.#sendAll(read.value))) return await reader.cancel();
      }
      this.#channel.send({ type: "chunk", body: this.#body, last: true }, NOTHING);
    } catch (error) {
      this.#channel.send({ type: "broken", body: this.#body, message: String(error?.message ?? error) });
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #sendAll(data) {
    for (let sent = 0; sent < data.length; ) {
      while (this.#credit === 0) {
        this.#granted = deferred();
        if ((await Promise.race([this.#granted.promise, this.#cancelled.promise])) === CANCELLED) return false;
      }
      const piece = data.subarray(sent, sent + Math.min(this.#credit, CHUNK_BYTES));
      sent += piece.length;
      this.#credit -= piece.length;
      this.#channel.send({ type: "chunk", body: this.#body, last: false }, piece);
    }
    return true;
  }
}

const CANCELLED = Symbol("cancelled");
