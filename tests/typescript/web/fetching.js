// --- headers
const headers = new Headers({ "Content-Type": " text/plain ", b: 1 });
headers.append("X-List", "a");
headers.append("x-list", "b");
headers.append("Set-Cookie", "c=1");
headers.append("set-cookie", "d=2");
const seen = [
  headers.get("CONTENT-TYPE"),
  headers.get("x-list"),
  headers.get("none"),
  headers.has("B"),
  headers.getSetCookie(),
  headers.get("set-cookie"),
  [...headers],
];
headers.set("X-LIST", "c");
headers.delete("b");
return [...seen, [...headers.keys()], [...headers.values()], [...headers.entries()].length, String(headers)];
// --- headers from everything
return [
  new Headers(),
  new Headers([
    ["a", "b"],
    ["A", "c"],
  ]),
  new Headers(new Headers({ x: "y" })),
  new Headers(new Map([["m", "n"]])),
  new Headers({ e: "" }),
  new Headers(undefined),
].map((headers) => [...headers]);
// --- headers that are none
return [
  ["é", "x"],
  ["", "x"],
  ["a b", "x"],
  ["a", "x\ny"],
  ["a", "€"],
  ["a", "\0"],
].map(([name, value]) => {
  try {
    new Headers([[name, value]]);
    return "made";
  } catch (error) {
    return error.name;
  }
});
// --- headers of one value
new Headers([["a"]]);
// --- headers of null
new Headers(null);
// --- headers, each
const seen = [];
new Headers({ b: "2", a: "1" }).forEach(
  function (value, name) {
    seen.push([name, value, this.x]);
  },
  { x: 1 },
);
return seen;
// --- a request
const request = new Request("http://a/b?c#d", { method: "post", body: "text", headers: { "X-A": "1" } });
return [
  request.url,
  request.method,
  [...request.headers],
  request.bodyUsed,
  await request.text(),
  request.bodyUsed,
  request.signal.aborted,
  request.redirect,
  String(request),
];
// --- methods
return ["get", "Post", "patch", "PATCH", "delete", "options", "head", "Custom"].map(
  (method) => new Request("http://a", { method }).method,
);
// --- methods that are none
return ["CONNECT", "trace", "a b", ""].map((method) => {
  try {
    return new Request("http://a", { method }).method;
  } catch (error) {
    return error.name;
  }
});
// --- no address
new Request("nonsense");
// --- credentials in an address
new Request("http://u:p@a/");
// --- a body that GET cannot have
new Request("http://a", { body: "x" });
// --- a request of a request
const first = new Request("http://a/", { method: "PUT", body: "x", headers: { a: "b" } });
const second = new Request(first, { headers: { c: "d" } });
return [second.method, second.url, [...second.headers], first.bodyUsed, await second.text()];
// --- a request whose body was read
const request = new Request("http://a", { method: "POST", body: "x" });
await request.text();
new Request(request);
// --- cloned requests
const request = new Request("http://a/", { method: "POST", body: "x" });
const copy = request.clone();
return [await copy.text(), await request.text(), copy.method, request.bodyUsed, copy.bodyUsed];
// --- clone of a read one
const request = new Request("http://a/", { method: "POST", body: "x" });
await request.text();
request.clone();
// --- a signal is followed
const controller = new AbortController();
const request = new Request("http://a", { signal: controller.signal });
const before = request.signal.aborted;
controller.abort("why");
return [before, request.signal.aborted, request.signal.reason, request.signal !== controller.signal];
// --- a response
const response = new Response("é", { status: 201, statusText: "Made", headers: { a: "b" } });
return [
  response.status,
  response.statusText,
  response.ok,
  [...response.headers],
  response.type,
  response.url,
  response.redirected,
  response.bodyUsed,
  await response.text(),
  response.bodyUsed,
  String(response),
];
// --- bodies of every kind
const bytes = new TextEncoder().encode("bytes");
const bodies = [
  "text",
  bytes,
  bytes.buffer,
  new DataView(bytes.buffer, 1, 2),
  new Blob(["blob"], { type: "a/b" }),
  new Blob(["plain"]),
  new URLSearchParams({ a: "b c" }),
  null,
  undefined,
  12,
  new Blob(["x"]).stream(),
];
return Promise.all(
  bodies.map(async (body) => {
    const response = new Response(body);
    return [response.headers.get("content-type"), response.body === null, await response.text()];
  }),
);
// --- read in every way
const make = () => new Response('{"a":[1]}', { headers: { "content-type": "application/json" } });
const blob = await make().blob();
return [
  await make().json(),
  [...new Uint8Array(await make().arrayBuffer())].length,
  [...(await make().bytes())].length,
  blob.type,
  blob.size,
  await make().text(),
];
// --- read twice
const response = new Response("x");
await response.text();
await response.text();
// --- read of nothing
const response = new Response();
return [await response.text(), await response.text(), response.bodyUsed, response.body];
// --- json that is none
await new Response("{").json();
// --- a mark before text
return (await new Response(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).text()).length;
// --- statuses
return [200, 299, 404, 599, 204, 199, 600, 0, 1000].map((status) => {
  try {
    return new Response(null, { status }).ok;
  } catch (error) {
    return error.name;
  }
});
// --- no body for that status
new Response("x", { status: 204 });
// --- json responses
const response = Response.json({ a: 1 }, { status: 202, headers: { b: "c" } });
return [
  response.status,
  [...response.headers],
  await response.json(),
  Response.json(null, { headers: { "content-type": "x/y" } }).headers.get("content-type"),
];
// --- no json
Response.json(undefined);
// --- redirects
return [Response.redirect("http://a/b").status, Response.redirect("http://a/b", 307).headers.get("location")];
// --- no redirect
Response.redirect("http://a", 200);
// --- errors
const response = Response.error();
return [response.type, response.status, response.ok];
// --- cloned responses
const response = new Response("x", { status: 404, headers: { a: "b" } });
const copy = response.clone();
return [await response.text(), await copy.text(), copy.status, [...copy.headers]];
// --- a stream as body
const stream = new ReadableStream({
  start(controller) {
    controller.enqueue(new TextEncoder().encode("a"));
    controller.enqueue(new TextEncoder().encode("b"));
    controller.close();
  },
});
const response = new Response(stream);
return [response.body === stream, await response.text(), response.bodyUsed, stream.locked];
// --- a body as stream
const seen = [];
const response = new Response("abc");
for await (const chunk of response.body) seen.push(new TextDecoder().decode(chunk));
return [seen, response.bodyUsed];
// --- a locked body
const response = new Response("abc");
response.body.getReader();
await response.text();
// --- clone of a streamed body
const response = new Response(new Blob(["abc"]).stream());
const copy = response.clone();
return [await copy.text(), await response.text()];
// --- a stream of text
await new Response(
  new ReadableStream({
    start(controller) {
      controller.enqueue("x");
      controller.close();
    },
  }),
).text();
// --- forms
const form = new FormData();
form.append("a", "1");
form.append("a", 2);
form.append("b", new Blob(["x"], { type: "t/u" }));
form.append("c", new Blob(["y"]), "n.txt");
form.set("d", "old");
form.set("d", "new");
const seen = [
  form.get("a"),
  form.getAll("a"),
  form.get("b") instanceof File,
  form.get("b").name,
  form.get("b").type,
  form.get("c").name,
  form.has("d"),
  form.get("none"),
  [...form.keys()],
];
form.delete("a");
form.set("b", "text");
return [...seen, [...form].map(([name, value]) => [name, typeof value]), String(form)];
// --- forms, replaced in place
const form = new FormData();
for (const [name, value] of [
  ["a", "1"],
  ["b", "2"],
  ["a", "3"],
  ["c", "4"],
])
  form.append(name, value);
