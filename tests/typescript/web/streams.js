// --- read and written
const { readable, writable } = new TransformStream({
  transform(chunk, controller) {
    controller.enqueue(chunk * 2);
  },
});
const writer = writable.getWriter();
writer.write(1);
writer.write(2);
writer.close();
const seen = [];
for await (const chunk of readable) seen.push(chunk);
return seen;
// --- piped
const source = new ReadableStream({
  start(controller) {
    for (const chunk of ["a", "é", "😀"]) controller.enqueue(chunk);
    controller.close();
  },
});
const seen = [];
await source
  .pipeThrough(new TextEncoderStream())
  .pipeThrough(new TextDecoderStream())
  .pipeTo(
    new WritableStream({
      write(chunk) {
        seen.push(chunk);
      },
    }),
  );
return seen;
// --- split characters
const decode = new TextDecoderStream();
const writer = decode.writable.getWriter();
for (const byte of [0xf0, 0x9f, 0x98, 0x80, 0x61]) writer.write(new Uint8Array([byte]));
writer.close();
let text = "";
for await (const chunk of decode.readable) text += chunk;
return text;
// --- split surrogates
const encode = new TextEncoderStream();
const writer = encode.writable.getWriter();
writer.write("\ud83d");
writer.write("\ude00");
writer.write("\ud83d");
writer.close();
const bytes = [];
for await (const chunk of encode.readable) bytes.push(...chunk);
return bytes;
// --- malformed and fatal
const decode = new TextDecoderStream("utf-8", { fatal: true });
const writer = decode.writable.getWriter();
writer.write(new Uint8Array([0xff])).catch(() => {});
await decode.readable.getReader().read();
// --- tee
const [one, other] = new Blob(["x"]).stream().tee();
return [await new Response(one).text(), await new Response(other).text()];
// --- byte readers
const stream = new ReadableStream({
  type: "bytes",
  start(controller) {
    controller.enqueue(new Uint8Array([1, 2, 3]));
    controller.close();
  },
});
const reader = stream.getReader({ mode: "byob" });
const first = await reader.read(new Uint8Array(2));
const second = await reader.read(new Uint8Array(2));
const third = await reader.read(new Uint8Array(2));
return [[...first.value], [...second.value], third.done];
// --- pulled
let count = 0;
const stream = new ReadableStream(
  {
    pull(controller) {
      controller.enqueue((count += 1));
      if (count === 3) controller.close();
    },
  },
  { highWaterMark: 0 },
);
const seen = [];
for await (const chunk of stream) seen.push(chunk);
return seen;
// --- errors go through
const stream = new ReadableStream({
  start(controller) {
    controller.error(new RangeError("mine"));
  },
});
await stream.getReader().read();
// --- cancelled
let reason = null;
const stream = new ReadableStream({
  cancel(given) {
    reason = given;
  },
});
await stream.cancel("why");
return [reason, stream.locked];
// --- locked twice
const stream = new ReadableStream();
stream.getReader();
stream.getReader();
// --- piping is aborted
const controller = new AbortController();
const promise = new ReadableStream().pipeTo(new WritableStream(), { signal: controller.signal });
controller.abort();
await promise;
// --- from
const seen = [];
for await (const chunk of ReadableStream.from(["a", "b"])) seen.push(chunk);
return seen;
// --- strategies
return [
  new CountQueuingStrategy({ highWaterMark: 3 }).highWaterMark,
  new ByteLengthQueuingStrategy({ highWaterMark: 4 }).size(new Uint8Array(7)),
];
// --- writers
const seen = [];
const writer = new WritableStream({
  write(chunk) {
    seen.push(chunk);
  },
  close() {
    seen.push("closed");
  },
}).getWriter();
await writer.ready;
await writer.write(1);
await writer.close();
await writer.closed;
return [seen, writer.desiredSize];
