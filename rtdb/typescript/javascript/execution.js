// One query or mutation: what it asks of the parent, and how it ends.
//
//     begin ─▶ tick ─▶ syscalls ─▶ (the parent resumes) ─▶ tick ─▶ … ─▶ returned | threw
//
// Whatever is asked between two ticks is one frame. Time counts while a tick runs, and not while the parent works.

import { oneLine } from "./channel.js";
import { addLog, failure, limits, Thrown, TimedOut } from "./contexts.js";
import { QueryStreams } from "./query_streams.js";

// After these the rows that a query has in advance are still true.
const READING = new Set([
  "1.0/count",
  "1.0/get",
  "1.0/getDeploymentMetadata",
  "1.0/getFunctionMetadata",
  "1.0/getRequestMetadata",
  "1.0/getTransactionMetrics",
  "1.0/getUserIdentity",
  "1.0/queryPage",
  "1.0/queryStreamNext",
  "1.0/storageGetMetadata",
  "1.0/storageGetUrl",
]);

export class Execution {
  #context;
  #namespace;
  #begin;
  #ask;
  #streams;
  #unsettled = []; // in the order of being asked; those with number null need no answer
  #requests = 0;
  #outcome = null;
  #isAborted = false;
  #logs = [];
  #hasLookedAtTime = false;
  #variables = new Map(); // by name: they do not change within a transaction
  #used;
  #waited = 0;

  // `ready` is a context with its module, and how many milliseconds the import took of those that the execution has.
  // `ask` sends a frame and returns the parent's answer before it returns.
  constructor(begin, ready, ask) {
    const { context, namespace, taken } = ready;
    this.ready = ready;
    this.#streams = new QueryStreams(() => context.queries++);
    this.#begin = begin;
    this.#context = context;
    this.#namespace = namespace;
    this.#used = taken;
    this.#ask = ask;
    this.#logs = context.importLogs.slice();
    context.calls += 1;
    context.owner = this;
  }

  // --- what the context calls ---------------------------------------------------------------------------------------

  time() {
    this.#hasLookedAtTime = true;
    return this.#begin.now;
  }

  log(level, text) {
    addLog(this.#logs, level, text);
  }

  syscall(op, json) {
    if (op === "1.0/queryStream") {
      const line = oneLine(json);
      return line === null ? failure("Received invalid json") : `{"queryId":${this.#streams.open(line)}}`;
    }
    if (op === "1.0/queryCleanup") return String(this.#streams.close(queryIdOf(json)));
    return this.#askNow(op, json);
  }

  asyncSyscall(op, json, resolve, reject) {
    if (op === "1.0/queryStreamNext") {
      this.#nextRow(json, resolve, reject);
      return;
    }
    const line = oneLine(json);
    if (line === null) {
      this.#settleLater(() => reject(JSON.stringify({ message: "Received invalid json" })));
      return;
    }
    if (this.#begin.kind === "mutation" && !READING.has(op)) this.#streams.drop();
    this.#request(op, line, (reply, lines) => settleWith(reply, lines, resolve, reject));
  }

  // Return the value of an environment variable, undefined if there is none.
  variable(name) {
    if (!this.#variables.has(name)) {
      const answer = this.#askNow("environmentVariable", JSON.stringify(name.toWellFormed()));
      if (answer[0] === "!") {
        this.abort(JSON.parse(answer.slice(1)).message);
        return undefined;
      }
      this.#variables.set(name, answer === "null" ? undefined : JSON.parse(answer));
    }
    return this.#variables.get(name);
  }

  // Whatever the app's code still does, this is how the execution ends.
  abort(message) {
    this.#isAborted = true;
    this.#ended({ refused: message });
  }

  #nextRow(json, resolve, reject) {
    const query = queryIdOf(json);
    const next = this.#streams.next(query);
    if (next === null) {
      this.#settleLater(() => reject(JSON.stringify({ message: "in-progress query not found" })));
    } else if (next.answer !== undefined) {
      this.#settleLater(() => resolve(next.answer));
    } else {
      const settle = (reply, lines) => {
        if (reply.rows === undefined) settleWith(reply, lines, resolve, reject);
        else resolve(next.received(lines, reply.done));
      };
      this.#request("1.0/queryStreamNext", next.request, settle, query);
    }
  }

  #request(op, line, settle, query = null) {
    this.#unsettled.push({ number: this.#requests++, op: op.toWellFormed(), line, settle, query });
  }

  // What needs no parent is settled at once, or after what was asked before it: first in, first out.
  #settleLater(settle) {
    if (this.#unsettled.length === 0) settle();
    else this.#unsettled.push({ number: null, settle });
  }

  // Ask the parent, and wait for it inside of the tick.
  #askNow(op, json) {
    const line = oneLine(json);
    if (line === null) return failure("Received invalid json");
    const number = this.#requests++;
    const begun = performance.now();
    const { header, lines } = this.#ask(this.#frame("syscalls", { requests: [[number, op.toWellFormed(), true, null]] }), [line]);
    this.#waited += performance.now() - begun;
    return header.replies[0].refused ? `!${lines[0]}` : lines[0];
  }