form.set("a", "5");
return [...form];
// --- forms as body
const form = new FormData();
form.append('na"me\r\n', "va\nlue");
form.append("file", new File(["content"], 'f"é.txt', { type: "text/x" }));
const response = new Response(form);
const [kind, boundary] = response.headers.get("content-type").split("boundary=");
return [kind, (await response.text()).replaceAll(boundary, "B")];
// --- blobs
const blob = new Blob(["a", new Uint8Array([98]), new Blob(["c"]), new Uint16Array([0x6464]).buffer, 5], {
  type: "Text/Plain",
});
return [
  blob.size,
  blob.type,
  await blob.text(),
  [...new Uint8Array(await blob.arrayBuffer())],
  [...(await blob.bytes())].length,
  await blob.slice(1, 3).text(),
  await blob.slice(-2).text(),
  blob.slice(0, 1, "x/y").type,
  await blob.slice(3, 1).text(),
  String(blob),
];
// --- blobs of wrong parts
new Blob("text");
// --- a blob's stream
const seen = [];
for await (const chunk of new Blob(["abc"]).stream()) seen.push(...chunk);
return seen;
// --- files
const file = new File(["x"], "n.txt", { type: "a/b", lastModified: 7 });
return [file.name, file.lastModified, file.type, file.size, file instanceof Blob, String(file), await file.text()];
// --- files without a name
new File([]);
// --- types that are none
return new Blob([], { type: "é" }).type;
