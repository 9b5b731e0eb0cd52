// Runs snippets in realms of their own, for tests/typescript/realm_process.py: one JSON request a line, one answer.
// A snippet is the body of an async function; what it returns is answered as JSON.

import vm from "node:vm";
import { hostCalls } from "../../rtdb/typescript/javascript/host_calls.js";
import realm from "../../rtdb/typescript/javascript/realm.js";

const script = new vm.Script(realm, { filename: "rtdb:realm.js" });
const tick = new vm.Script("0");
const MILLISECONDS = 5000;

function run({ source, phase, now, origin, seed, variables, leak }) {
  const logs = [];
  const aborted = [];
  let monotonic = 0;
  let looks = 0; // at the clock
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
    microtaskMode: "afterEvaluate",
    codeGeneration: { strings: false, wasm: false },
  });
  const control = script.runInContext(context)({
    ...hostCalls,
    monotonic: () => (monotonic += 1),
    now() {
      looks += 1;
      return now;
    },
    log: (level, text) => void logs.push([level, text]),
    variable: (name) => variables[name],
    syscall: (operation, json) => (operation === "echo" ? json : `!${JSON.stringify({ message: operation, data: 7 })}`),
    asyncSyscall(operation, json, resolve, reject) {
      if (operation === "echo") resolve(json);
      else reject(JSON.stringify({ message: operation, data: { a: 1 } }));
    },
    abort: (message) => void aborted.push(message),
    sourcePlace: () => "",
  });
  // What must never happen, for the tests that would find it.
  if (leak) context.leaked = (value) => value;
  control.enter(phase, origin);
  control.seed(...seed);
  let answer = { stuck: true };
  const snippet = `({ async run() { return JSON.stringify((await (async () => {${source}\n})()) ?? null); } })`;
  control.invoke(
    new vm.Script(snippet, { filename: "convex:/snippet.js" }).runInContext(context),
    "run",
    "[]",
    (value) => (answer = { value }),
    (error) => (answer = { error }),
  );
  tick.runInContext(context, { timeout: MILLISECONDS });
  return { ...answer, logs, aborted, looks };
}

// The same in this process's own realm, whose web APIs are Deno's.
async function runNatively(source) {
  const nothing = { logs: [], aborted: [], looks: 0 };
  try {
    return { value: JSON.stringify((await vm.runInThisContext(`(async () => {${source}\n})`)()) ?? null), ...nothing };
  } catch (error) {
    return { error: JSON.stringify({ name: error.name, message: error.message }), ...nothing };
  }
}

// A syntax error in a snippet is a mistake of the test.
addEventListener("unhandledrejection", (event) => event.preventDefault());
const { stdin, stdout } = Deno;
let text = "";
const decoder = new TextDecoder();
for await (const chunk of stdin.readable) {
  text += decoder.decode(chunk, { stream: true });
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
    const request = JSON.parse(text.slice(0, end));
    const answer = JSON.stringify(request.native ? await runNatively(request.source) : run(request));
    text = text.slice(end + 1);
    stdout.writeSync(new TextEncoder().encode(`${answer}\n`));
  }
}
