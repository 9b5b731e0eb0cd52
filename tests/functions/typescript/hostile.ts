// Functions that speak to the server past the library: whatever the test says, as often as it says.

import { mutation, query } from "./_generated/server";

declare const Convex: {
  syscall(op: string, args: string): string;
  asyncSyscall(op: string, args: string): Promise<string>;
};

type Attempt = { op: string; json: string; synchronous: boolean };

// Every answer, or the message of the error it was refused with.
async function attempt({ attempts }: { attempts: Attempt[] }) {
  const answers: string[] = [];
  for (const { op, json, synchronous } of attempts) {
    try {
      const answer = synchronous ? Convex.syscall(op, json) : await Convex.asyncSyscall(op, json);
      answers.push(`answered ${answer.slice(0, 200)}`);
    } catch (error: any) {
      answers.push(`refused ${error.message.slice(0, 300)}`);
    }
  }
  return answers;
}

export const inQuery = query({ handler: (_, args: any) => attempt(args) });
export const inMutation = mutation({ handler: (_, args: any) => attempt(args) });

// A function whose result is what the test says, past the library.
export const returned = Object.assign(() => {}, {
  isQuery: true,
  isPublic: true,
  exportArgs: () => '{"type":"any"}',
  exportReturns: () => "null",
  invokeQuery(text: string) {
    const [{ before, middle, repeat, after }] = JSON.parse(text);
    return before + middle.repeat(repeat) + after;
  },
});

export const listed = query({ handler: (ctx) => (ctx.db as any).query("notes").take(3) });

export const fine = query({ handler: () => "fine" });
