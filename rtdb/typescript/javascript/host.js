// The process that runs queries and mutations written in TypeScript, without any permission. The parent drives: it sends
// a frame and reads one in return (`rtdb/typescript/host.py` has the whole vocabulary).
//
// Between two frames, contexts are made ready for the modules that are called (`prewarmed.js`).

import { types } from "node:util";
import { analyze } from "./analysis.js";
import { Channel } from "./channel.js";
import { handleRejections, limits, Modules, Refused, Thrown, TimedOut, turn } from "./contexts.js";
import { Execution } from "./execution.js";
import { Prewarmed } from "./prewarmed.js";
import { selfTest } from "./self_test.js";

const REACH = ["Deno", "Worker", "caches", "fetch", "localStorage", "process", "sessionStorage"];
const EXIT_SOFTWARE = 70; // a mistake of ours
const EXIT_IN_DOUBT = 3; // a wait for the parent was cut short: nobody knows where in a frame we are

const { stdin, stdout, exit } = Deno;
const version = Deno.version.deno;
const channel = new Channel((buffer) => stdin.readSync(buffer), (bytes) => stdout.writeSync(bytes));

class Host {
  #modules = null;
  #executions = new Map();
  #prewarmed = new Prewarmed();
  #isAsking = false;

  // Answer frames until the parent is gone.
  async run() {
    for (;;) {
      const frame = channel.receive();
      if (frame === null) return;
      const answer = await this.#handle(frame);
      if (this.#isAsking) exit(EXIT_IN_DOUBT);
      if (answer !== null) channel.send(...answer);
      // Contexts are released only when the event loop turns.
      await turn();
      if (this.#executions.size === 0) await this.#prewarmed.refill();
    }
  }

  #handle({ header, lines }) {
    switch (header.type) {
      case "begin":
        return this.#begin(header, lines[0]);
      case "resume":
        return this.#advance(header.execution, (execution) => execution.resume(header.replies, lines));
      case "abandon":
        this.#executions.delete(header.execution);
        return null;
      case "load":
        return this.#load(header);
      case "analyze":
        return analyze(this.#modules, header);
      default:
        throw new Error(`no frame is of type ${header.type}`);
    }
  }

  #load(header) {
    const sources = new Map(header.modules);
    this.#modules = new Modules(sources, new Map(header.maps), header.importSeed, header.importMs);
    this.#prewarmed.use(this.#modules);
    return [{ type: "loaded" }, []];
  }

  async #begin(begin, args) {
    let used = 0;
    try {
      const ready = await this.#prewarmed.take(begin, (frame, lines) => this.#ask(frame, lines));
      used = ready.taken;
      const execution = new Execution(begin, ready, (frame, lines) => this.#ask(frame, lines));
      this.#executions.set(begin.execution, execution);
      return await this.#advance(begin.execution, () => execution.begin(args));
    } catch (error) {
      let failed;
      if (error instanceof Refused) failed = { refused: error.message };
      else if (error instanceof Thrown) failed = { described: error.described };
      else if (error instanceof TimedOut) failed = { timedOut: true };
      else throw error;
      const nothing = { logs: error.logs ?? [], streams: [], milliseconds: used };
      return [{ type: "threw", execution: begin.execution, error: failed, ...nothing }, []];
    }
  }

  async #advance(number, step) {
    const execution = this.#executions.get(number);
    const answer = await step(execution);
    if (execution.hasEnded) {
      this.#executions.delete(number);
      this.#prewarmed.takeBack(execution);
    }
    return answer;
  }

  // Send a frame in the middle of a tick and wait for what the parent says to it. If the tick's time is up meanwhile, or
  // the app's code has left no stack for it, this never comes to its end.
  #ask(header, lines) {
    this.#isAsking = true;
    channel.send(header, lines);
    const answer = channel.receive();
    if (answer === null) exit(0);
    this.#isAsking = false;
    return answer;
  }
}

const OWN_ERRORS = new Set([Error, RangeError, ReferenceError, SyntaxError, TypeError].map(({ prototype }) => prototype));

// What to print of an error: nothing of one that is an app's. To look at that could run its code, here.
function textOf(error) {
  const isOurs =
    types.isNativeError(error) && !types.isProxy(error) && OWN_ERRORS.has(Object.getPrototypeOf(error));
  return isOurs ? error.stack : "an error that is not the host's got into it";
}

const start = channel.receive();
if (start !== null) {
  Object.assign(limits, start.header.limits);
  const failures = start.header.isTested ? [] : await selfTest();
  handleRejections();
  channel.send({ type: "hello", deno: version, failures });
  // Contexts have none of it. Should code ever get out of one, it finds less.
  for (const name of REACH) delete globalThis[name];
  try {
    await new Host().run();
  } catch (error) {
    console.error(textOf(error));
    exit(EXIT_SOFTWARE);
  }
}
exit(0);
