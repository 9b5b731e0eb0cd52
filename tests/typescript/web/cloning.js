// --- values of every kind
const value = {
  text: "x",
  number: -0,
  nan: NaN,
  boolean: true,
  nothing: null,
  absent: undefined,
  date: new Date(5),
  expression: /a[b]/giy,
  map: new Map([[1, { a: 1 }]]),
  set: new Set([1, "b"]),
  list: [1, , 3],
  nested: { deep: [{ er: 1 }] },
  wrapped: [new Number(5), new String("s"), new Boolean(false)],
};
const copy = structuredClone(value);
return [
  copy.text,
  Object.is(copy.number, -0),
  copy.nan !== copy.nan,
  copy.boolean,
  copy.nothing,
  "absent" in copy,
  copy.date.getTime(),
  copy.date instanceof Date,
  String(copy.expression),
  copy.expression.lastIndex,
  [...copy.map],
  copy.map !== value.map,
  copy.map.get(1) !== value.map.get(1),
  [...copy.set],
  1 in copy.list,
  copy.list.length,
  copy.nested,
  copy.wrapped.map((each) => [typeof each, each.valueOf()]),
];
// --- bigint
return [String(structuredClone(5n)), typeof structuredClone(Object(5n))];
// --- cycles and sharing
const value = { list: [] };
value.self = value;
value.list.push(value.list, value);
const copy = structuredClone(value);
const shared = {};
const [one, other] = structuredClone([shared, shared]);
return [copy.self === copy, copy !== value, copy.list[0] === copy.list, copy.list[1] === copy, one === other];
// --- bytes
const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
const copy = structuredClone({
  buffer,
  part: new Uint8Array(buffer, 2, 3),
  view: new DataView(buffer, 1),
  floats: new Float32Array([1.5]),
  big: new BigInt64Array([5n]).length,
});
return [
  copy.buffer.byteLength,
  [...copy.part],
  copy.part.buffer === copy.buffer,
  copy.view.getUint8(0),
  copy.floats[0],
  copy.part instanceof Uint8Array,
  copy.buffer !== buffer,
  copy.big,
];
// --- errors
const error = new RangeError("x", { cause: { a: 1 } });
error.extra = 1;
const copy = structuredClone(error);
const own = new (class Mine extends TypeError {})("y");
own.name = "Mine";
return [
  copy instanceof RangeError,
  copy.name,
  copy.message,
  copy.cause,
  "extra" in copy,
  structuredClone(own).name,
  structuredClone(own) instanceof TypeError,
  structuredClone(new DOMException("a", "AbortError")).name,
];
// --- classes become objects
class Point {
  x = 1;
  get y() {
    return 2;
  }
}
const copy = structuredClone(new Point());
return [copy, copy instanceof Point, Object.getPrototypeOf(copy) === Object.prototype];
// --- getters are read, symbols and what is hidden are not
const value = Object.defineProperty(
  {
    get a() {
      return 1;
    },
    [Symbol("s")]: 2,
  },
  "hidden",
  { value: 3 },
);
return [structuredClone(value), Reflect.ownKeys(structuredClone(value)).length];
// --- a list with properties
const list = [1];
list.extra = "x";
return [structuredClone(list).extra, structuredClone(list).length];
// --- what cannot be cloned
return [
  () => 1,
  Symbol("x"),
  { f() {} },
  new WeakMap(),
  Promise.resolve(),
  [Symbol.iterator],
  new (class {
    #x;
    m = () => 1;
  })(),
].map((value) => {
  try {
    structuredClone(value);
    return "cloned";
  } catch (error) {
    return [error.name, error.code, error instanceof DOMException];
  }
});
// --- of nothing
structuredClone();
// --- a polluted key
const copy = structuredClone(JSON.parse('{"__proto__": {"x": 1}, "a": 2}'));
return [Object.keys(copy), copy.x ?? null];
// --- the length of arrays and sparse ones
return [structuredClone(new Array(5)).length, structuredClone([undefined]).length, 0 in structuredClone([undefined])];
// --- of files
const copy = structuredClone(new File(["ab"], "n.txt", { type: "text/plain", lastModified: 5 }));
return [
  copy instanceof File,
  copy.name,
  copy.type,
  copy.lastModified,
  copy.size,
  await copy.text(),
  structuredClone(new Blob(["x"])).size,
];
