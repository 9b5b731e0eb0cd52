// SubtleCrypto's operations that need no randomness, in the host: JSON in, JSON out. The realm has normalized the
// algorithm and checked the key's usages; here is the computing, and what is wrong with keys and parameters.

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  pbkdf2Sync,
  privateDecrypt,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { Buffer } from "node:buffer";

// Both are computed without a way to interrupt them: no more than takes about as long as a function may.
const ITERATIONS_MAX = 1_000_000;
const MODULUS_BITS_MAX = 8192;

class OperationFailed extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}
const fail = (name, message) => {
  throw new OperationFailed(name, message);
};

const fromBase64 = (text) => Buffer.from(text ?? "", "base64");
const toBase64 = (bytes) => Buffer.from(bytes).toString("base64");
const HASHES = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" };
const hashOf = (name) => HASHES[name] ?? fail("NotSupportedError", `Unrecognized hash: ${name}`);
const BLOCK_BITS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
const CURVES = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" };

const SECRET = new Set(["HMAC", "HKDF", "PBKDF2", "AES-CBC", "AES-CTR", "AES-GCM"]);

// --- keys: {secret: base64} or {jwk, isPrivate} -------------------------------------------------------------------

function importSecret({ format, data, algorithm, usages }) {
  let bytes;
  if (format === "raw") bytes = fromBase64(data);
  else if (format === "jwk") {
    if (data.kty !== "oct" || typeof data.k !== "string") fail("DataError", "The JWK is not of a secret key");
    bytes = Buffer.from(data.k, "base64url");
  } else fail("NotSupportedError", `A key of ${algorithm.name} cannot be imported from "${format}"`);
  const bits = bytes.length * 8;
  const details = {};
  if (algorithm.name.startsWith("AES")) {
    if (![128, 192, 256].includes(bits))
      fail("DataError", `A key of ${algorithm.name} has 128, 192 or 256 bits, not ${bits}`);
    details.length = bits;
  }
  if (algorithm.name === "HMAC") {
    if (algorithm.hash === undefined) fail("TypeError", "HMAC needs a hash");
    hashOf(algorithm.hash);
    if (bits === 0) fail("DataError", "The key is empty");
    details.length = algorithm.length ?? bits;
  }
  if (usages.length === 0) fail("SyntaxError", "A secret key must have a usage");
  return { type: "secret", material: { secret: toBase64(bytes) }, details };
}

function asymmetricObject(format, data, { name, namedCurve }) {
  try {
    if (format === "spki") return createPublicKey({ key: fromBase64(data), format: "der", type: "spki" });
    if (format === "pkcs8") return createPrivateKey({ key: fromBase64(data), format: "der", type: "pkcs8" });
    if (format === "jwk") {
      return data.d === undefined
        ? createPublicKey({ key: data, format: "jwk" })
        : createPrivateKey({ key: data, format: "jwk" });
    }
    if (format === "raw") return createPublicKey({ key: rawToJwk(fromBase64(data), name, namedCurve), format: "jwk" });
  } catch (error) {
    if (error instanceof OperationFailed) throw error;
    fail("DataError", `The key could not be read as "${format}"`);
  }
  return fail("NotSupportedError", `A key of ${name} cannot be imported from "${format}"`);
}

function rawToJwk(bytes, name, namedCurve) {
  if (name === "Ed25519" || name === "X25519") return { kty: "OKP", crv: name, x: bytes.toString("base64url") };
  const size = { "P-256": 32, "P-384": 48, "P-521": 66 }[namedCurve];
  if (size === undefined || bytes.length !== 2 * size + 1 || bytes[0] !== 4)
    fail("DataError", "The raw key is not a point of the curve");
  const coordinate = (index) => bytes.subarray(1 + index * size, 1 + (index + 1) * size).toString("base64url");
  return { kty: "EC", crv: namedCurve, x: coordinate(0), y: coordinate(1) };
}

const KEY_TYPES = {
  "RSASSA-PKCS1-v1_5": "rsa",
  "RSA-PSS": "rsa",
  "RSA-OAEP": "rsa",
  ECDSA: "ec",
  ECDH: "ec",
  Ed25519: "ed25519",
  X25519: "x25519",
};

function importAsymmetric({ format, data, algorithm, usages }) {
  const { name } = algorithm;
  if (KEY_TYPES[name] === undefined) fail("NotSupportedError", `${name} has no keys`);
  const key = asymmetricObject(format, data, algorithm);
  if (key.asymmetricKeyType !== KEY_TYPES[name]) fail("DataError", `The key is not for ${name}`);
  const details = {};
  const jwk = key.export({ format: "jwk" });
  if (KEY_TYPES[name] === "rsa") {
    if (algorithm.hash === undefined) fail("TypeError", `${name} needs a hash`);
    hashOf(algorithm.hash);
    details.modulusLength = Buffer.from(jwk.n, "base64url").length * 8;
    if (details.modulusLength > MODULUS_BITS_MAX)
      fail("NotSupportedError", `RSA keys may have up to ${MODULUS_BITS_MAX} bits`);
    details.publicExponent = toBase64(Buffer.from(jwk.e, "base64url"));
  }
  if (KEY_TYPES[name] === "ec") {
    if (CURVES[algorithm.namedCurve] === undefined) fail("NotSupportedError", `Unknown curve: ${algorithm.namedCurve}`);
    if (jwk.crv !== algorithm.namedCurve) fail("DataError", `The key is of the curve ${jwk.crv}`);
    details.namedCurve = jwk.crv;
  }
  const isPrivate = key.type === "private";
  if (isPrivate && usages.length === 0) fail("SyntaxError", "A private key must have a usage");
  return { type: key.type, material: { jwk, isPrivate }, details };
}

