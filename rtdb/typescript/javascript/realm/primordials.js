// What the rest of the realm uses of the language, taken before any code of the app can change it, and the one way
// in which the realm calls its host.
//
// The files of this folder are joined, in the order that ../realm.js gives, into the body of one function `boot(host)`
// that runs once in every fresh context. They share its scope; what the app can see is put on globalThis.
//
// The rules that keep the context closed:
// - `host` and its functions stay in this scope. They are only ever called directly, never passed on, stored in an
//   object or called through a method: a changed `Array.prototype` or `Function.prototype.call` must not meet them.
// - Only strings, numbers, booleans and undefined cross. An error that is thrown by the host (a stack overflow may
//   happen anywhere) never reaches the app, because its constructor belongs to the host's realm.

const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect;
const { create, freeze, setPrototypeOf } = Object;
const uncurryThis = Function.prototype.bind.bind(Function.prototype.call);

const RealPromise = Promise;
const RealError = Error;
const RealString = String;
const RealUint8Array = Uint8Array;
const { isError } = Error;
const { isArray } = Array;
const { floor, trunc } = Math;
const { fromCharCode } = String;
const { isView } = ArrayBuffer;
const parseJson = JSON.parse;
const writeJson = JSON.stringify;
const slice = uncurryThis(String.prototype.slice);
const toWellFormed = uncurryThis(String.prototype.toWellFormed);
const charCodeAt = uncurryThis(String.prototype.charCodeAt);
const toLowerCase = uncurryThis(String.prototype.toLowerCase);
const join = uncurryThis(Array.prototype.join);
const toHex = uncurryThis(Uint8Array.prototype.toHex);
const mapGet = uncurryThis(Map.prototype.get);
const mapSet = uncurryThis(Map.prototype.set);
const mapHas = uncurryThis(Map.prototype.has);
const mapDelete = uncurryThis(Map.prototype.delete);
const mapClear = uncurryThis(Map.prototype.clear);

// Throws here, in the realm, when the stack is too short for a call into the host, which must never be interrupted
// half-way through changing its own state. Four calls with that many arguments take 64 KiB of it.
const stackProbe = new Array(2048).fill(0);
let probes = 0;
function probeStack() {
  probes -= 1;
  if (probes > 0) apply(probeStack, undefined, stackProbe);
}
function ensureStack() {
  probes = 5;
  probeStack();
}

// The realm's own form of a host function.
function fromHost(hostFunction) {
  return (first, second, third, fourth) => {
    ensureStack();
    let result;
    try {
      result = hostFunction(first, second, third, fourth);
    } catch {
      throw new RealError("The JavaScript host could not answer a call of the runtime");
    }
    if (typeof result === "object" || typeof result === "function") return undefined;
    return result;
  };
}

function define(target, name, value) {
  defineProperty(target, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
}

// `make()`, but only once, and only when it is first asked for. `made()` is undefined as long as nobody has.
function once(make) {
  let made;
  const get = () => (made ??= make());
  get.made = () => made;
  return get;
}

// Globals that most functions never use: made by `make`, which gives an object with all of `names`, at first use.
function defineLazily(names, make) {
  for (const name of names) {
    defineProperty(globalThis, name, {
      __proto__: null,
      enumerable: false,
      configurable: true,
      get() {
        const value = make()[name];
        define(globalThis, name, value);
        return value;
      },
      set(value) {
        define(globalThis, name, value);
      },
    });
  }
}
