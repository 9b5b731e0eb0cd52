// The global `Convex`: how the library of `convex/server` reaches the database.

const hostSyscall = fromHost(host.syscall);
const hostAsyncSyscall = fromHost(host.asyncSyscall);
const hostAbort = fromHost(host.abort);

// From {"message": …, "data"?: Convex JSON}. The library makes its own Error, or ConvexError, of it.
function syscallError(json) {
  const { message, data } = parseJson(json);
  const error = new RealError(message);
  if (data !== undefined) define(error, "data", data);
  return error;
}

// Ends the whole execution with this message, whatever the app catches.
function abort(message) {
  hostAbort(message);
  return new RealError(message);
}

function notImplemented(what) {
  return abort(
    `Not implemented: ${what}. Consider calling an action defined in Node.js instead ` +
      "(https://docs.convex.dev/functions/actions).",
  );
}

define(
  globalThis,
  "Convex",
  freeze({
    __proto__: null,
    syscall(operation, argumentsJson) {
      const answer = hostSyscall(RealString(operation), RealString(argumentsJson));
      if (answer[0] === "!") throw syscallError(slice(answer, 1));
      return answer;
    },
    asyncSyscall(operation, argumentsJson) {
      const name = RealString(operation);
      const json = RealString(argumentsJson);
      return new RealPromise((resolve, reject) => {
        hostAsyncSyscall(
          name,
          json,
          (answer) => resolve(answer),
          (errorJson) => reject(syscallError(errorJson)),
        );
      });
    },
    jsSyscall(operation) {
      const name = RealString(operation);
      if (name === "storage/storeBlob") throw actionsOnly("storage.store()");
      if (name === "storage/getBlob") throw actionsOnly("storage.get()");
      throw abort(`Unknown JS syscall: ${name}`);
    },
  }),
);
