// --- text to bytes
return ["", "a", "é", "€", "😀", "\ud800", "\udc00x", "a\ud83d", "\0\u007f\u0080\u07ff\u0800\uffff"].map((text) => [
  ...new TextEncoder().encode(text),
]);
// --- text into bytes
return [
  [0, "a"],
  [1, "é"],
  [2, "éa"],
  [3, "€"],
  [3, "😀"],
  [4, "😀a"],
  [5, "a😀"],
  [9, "\ud800x"],
].map(([length, text]) => {
  const bytes = new Uint8Array(length);
  return [new TextEncoder().encodeInto(text, bytes), [...bytes]];
});
// --- bytes to text
return [
  [0x61],
  [0xc3, 0xa9],
  [0xe2, 0x82, 0xac],
  [0xf0, 0x9f, 0x98, 0x80],
  [0xff],
  [0xc0, 0x80],
  [0xe0, 0x80, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x90, 0x41],
  [0xe2, 0x82],
  [0xc3],
  [0x80, 0xbf],
  [0xef, 0xbb, 0xbf, 0x61],
  [0xf0, 0x80, 0x80, 0x80],
  [0xe2, 0xe2, 0x82, 0xac],
  [0xf1, 0x80, 0x80, 0xe1, 0x80, 0xc2],
  [0xfe, 0xff],
].map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)));
// --- every pair of bytes
const seen = [];
const decoder = new TextDecoder();
for (let high = 0x7f; high < 256; high += 1)
  for (let low = 0x7f; low < 256; low += 3) seen.push(decoder.decode(new Uint8Array([high, low, 0x80, 0xbf, 0x41])));
return seen.join("|");
// --- malformed and fatal
new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]));
// --- cut off and fatal
new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xe2, 0x82]));
// --- fatal and then again
const decoder = new TextDecoder("utf-8", { fatal: true });
try {
  decoder.decode(new Uint8Array([0xe2]), { stream: true });
  decoder.decode(new Uint8Array([0x41]));
} catch {}
return decoder.decode(new Uint8Array([0x42]));
// --- in pieces
const decoder = new TextDecoder();
const bytes = new TextEncoder().encode("\ufeffaé€😀\ufeff!");
const pieces = [];
for (const byte of bytes) pieces.push(decoder.decode(new Uint8Array([byte]), { stream: true }));
pieces.push(decoder.decode(), decoder.decode(bytes));
return pieces;
// --- mark kept
return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length;
// --- labels
return [
  "utf8",
  " UTF-8\n",
  "unicode-1-1-utf-8",
  "latin1",
  "ascii",
  "iso-8859-2",
  "utf-16",
  "utf-16be",
  "shift_jis",
  "gb18030",
  "koi8-r",
  "x-user-defined",
].map((label) => new TextDecoder(label).encoding);
// --- a label that is none
new TextDecoder("nonsense");
// --- other encodings
return [
  ["latin1", [0x80, 0xe4]],
  ["utf-16le", [0x61, 0, 0x3d, 0xd8, 0, 0xde]],
  ["utf-16be", [0, 0x61, 0xd8]],
  ["shift_jis", [0x83, 0x65, 0x83]],
  ["euc-kr", [0xb0, 0xa1]],
  ["gbk", [0xc4, 0xe3]],
  ["iso-8859-2", [0xb1]],
  ["utf-16le", [0xff, 0xfe, 0x61, 0]],
].map(([label, bytes]) => new TextDecoder(label).decode(new Uint8Array(bytes)));
// --- other encodings in pieces
return ["utf-16le", "shift_jis", "utf-16be"].map((label) => {
  const decoder = new TextDecoder(label);
  const pieces = [0x83, 0x65, 0x83, 0x58, 0x61].map((byte) => decoder.decode(new Uint8Array([byte]), { stream: true }));
  return [...pieces, decoder.decode()];
});
// --- of views
const { buffer } = new Uint8Array([0x61, 0x62, 0x63, 0x64]);
return [buffer, new DataView(buffer, 1, 2), new Uint16Array(buffer, 2), new Uint8Array(buffer).subarray(3)].map(
  (view) => new TextDecoder().decode(view),
);
// --- of no view
new TextDecoder().decode("text");
// --- of nothing
return [
  new TextDecoder().decode(),
  new TextDecoder().decode(undefined),
  [...new TextEncoder().encode()],
  [...new TextEncoder().encode(undefined)],
];
// --- of numbers
return [...new TextEncoder().encode(12)];
// --- long text
const text = "aé€😀".repeat(30000);
const bytes = new TextEncoder().encode(text);
return [bytes.length, new TextDecoder().decode(bytes) === text];
// --- what they say of themselves
const d = new TextDecoder("utf-8", { fatal: true });
return [d.encoding, d.fatal, d.ignoreBOM, new TextEncoder().encoding, String(d), String(new TextEncoder())];
// --- base64
return [
  btoa(""),
  btoa("a"),
  btoa("ab"),
  btoa("\xff\x00"),
  btoa(12),
  btoa(null),
  atob(""),
  atob("YQ=="),
  atob("YQ"),
  atob(" Y Q\n= ="),
  atob("/+8=").length,
];
// --- not of bytes
btoa("€");
// --- not base64
return ["a", "YQ=", "Y===", "YQ===", "Y-Q_", "====", "YQ==YQ==", "é"].map((text) => {
  try {
    return atob(text);
  } catch (error) {
    return [error.name, error.code, error instanceof DOMException];
  }
});
// --- bytes of any kind in pieces of any length
let state = 7;
const next = (limit) => (state = (state * 1103515245 + 12345) % 2147483648) % limit;
const interesting = [0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xa0, 0xed, 0x9f, 0xef, 0xbb, 0xbf, 0xf0, 0x90, 0xf4, 0x8f, 0xff];
const seen = [];
for (let round = 0; round < 400; round += 1) {
  const bytes = Uint8Array.from({ length: next(40) }, () => interesting[next(interesting.length)]);
  for (const label of ["utf-8", "utf-16le", "gb18030"]) {
    const decoder = new TextDecoder(label, { ignoreBOM: next(2) === 1 });
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + next(5);
      text += decoder.decode(bytes.subarray(at, at + length), { stream: true });
      at += length;
    }
    text += decoder.decode();
    if (label === "utf-8" && text !== new TextDecoder(label, { ignoreBOM: decoder.ignoreBOM }).decode(bytes)) seen.push("differs from the whole");
    seen.push(text);
  }
}
return seen;
// --- text of any kind to bytes and back
let state = 3;
const next = (limit) => (state = (state * 1103515245 + 12345) % 2147483648) % limit;
const seen = [];
for (let round = 0; round < 300; round += 1) {
  let text = "";
  for (let length = next(30); length > 0; length -= 1) text += String.fromCharCode([next(0x80), next(0x800), next(0x10000), 0xd800 + next(0x400), 0xdc00 + next(0x400)][next(5)]);
  const bytes = new TextEncoder().encode(text);
  const some = new Uint8Array(next(40));
  const { read, written } = new TextEncoder().encodeInto(text, some);
  seen.push([...bytes], read, written, [...some], new TextDecoder().decode(bytes));
  seen.push(btoa(String.fromCharCode(...bytes)), String(new URLSearchParams([[text, text]])));
}
return seen;