  // --- steps --------------------------------------------------------------------------------------------------------

  // Call the function and return the first frame for the parent as [header, lines].
  begin(args) {
    this.#context.enter(this.#begin.kind, this.#begin.seed);
    this.#context.guest.invoke(
      this.#namespace,
      this.#begin.module,
      this.#begin.export,
      this.#begin.kind,
      args,
      (result) => this.#returned(result),
      (described) => this.#ended({ described: described.toWellFormed() }),
      (message) => this.#ended({ refused: message }),
    );
    return this.#step();
  }

  // Go on with the parent's replies to everything that was asked; return the next frame.
  resume(replies, lines) {
    const answered = new Map();
    let line = 0;
    for (const reply of replies) {
      const count = reply.rows ?? 1;
      answered.set(reply.number, [reply, lines.slice(line, line + count)]);
      line += count;
    }
    const settling = this.#unsettled;
    this.#unsettled = [];
    this.#context.guest.defer(() => {
      for (const { number, settle } of settling) {
        if (number === null) settle();
        else settle(...answered.get(number));
      }
    });
    return this.#step();
  }

  async #step() {
    try {
      this.#waited = 0;
      const taken = await this.#context.tick(limits.milliseconds - this.#used);
      this.#used += taken - this.#waited;
    } catch (error) {
      if (error instanceof TimedOut) return this.#end({ timedOut: true });
      if (error instanceof Thrown) return this.#end({ described: error.described });
      throw error;
    }
    if (this.#outcome !== null) return this.#end(this.#outcome);
    if (this.#unsettled.length === 0) return this.#end({ stuck: true });
    const asked = this.#unsettled.filter(({ number }) => number !== null);
    const requests = asked.map(({ number, op, query }) => [number, op, false, query]);
    return [this.#frame("syscalls", { requests }), asked.map(({ line }) => line)];
  }

  #returned(result) {
    const line = oneLine(result);
    this.#ended(line === null ? { refused: "The function's result is not JSON." } : { result: line });
  }

  #ended(outcome) {
    this.#outcome ??= outcome;
  }

  #end(outcome) {
    this.#outcome = outcome;
    return outcome.result === undefined
      ? [this.#frame("threw", { error: outcome }), []]
      : [this.#frame("returned", {}), [outcome.result]];
  }

  get hasEnded() {
    return this.#outcome !== null;
  }

  get module() {
    return this.#begin.module;
  }

  // Whether it has returned, and nothing is left of it that would go on.
  get isComplete() {
    return this.#outcome?.result !== undefined && this.#unsettled.length === 0 && !this.#isAborted;
  }

  // What it has read of the environment: value by name.
  get variables() {
    return this.#variables;
  }

  #frame(kind, fields) {
    const logs = this.#logs;
    this.#logs = [];
    return {
      type: kind,
      execution: this.#begin.execution,
      ...fields,
      logs,
      streams: this.#streams.uses(),
      time: this.#hasLookedAtTime,
      milliseconds: this.#used,
    };
  }
}

function queryIdOf(json) {
  try {
    return JSON.parse(json).queryId;
  } catch {
    return undefined;
  }
}

function settleWith(reply, lines, resolve, reject) {
  if (reply.refused) reject(lines[0]);
  else resolve(lines[0]);
}
