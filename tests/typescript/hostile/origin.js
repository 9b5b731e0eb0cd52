// `isForeign(value)`: whether an object belongs to another realm. The end of its chain of prototypes says so.

const { getPrototypeOf, ownKeys, getOwnPropertyDescriptor } = Reflect;
const ObjectPrototype = Object.prototype;
const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
function isForeign(value) {
  let last = value;
  try {
    for (let next = getPrototypeOf(last); next !== null; next = getPrototypeOf(last)) last = next;
  } catch {
    return false;
  } // a proxy of the test's own
  return last !== ObjectPrototype && last !== value;
}
