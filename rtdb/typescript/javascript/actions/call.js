// One action that runs: what it has asked the server for, what it waits for, and how it ends.

import { deferred } from "./deferred.js";
import { Refused, describe } from "./errors.js";

const DANGLING =
  "Async operations should be awaited or they might not run. " +
  "See https://docs.convex.dev/functions/actions#dangling-promises for more information.";

export class Call {
  #channel;
  #run;
  #finished;
  #operationsMax;
  #pending = new Map();
  #operations = new Map();
  #waiting = [];
  #room;
  #last = 0;
  #controller = new AbortController();
  timers = new Set();
  over = false;

  // `run` runs a function as a part of this call, `finished` is told of its end.
  constructor(channel, number, variables, operationsMax, run, finished) {
    this.#channel = channel;
    this.number = number;
    this.variables = variables;
    this.#room = this.#operationsMax = operationsMax;
    this.#run = run;
    this.#finished = finished;
  }

  // Ends with the call: everything it has under way follows it.
  get signal() {
    return this.#controller.signal;
  }

  // Listeners are the call's, whoever aborts.
  abort(controller, reason) {
    this.#run(this, () => controller.abort(reason));
  }

  log(level, text) {
    if (!this.over) this.#channel.send({ type: "log", call: this.number, level }, text);
  }

  // Do something that counts as an operation, as soon as there is room: those that are left when the action returns are
  // given up.
  async operate(name, operation) {
    if (this.over) throw new Error(`${name} was called after its action had ended`);
    const key = {};
    this.#operations.set(key, name);
    try {
      if (this.#room === 0) await new Promise((resolve) => this.#waiting.push(resolve));
      else this.#room -= 1;
      try {
        return await operation();
      } finally {
        const next = this.#waiting.shift();
        if (next === undefined) this.#room += 1;
        else next();
      }
    } finally {
      this.#operations.delete(key);
    }
  }

  // Ask the server for something; `args` is JSON, and so is what comes back, as a string. `name` is for its author.
  request(name, op, args) {
    return this.operate(name, () => {
      const number = (this.#last += 1);
      const { promise, resolve, reject } = deferred();
      this.#channel.send({ type: "request", call: this.number, number, op }, args);
      this.#pending.set(number, { resolve, reject });
      return promise;
    });
  }

  answer(number, text) {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    pending?.resolve(text);
  }

  refuse(number, { message, data }) {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    // What is taken from it is the message and the data; who asked makes an error with a stack of its own of them.
    pending?.reject(Object.assign(new Error(message), data === undefined ? {} : { data }));
  }

  // `result` is JSON. The parent says what is wrong with one that is too large; it would not take it.
  returned(result, bytesMax) {
    if (this.over) return;
    const bytes = bytesOf(result, bytesMax);
    if (bytes > bytesMax) {
      this.#channel.send({ type: "tooLarge", call: this.number, bytes });
      return this.end();
    }
    const names = [...this.#operations.values()].sort();
    if (names.length > 0) {
      const plural = names.length > 1 ? "s" : "";
      this.log("WARN", `${names.length} unawaited operation${plural}: [${names.join(", ")}]. ${DANGLING}`);
    }
    this.#channel.send({ type: "returned", call: this.number }, result);
    this.end();
  }

  threw(error) {
    if (this.over) return;
    const header = { type: "threw", call: this.number };
    if (error instanceof Refused) this.#channel.send({ ...header, refused: error.message });
    else this.#channel.send(header, describe(error));
    this.end();
  }

  // Nothing of it goes on: its timers do not fire, its requests break off, and what it has asked for is never answered.
  end() {
    if (this.over) return;
    this.over = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.#pending.clear();
    this.#waiting.length = 0;
    this.#finished(this);
    this.abort(this.#controller, new Error("The action has ended."));
  }
}

// Return how many bytes a well-formed text has in UTF-8, or any number up to `limit` if it has no more than that. It is
// not encoded for it: there may not be the memory.
function bytesOf(text, limit) {
  if (text.length * 3 <= limit) return text.length;
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800 || (unit >= 0xd800 && unit < 0xe000)) bytes += 2;
    else bytes += 3;
  }
  return bytes;
}
