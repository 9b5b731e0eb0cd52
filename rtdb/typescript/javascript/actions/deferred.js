// A promise and what settles it. `Promise.withResolvers` does the same, but Node has it from version 22 on only.
export function deferred() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