function keyObject({ jwk, isPrivate }) {
  return isPrivate ? createPrivateKey({ key: jwk, format: "jwk" }) : createPublicKey({ key: jwk, format: "jwk" });
}

function exportKey({ format, key, type, algorithm }) {
  if (key.secret !== undefined) {
    if (format === "raw") return key.secret;
    if (format === "jwk") {
      const suffix = { "AES-CBC": "CBC", "AES-CTR": "CTR", "AES-GCM": "GCM" }[algorithm.name];
      const bytes = fromBase64(key.secret);
      const alg = suffix ? `A${bytes.length * 8}${suffix}` : `HS${algorithm.hash.slice(4)}`;
      return { kty: "oct", k: bytes.toString("base64url"), alg };
    }
  } else {
    if (format === "jwk") return key.jwk;
    if (format === "spki" && type === "public") return toBase64(keyObject(key).export({ format: "der", type: "spki" }));
    if (format === "pkcs8" && type === "private")
      return toBase64(keyObject(key).export({ format: "der", type: "pkcs8" }));
    if (format === "raw" && type === "public" && key.jwk.kty !== "RSA") {
      const coordinates = [key.jwk.x, key.jwk.y].filter(Boolean).map((part) => Buffer.from(part, "base64url"));
      return toBase64(Buffer.concat(key.jwk.kty === "EC" ? [Buffer.of(4), ...coordinates] : coordinates));
    }
  }
  return fail("NotSupportedError", `A ${type} key of ${algorithm.name} cannot be exported as "${format}"`);
}

// --- signatures ---------------------------------------------------------------------------------------------------

const hmac = ({ key, algorithm, data }) =>
  createHmac(hashOf(algorithm.hash), fromBase64(key.secret)).update(fromBase64(data)).digest();

function signing(algorithm, key) {
  const object = keyObject(key);
  switch (algorithm.name) {
    case "RSASSA-PKCS1-v1_5":
      return [hashOf(algorithm.hash), { key: object, padding: constants.RSA_PKCS1_PADDING }];
    case "RSA-PSS":
      return [
        hashOf(algorithm.hash),
        { key: object, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength },
      ];
    case "ECDSA":
      return [hashOf(algorithm.hash), { key: object, dsaEncoding: "ieee-p1363" }];
    case "Ed25519":
      return [null, { key: object }];
    default:
      return fail("NotSupportedError", `${algorithm.name} does not sign`);
  }
}

// --- ciphers ------------------------------------------------------------------------------------------------------

const LONG_COUNTER_BITS = 128;

function cipherName({ name }, secret) {
  return `aes-${secret.length * 8}-${name.slice(4).toLowerCase()}`;
}

function cipherOptions(algorithm) {
  const iv = fromBase64(algorithm.iv ?? algorithm.counter);
  if (algorithm.name === "AES-CBC" && iv.length !== 16) fail("OperationError", "AES-CBC needs an iv of 16 bytes");
  if (algorithm.name === "AES-CTR") {
    if (iv.length !== 16) fail("OperationError", "AES-CTR needs a counter of 16 bytes");
    if (!(algorithm.length >= 1 && algorithm.length <= LONG_COUNTER_BITS))
      fail("OperationError", "AES-CTR needs a length of 1 to 128 bits");
  }
  const tagBytes = (algorithm.tagLength ?? 128) / 8;
  if (algorithm.name === "AES-GCM") {
    if (iv.length === 0) fail("OperationError", "AES-GCM needs an iv");
    if (![4, 8, 12, 13, 14, 15, 16].includes(tagBytes)) fail("OperationError", "Invalid tag length");
  }
  return { iv, tagBytes };
}

function ensureCounterLasts({ name, length }, iv, bytes) {
  if (name !== "AES-CTR" || length === LONG_COUNTER_BITS) return;
  // Only that many bits of the counter may change, and the cipher would carry into the others.
  const start = BigInt(`0x${iv.toString("hex")}`) & ((1n << BigInt(length)) - 1n);
  if (start + BigInt(Math.ceil(bytes.length / 16)) > 1n << BigInt(length)) {
    fail("OperationError", "The counter would wrap around, which is not supported");
  }
}

