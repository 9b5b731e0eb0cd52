// --- digests
const bytes = new TextEncoder().encode("abc");
return Promise.all(
  ["SHA-1", "sha-256", { name: "SHA-384" }, "SHA-512"].map(async (name) =>
    new Uint8Array(await crypto.subtle.digest(name, bytes)).toHex(),
  ),
);
// --- digest of views
return new Uint8Array(await crypto.subtle.digest("SHA-256", new DataView(new ArrayBuffer(8), 2, 4))).toHex();
// --- digest of text
await crypto.subtle.digest("SHA-256", "text");
// --- unknown digests
await crypto.subtle.digest("MD5", new Uint8Array());
// --- hmac
const secret = new TextEncoder().encode("secret");
const data = new TextEncoder().encode("data");
const seen = [];
for (const hash of ["SHA-1", "SHA-256", { name: "SHA-384" }, "SHA-512"]) {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, true, ["sign", "verify"]);
  const signature = await crypto.subtle.sign("HMAC", key, data);
  seen.push(
    new Uint8Array(signature).toHex(),
    await crypto.subtle.verify("HMAC", key, signature, data),
    await crypto.subtle.verify("HMAC", key, new Uint8Array(20), data),
  );
  seen.push(
    key.type,
    key.extractable,
    key.algorithm,
    key.usages,
    await crypto.subtle.exportKey("jwk", key),
    new Uint8Array(await crypto.subtle.exportKey("raw", key)).toHex(),
  );
}
return seen;
// --- hmac of a jwk
const key = await crypto.subtle.importKey(
  "jwk",
  { kty: "oct", k: "c2VjcmV0", alg: "HS256" },
  { name: "hmac", hash: "SHA-256" },
  false,
  ["sign"],
);
return [
  new Uint8Array(await crypto.subtle.sign({ name: "HMAC" }, key, new Uint8Array(3))).toHex(),
  key.extractable,
  String(key),
];
// --- a key for something else
const key = await crypto.subtle.importKey("raw", new Uint8Array(16), { name: "HMAC", hash: "SHA-256" }, false, [
  "verify",
]);
await crypto.subtle.sign("HMAC", key, new Uint8Array());
// --- a key of another algorithm
const key = await crypto.subtle.importKey("raw", new Uint8Array(16), { name: "HMAC", hash: "SHA-256" }, false, [
  "sign",
]);
await crypto.subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array());
// --- a key that stays
const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["encrypt"]);
await crypto.subtle.exportKey("raw", key);
// --- ciphers
const seen = [];
for (const bits of [128, 256]) {
  for (const algorithm of [
    { name: "AES-GCM", iv: new Uint8Array(12).fill(1), additionalData: new Uint8Array([9]), tagLength: 128 },
    { name: "AES-GCM", iv: new Uint8Array(12) },
    { name: "AES-CBC", iv: new Uint8Array(16).fill(2) },
    { name: "AES-CTR", counter: new Uint8Array(16).fill(3), length: 64 },
  ]) {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(bits / 8).fill(7), algorithm.name, true, [
      "encrypt",
      "decrypt",
    ]);
    const sealed = await crypto.subtle.encrypt(algorithm, key, new TextEncoder().encode("a message of some length"));
    seen.push(
      new Uint8Array(sealed).toHex(),
      new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, sealed)),
      key.algorithm,
      (await crypto.subtle.exportKey("jwk", key)).alg,
    );
  }
}
return seen;
// --- a tag that does not fit
const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["decrypt"]);
await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(32));
// --- padding that does not fit
const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-CBC", false, ["decrypt"]);
await crypto.subtle.decrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, new Uint8Array(32));
// --- a key of a wrong length
await crypto.subtle.importKey("raw", new Uint8Array(17), "AES-GCM", false, ["decrypt"]);
// --- derived
const password = new TextEncoder().encode("password");
const seen = [];
for (const algorithm of [
  { name: "PBKDF2", salt: new Uint8Array([1, 2]), iterations: 1000, hash: "SHA-256" },
  { name: "HKDF", salt: new Uint8Array([1, 2]), info: new Uint8Array([3]), hash: "SHA-512" },
]) {
  const key = await crypto.subtle.importKey("raw", password, algorithm.name, false, ["deriveBits", "deriveKey"]);
  seen.push(new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 384)).toHex());
  for (const wanted of [
    { name: "AES-GCM", length: 256 },
    { name: "HMAC", hash: "SHA-256" },
    { name: "HMAC", hash: "SHA-512", length: 64 },
  ]) {
    const derived = await crypto.subtle.deriveKey(algorithm, key, wanted, true, [
      wanted.name === "HMAC" ? "sign" : "encrypt",
    ]);
    seen.push(new Uint8Array(await crypto.subtle.exportKey("raw", derived)).toHex(), derived.algorithm);
  }
}
return seen;
// --- signatures of known keys
const seen = [];
const data = new TextEncoder().encode("message");
const ed = {
  kty: "OKP",
  crv: "Ed25519",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
};
const priv = await crypto.subtle.importKey("jwk", ed, "Ed25519", true, ["sign"]);
const { d, ...pub } = ed;
const pubKey = await crypto.subtle.importKey("jwk", pub, "Ed25519", true, ["verify"]);
const signature = await crypto.subtle.sign("Ed25519", priv, data);
seen.push(
  new Uint8Array(signature).toHex(),
  await crypto.subtle.verify("Ed25519", pubKey, signature, data),
  await crypto.subtle.verify("Ed25519", pubKey, signature, new Uint8Array(1)),
);
for (const [key, formats] of [
  [priv, ["pkcs8", "jwk"]],
  [pubKey, ["raw", "spki", "jwk"]],
]) {
  for (const format of formats) {
    const exported = await crypto.subtle.exportKey(format, key);
    seen.push(format === "jwk" ? Object.entries(exported).sort() : new Uint8Array(exported).toHex());
    const again = await crypto.subtle.importKey(format, exported, "Ed25519", true, key.usages);
    seen.push(again.type, again.extractable, again.algorithm, again.usages);
  }
}
return seen;
// --- ecdsa is verified
const key = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
};
const imported = await crypto.subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
/* RFC 7515, A.3 */
const base64url = (text) => Uint8Array.fromBase64(text, { alphabet: "base64url" });
const signature = base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
const data = new TextEncoder().encode(
  "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
);
const raw = await crypto.subtle.exportKey("raw", imported);
const again = await crypto.subtle.importKey("raw", raw, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
return [
  await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, imported, signature, data),
  await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, again, signature, data),
  await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-384" }, imported, signature, data),
  imported.algorithm,
  new Uint8Array(raw).toHex(),
  new Uint8Array(await crypto.subtle.exportKey("spki", imported)).toHex(),
];
// --- rsa is verified
const jwk = {
  kty: "RSA",
  e: "AQAB",
  n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
};
const verifying = await crypto.subtle.importKey("jwk", jwk, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, true, [
  "verify",
]);
/* RFC 7515, A.2 */
const base64url = (text) => Uint8Array.fromBase64(text, { alphabet: "base64url" });
const signature = base64url(
  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
const data = new TextEncoder().encode(
  "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
);
const spki = await crypto.subtle.exportKey("spki", verifying);
return [
  await crypto.subtle.verify("RSASSA-PKCS1-v1_5", verifying, signature, data),
  await crypto.subtle.verify("RSASSA-PKCS1-v1_5", verifying, signature, new Uint8Array(3)),
  verifying.algorithm.modulusLength,
  [...verifying.algorithm.publicExponent],
  verifying.algorithm.hash,
  verifying.usages,
  new Uint8Array(spki).toHex().length,
  (await crypto.subtle.importKey("spki", spki, { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"])).algorithm.name,
];
// --- keys that are none
const seen = [];
for (const [format, data, algorithm, usages] of [
  ["spki", new Uint8Array(5), "Ed25519", ["verify"]],
  ["jwk", { kty: "RSA" }, { name: "RSA-PSS", hash: "SHA-256" }, ["verify"]],
  ["raw", new Uint8Array(5), "Ed25519", ["verify"]],
  ["raw", new Uint8Array(65), { name: "ECDSA", namedCurve: "P-256" }, ["verify"]],
  ["raw", new Uint8Array(16), "AES-GCM", []],
  ["raw", new Uint8Array(0), { name: "HMAC", hash: "SHA-256" }, ["sign"]],
  ["raw", new Uint8Array(16), "nonsense", ["sign"]],
]) {
  try {
    await crypto.subtle.importKey(format, data, algorithm, false, usages);
    seen.push("imported");
  } catch (error) {
    seen.push(error.name);
  }
}
return seen;
// --- shared secrets
const mine = {
  kty: "OKP",
  crv: "X25519",
  x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
  d: "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
};
const theirs = { kty: "OKP", crv: "X25519", x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" };
const key = await crypto.subtle.importKey("jwk", mine, "X25519", false, ["deriveBits"]);
const other = await crypto.subtle.importKey("jwk", theirs, "X25519", true, []);
return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, key, 256)).toHex();
// --- what they are
return [
  String(crypto),
  String(crypto.subtle),
  crypto instanceof Crypto,
  crypto.subtle instanceof SubtleCrypto,
  typeof CryptoKey,
];
// --- no constructor
new Crypto();
// --- randomness of the wrong kind
crypto.getRandomValues(new Float64Array(1));
// --- randomness of kinds
return [Uint8Array, Int16Array, Uint32Array, BigInt64Array, Uint8ClampedArray].map((type) => {
  const array = new type(3);
  return crypto.getRandomValues(array) === array;
});
