// structuredClone (html.spec.whatwg.org, 2.7), of what exists in a context. There is nothing to transfer to.

const structuredCloner = once(() => {
  const primitives = [Boolean, Number, String, BigInt].map((type) => ({
    type,
    valueOf: uncurryThis(type.prototype.valueOf),
  }));
  const dateTime = uncurryThis(RealDate.prototype.getTime);
  const isDate = brand((value) => dateTime(value));
  const regExpSource = uncurryThis(getOwnPropertyDescriptor(RegExp.prototype, "source").get);
  const regExpFlags = uncurryThis(getOwnPropertyDescriptor(RegExp.prototype, "flags").get);
  const regExpExec = uncurryThis(RegExp.prototype.exec);
  const isRegExp = (value) => value !== RegExp.prototype && brand((candidate) => regExpSource(candidate))(value);
  const mapSize = uncurryThis(getOwnPropertyDescriptor(Map.prototype, "size").get);
  const mapForEach = uncurryThis(Map.prototype.forEach);
  const setSize = uncurryThis(getOwnPropertyDescriptor(Set.prototype, "size").get);
  const setForEach = uncurryThis(Set.prototype.forEach);
  const setAdd = uncurryThis(Set.prototype.add);
  const bufferSlice = uncurryThis(ArrayBuffer.prototype.slice);
  const typedArrayName = uncurryThis(
    getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get,
  );
  const views = new Map(
    [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float16Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ].map((type) => [type.name, type]),
  );
  const errors = new Map(
    [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
  );
  const ObjectPrototype = Object.prototype;
  const objectTag = uncurryThis(Object.prototype.toString);
  const weakTypes = [RealPromise, WeakMap, WeakSet, strongReferences().WeakRef];
  const Real = { Map, Set, DataView, RegExp };

  function brand(read) {
    return (value) => {
      try {
        read(value);
        return true;
      } catch {
        return false;
      }
    };
  }
  const isMap = brand((value) => mapSize(value));
  const isSet = brand((value) => setSize(value));
  const refused = (what) => domException(`${what} could not be cloned.`, "DataCloneError");

  function clone(value, seen) {
    if (typeof value === "symbol") throw refused(RealString(value));
    if (typeof value === "function") throw refused(RealString(value));
    if (typeof value !== "object" || value === null) return value;
    if (mapHas(seen, value)) return mapGet(seen, value);
    const keep = (copy) => {
      mapSet(seen, value, copy);
      return copy;
    };
    if (isPlain(value)) return cloneProperties(value, seen, keep({}));
    if (isArray(value)) return cloneProperties(value, seen, keep(new Array(value.length)));
    for (const { type, valueOf } of primitives) {
      if (brand((candidate) => valueOf(candidate))(value)) return keep(Object(valueOf(value)));
    }
    if (isDate(value)) return keep(new RealDate(dateTime(value)));
    if (isRegExp(value)) return keep(new Real.RegExp(regExpSource(value), regExpFlags(value)));
    if (isView(value)) return keep(cloneView(value, seen));
    if (isBuffer(value)) return keep(bufferSlice(value, 0));
    if (isMap(value)) {
      const copy = keep(new Real.Map());
      const entries = [];
      mapForEach(value, (item, key) => entries.push([key, item]));
      for (const [key, item] of entries) mapSet(copy, clone(key, seen), clone(item, seen));
      return copy;
    }
    if (isSet(value)) {
      const copy = keep(new Real.Set());
      const items = [];
      setForEach(value, (item) => items.push(item));
      for (const item of items) setAdd(copy, clone(item, seen));
      return copy;
    }
    if (isError(value)) return cloneError(value, seen, keep);
    const file = webBlob.made()?.clone(value);
    if (file !== undefined) return keep(file);
    if (weakTypes.some((type) => value instanceof type) || value instanceof webEvents().EventTarget) {
      throw refused(`#<${value.constructor?.name ?? "Object"}>`);
    }
    return cloneProperties(value, seen, keep({}));
  }

  // An object as literals make them: what `toString` says is "[object Object]" only for what has no such slots as dates,
  // errors or regular expressions have.
  function isPlain(value) {
    const prototype = getPrototypeOf(value);
    return (
      (prototype === ObjectPrototype || prototype === null) && !isView(value) && objectTag(value) === "[object Object]"
    );
  }

  function cloneProperties(value, seen, copy) {
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(value, key)) setOwn(copy, key, clone(value[key], seen));
    }
    return copy;
  }

  function setOwn(target, key, value) {
    defineProperty(target, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }

  function cloneView(view, seen) {
    const buffer = clone(view.buffer, seen);
    const name = typedArrayName(view);
    if (name === undefined) return new Real.DataView(buffer, view.byteOffset, view.byteLength);
    return new (mapGet(views, name))(buffer, view.byteOffset, view.length);
  }

  function cloneError(error, seen, keep) {
    const { DOMException } = webEvents();
    if (error instanceof DOMException) return keep(new DOMException(error.message, error.name));
    const copy = keep(new (mapGet(errors, error.name) ?? RealError)());
    if (Object.hasOwn(error, "message")) define(copy, "message", RealString(error.message));
    if (typeof error.stack === "string") define(copy, "stack", error.stack);
    if (Object.hasOwn(error, "cause")) define(copy, "cause", clone(error.cause, seen));
    return copy;
  }

  return (value) => clone(value, new Real.Map());
});

define(
  globalThis,
  "structuredClone",
  {
    structuredClone(value, options) {
      if (arguments.length === 0) throw new TypeError("structuredClone: a value is required");
      if (options?.transfer !== undefined && [...options.transfer].length > 0) {
        throw domException("structuredClone: transferring is not supported", "DataCloneError");
      }
      return structuredCloner()(value);
    },
  }.structuredClone,
);