function encrypt({ key, algorithm, data }) {
  const secret = fromBase64(key.secret);
  const bytes = fromBase64(data);
  const { iv, tagBytes } = cipherOptions(algorithm);
  ensureCounterLasts(algorithm, iv, bytes);
  const isGcm = algorithm.name === "AES-GCM";
  const cipher = createCipheriv(
    cipherName(algorithm, secret),
    secret,
    iv,
    isGcm ? { authTagLength: tagBytes } : undefined,
  );
  if (isGcm && algorithm.additionalData !== undefined) cipher.setAAD(fromBase64(algorithm.additionalData));
  const parts = [cipher.update(bytes), cipher.final()];
  if (isGcm) parts.push(cipher.getAuthTag());
  return toBase64(Buffer.concat(parts));
}

function decrypt({ key, algorithm, data }) {
  const bytes = fromBase64(data);
  if (algorithm.name === "RSA-OAEP") {
    const oaepLabel = algorithm.label === undefined ? undefined : fromBase64(algorithm.label);
    const options = {
      key: keyObject(key),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: hashOf(algorithm.hash),
      oaepLabel,
    };
    return toBase64(privateDecrypt(options, bytes));
  }
  const secret = fromBase64(key.secret);
  const { iv, tagBytes } = cipherOptions(algorithm);
  ensureCounterLasts(algorithm, iv, bytes);
  const isGcm = algorithm.name === "AES-GCM";
  if (isGcm && bytes.length < tagBytes) fail("OperationError", "The data is shorter than its tag");
  const decipher = createDecipheriv(
    cipherName(algorithm, secret),
    secret,
    iv,
    isGcm ? { authTagLength: tagBytes } : undefined,
  );
  if (isGcm) {
    if (algorithm.additionalData !== undefined) decipher.setAAD(fromBase64(algorithm.additionalData));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  }
  const body = isGcm ? bytes.subarray(0, bytes.length - tagBytes) : bytes;
  return toBase64(Buffer.concat([decipher.update(body), decipher.final()]));
}

// --- derivation ---------------------------------------------------------------------------------------------------

function deriveBits({ key, algorithm, length }) {
  if (algorithm.name === "ECDH" || algorithm.name === "X25519") {
    if (algorithm.public === undefined) fail("TypeError", `${algorithm.name} needs a public key`);
    const shared = diffieHellman({ privateKey: keyObject(key), publicKey: keyObject(algorithm.public) });
    if (length === null) return toBase64(shared);
    if (length > shared.length * 8) fail("OperationError", "There are not that many bits to derive");
    const bytes = shared.subarray(0, Math.ceil(length / 8));
    if (length % 8 !== 0) bytes[bytes.length - 1] &= 0xff << (8 - (length % 8));
    return toBase64(bytes);
  }
  if (length === null || length % 8 !== 0) fail("OperationError", "The length must be a multiple of 8 bits");
  const secret = fromBase64(key.secret);
  const salt = fromBase64(algorithm.salt);
  const hash = hashOf(algorithm.hash);
  if (length === 0) return "";
  if (algorithm.name === "HKDF") return toBase64(hkdfSync(hash, secret, salt, fromBase64(algorithm.info), length / 8));
  if (algorithm.name !== "PBKDF2") fail("NotSupportedError", `${algorithm.name} derives nothing`);
  const { iterations } = algorithm;
  if (!Number.isInteger(iterations) || iterations < 1)
    fail("OperationError", "PBKDF2 needs a positive number of iterations");
  const blocks = Math.ceil(length / { sha1: 160, sha256: 256, sha384: 384, sha512: 512 }[hash]);
  if (iterations * blocks > ITERATIONS_MAX) {
    fail(
      "OperationError",
      `PBKDF2 with more than ${ITERATIONS_MAX} iterations takes too long for a query or mutation: use an action`,
    );
  }
  return toBase64(pbkdf2Sync(secret, salt, iterations, length / 8, hash));
}

const operations = {
  digest: ({ algorithm, data }) => toBase64(createHash(hashOf(algorithm.name)).update(fromBase64(data)).digest()),
  importKey: (request) => (SECRET.has(request.algorithm.name) ? importSecret(request) : importAsymmetric(request)),
  exportKey,
  sign(request) {
    if (request.algorithm.name === "HMAC") return toBase64(hmac(request));
    const [hash, options] = signing(request.algorithm, request.key);
    return toBase64(sign(hash, fromBase64(request.data), options));
  },
  verify(request) {
    const signature = fromBase64(request.signature);
    if (request.algorithm.name === "HMAC") {
      const right = hmac(request);
      return right.length === signature.length && timingSafeEqual(right, signature);
    }
    const [hash, options] = signing(request.algorithm, request.key);
    return verify(hash, fromBase64(request.data), options, signature);
  },
  encrypt,
  decrypt,
  deriveBits,
};

// Return JSON of {value}, or of {name, message}: which error the realm throws.
export function cryptoCall(operation, json) {
  try {
    return JSON.stringify({ value: operations[operation](JSON.parse(json)) });
  } catch (error) {
    if (error instanceof OperationFailed) return JSON.stringify({ name: error.name, message: error.message });
    return JSON.stringify({ name: "OperationError", message: `The operation failed: ${operation}` });
  }
}
