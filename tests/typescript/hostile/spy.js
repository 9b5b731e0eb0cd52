// `beginToSpy()` replaces every method that code of others might call by one that looks at what it is called with. What
// belongs to another realm is logged, which the app's code may do until the very end.
const { apply, construct, defineProperty } = Reflect;
const { log } = console;
let calls = 0;
function look(where, values) {
  calls += 1;
  for (let at = 0; at < values.length; at += 1) {
    if (isObject(values[at]) && isForeign(values[at])) log("FOREIGN", where);
  }
}
function spyOn(owner, name) {
  for (const key of ownKeys(owner)) {
    const descriptor = getOwnPropertyDescriptor(owner, key);
    if (!descriptor.configurable || key === "constructor") continue;
    for (const kind of ["value", "get", "set"]) {
      const real = descriptor[kind];
      if (typeof real !== "function") continue;
      const where = `${name}.${String(key)}`;
      descriptor[kind] = function () {
        look(where, [this]);
        look(where, arguments);
        return new.target === undefined ? apply(real, this, arguments) : construct(real, arguments, new.target);
      };
    }
    defineProperty(owner, key, descriptor);
  }
}
const spied = {
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  Promise,
  Map,
  Set,
  WeakMap,
  RegExp,
  Error,
  Date,
  Uint8Array,
  ArrayBuffer,
  TextEncoder,
  TextDecoder,
  URL,
  URLSearchParams,
};
const iterators = {
  arrays: [][Symbol.iterator](),
  maps: new Map().entries(),
  sets: new Set().values(),
  strings: ""[Symbol.iterator](),
};
const owners = [];
for (const name of Object.keys(spied)) owners.push([spied[name].prototype, name], [spied[name], `static ${name}`]);
for (const name of Object.keys(iterators)) owners.push([getPrototypeOf(iterators[name]), name]);
owners.push([JSON, "JSON"], [Math, "Math"], [Reflect, "Reflect"], [getPrototypeOf(Uint8Array.prototype), "TypedArray"]);
owners.push(
  [getPrototypeOf(async function () {}), "async functions"],
  [getPrototypeOf(function* () {}).prototype, "generators"],
);
function beginToSpy() {
  for (let at = 0; at < owners.length; at += 1) spyOn(owners[at][0], owners[at][1]);
  // What descriptors, options and thenables inherit.
  for (const name of ["then", "toJSON", "stack", "code", "timeout", "context", "signal", "data", "ConvexErrorSymbol"]) {
    defineProperty(ObjectPrototype, name, {
      __proto__: null,
      configurable: true,
      get() {
        look(`Object.prototype.${name}`, [this]);
        return undefined;
      },
      set(value) {
        look(`Object.prototype.${name}`, [this, value]);
        defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
  for (let index = 0; index < 4; index += 1) {
    defineProperty(Array.prototype, index, {
      __proto__: null,
      configurable: true,
      set(value) {
        look(`Array.prototype.${index}`, [this, value]);
        defineProperty(this, index, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
}
