// --- parts
const url = new URL("HTTPS://user:pa%20ss@EXAMPLE.com:443/a/./b/../c?x=1&y=ä#z");
return [
  url.href,
  url.origin,
  url.protocol,
  url.username,
  url.password,
  url.host,
  url.hostname,
  url.port,
  url.pathname,
  url.search,
  url.hash,
  String(url),
  JSON.stringify(url),
];
// --- relative to a base
return [
  new URL("../c", "http://a/b/d/").href,
  new URL("//x/y", "https://a").href,
  new URL("?q", "http://a/b#c").href,
  new URL("", "http://a/b?c#d").href,
  new URL("x", new URL("http://a/b/")).href,
];
// --- schemes, hosts and addresses of every kind
return [
  "file:///C:/x",
  "data:text/plain,hi",
  "mailto:a@b",
  "http://[::1]:8080/",
  "http://1.2.3",
  "http://0x7f.1/",
  "http://bücher.example/",
  "http://a..b/",
  "javascript:alert(1)",
  "blob:http://a/x",
  "ws://a:80/",
  "http://a b/",
  "http://",
  "//",
  "",
  "http:a",
  "http://a:99999/",
  "http://exa%41mple/",
  "  http://trimmed  ",
  "http://a\tb/",
].map((text) => {
  try {
    return new URL(text).href;
  } catch (error) {
    return error.name;
  }
});
// --- setters
const url = new URL("http://a.example/b");
const seen = [];
for (const [part, value] of [
  ["protocol", "https"],
  ["username", "me@"],
  ["password", ":"],
  ["host", "b.example:81"],
  ["hostname", "c.example"],
  ["port", "443"],
  ["port", "x"],
  ["pathname", "d e"],
  ["search", "f=g h"],
  ["search", ""],
  ["hash", "i"],
  ["hash", ""],
  ["href", "http://z/"],
  ["host", "bad host"],
  ["protocol", "nonsense"],
]) {
  url[part] = value;
  seen.push(url.href);
}
return seen;
// --- setting an invalid href
new URL("http://a").href = "nonsense";
// --- no address
new URL();
// --- not an address
new URL("nonsense");
// --- can be parsed
return [
  URL.canParse("http://a"),
  URL.canParse("a"),
  URL.canParse("a", "http://b"),
  URL.parse("x"),
  URL.parse("http://x").href,
];
// --- parameters follow the address, and it them
const url = new URL("http://a/?x=1&x=2&y=%20+");
const { searchParams } = url;
const seen = [[...searchParams]];
searchParams.append("z", "é&=");
seen.push(url.search);
searchParams.delete("x");
seen.push(url.href);
url.search = "?n=1";
seen.push([...searchParams]);
searchParams.delete("n");
seen.push(url.href);
url.href = "http://b/?q=r";
seen.push([...searchParams], url.searchParams === searchParams);
return seen;
// --- parameters from everything
return [
  new URLSearchParams("?a=1&b"),
  new URLSearchParams("a+b=c%20d&=x&&y=%zz"),
  new URLSearchParams({ b: 1, a: "é" }),
  new URLSearchParams([
    ["x", 1],
    ["x", 2],
  ]),
  new URLSearchParams(new Map([["k", "v"]])),
  new URLSearchParams(new URLSearchParams("c=d")),
  new URLSearchParams(),
  new URLSearchParams(undefined),
  new URLSearchParams("\ud800=1"),
  new URLSearchParams(null),
].map(String);
// --- parameters of pairs that are none
new URLSearchParams([["a"]]);
// --- parameters, all methods
const p = new URLSearchParams("b=2&a=1&b=3&c=");
const seen = [p.size, p.get("b"), p.get("no"), p.getAll("b"), p.has("c"), p.has("b", "3"), p.has("b", "4")];
p.set("b", "x");
seen.push(String(p));
p.delete("b", "y");
seen.push(String(p));
p.append("a", "0");
p.sort();
seen.push(String(p), [...p.keys()], [...p.values()], [...p.entries()]);
p.forEach(
  function (value, name, all) {
    seen.push([value, name, all === p, this.x]);
  },
  { x: 1 },
);
return seen;
// --- characters of forms
return String(new URLSearchParams([["a-b_c.d*e~f!'()", "\u0000\n\r é😀+%&="]]));
// --- what they are
return [
  Object.prototype.toString.call(new URL("http://a")),
  Object.prototype.toString.call(new URLSearchParams()),
  "href" in URL.prototype,
  Object.keys(new URL("http://a")),
  new URL("http://a") instanceof URL,
  typeof URL,
  URL.name,
  URL.length,
];
