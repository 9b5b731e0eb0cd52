// Every object that can be reached from these, as [how many there are, the paths of those of another realm].
async function reachable(roots) {
  const seen = new Set();
  const foreign = [];
  const queue = [];
  function add(path, value) {
    if (!isObject(value) || seen.has(value)) return;
    seen.add(value);
    queue.push([path, value]);
    if (value instanceof Promise && value !== Promise.prototype) {
      value.then(
        (result) => add(`await ${path}`, result),
        (error) => add(`await ${path} (throws)`, error),
      );
    }
  }
  function attempt(path, run) {
    try {
      add(path, run());
    } catch (error) {
      add(`${path} (throws)`, error);
    }
  }
  for (const path of ownKeys(roots)) add(path, roots[path]);
  for (let idle = 0; idle < 100;) {
    const next = queue.pop();
    // What promises give comes later.
    if (next === undefined) {
      idle += 1;
      await null;
      continue;
    }
    const [path, value] = next;
    if (isForeign(value)) {
      foreign.push(path);
      continue;
    }
    attempt(`${path}.__proto__`, () => getPrototypeOf(value));
    for (const key of ownKeys(value)) {
      const name = `${path}.${String(key)}`;
      const descriptor = getOwnPropertyDescriptor(value, key);
      add(`get ${name}`, descriptor?.get);
      add(`set ${name}`, descriptor?.set);
      attempt(name, () => value[key]);
    }
    // Calls of these end the execution.
    if (typeof value !== "function" || ["jsSyscall", "wrapKey", "unwrapKey"].includes(value.name)) continue;
    attempt(`${path}()`, () => Reflect.apply(value, undefined, []));
    attempt(`new ${path}()`, () => Reflect.construct(value, []));
  }
  return [seen.size, foreign];
}
