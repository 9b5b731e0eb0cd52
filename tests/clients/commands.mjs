// Commands of a test, a line of JSON each on standard input, and their answers on standard output: how a test in Python
// drives a browser.
//
//     {id, op, …}   ─▶   {id, value}   or   {id, error: {name, message}}

import { createInterface } from "node:readline";

// `perform` has a function for each `op`, which is given the command. When standard input ends, `close` is called.
export function serveCommands(perform, close) {
  const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const command = JSON.parse(line);
    perform[command.op](command).then(
      (value) => say({ id: command.id, value: value ?? null }),
      (error) => say({ id: command.id, error: { name: error.name, message: error.message } }),
    );
  });
  lines.on("close", async () => {
    await close();
    process.exit(0);
  });
  say({ ready: true });
}
