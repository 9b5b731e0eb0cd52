// crypto (w3c.github.io/webcrypto): randomness from the execution's seed, and of SubtleCrypto what gives the same
// result every time. The host computes; keys are here, as what they were imported from.

const hostCrypto = fromHost(host.crypto); // (operation, JSON) → JSON of {value} or {name, message}

const webCrypto = once(() => {
  const secret = Symbol("CryptoKey");
  const INTEGER_ARRAYS = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
  ];

  // Bytes cross in base64.
  const pack = (source, what) => bytesToBase64(viewBytes(source, what));
  const unpack = (base64) => bytesFromBase64(RealUint8Array, base64);

  function compute(operation, request) {
    const { value, name, message } = parseJson(hostCrypto(operation, writeJson(request)));
    if (name === undefined) return value;
    if (name === "TypeError") throw new TypeError(message);
    throw domException(message, name);
  }

  function needsRandomness() {
    if (isCall()) return actionsOnly("cryptographic randomness");
    return new RealError("Cannot use cryptographic randomness at import time");
  }

  const ALGORITHMS = [
    "SHA-1",
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "HMAC",
    "HKDF",
    "PBKDF2",
    "AES-CBC",
    "AES-CTR",
    "AES-GCM",
    "RSASSA-PKCS1-v1_5",
    "RSA-PSS",
    "RSA-OAEP",
    "ECDSA",
    "ECDH",
    "Ed25519",
    "X25519",
  ];

  // {name as the standard writes it, …the rest}
  function normalize(algorithm) {
    const given = typeof algorithm === "object" && algorithm !== null ? { ...algorithm } : { name: algorithm };
    const wanted = toLowerCase(RealString(given.name));
    const name = ALGORITHMS.find((known) => toLowerCase(known) === wanted);
    if (name === undefined)
      throw domException(`Unrecognized algorithm name: ${RealString(given.name)}`, "NotSupportedError");
    const normal = { ...given, name };
    if (given.hash !== undefined) normal.hash = normalize(given.hash);
    return normal;
  }

  // What of an algorithm's parameters the host needs, as JSON.
  function parameters(algorithm) {
    const sent = {};
    for (const [name, value] of Object.entries(algorithm)) {
      if (isBuffer(value)) sent[name] = pack(value, name);
      else if (name === "hash") sent.hash = value.name;
      else if (name === "public") sent.public = CryptoKey[secret](value).material;
      else if (typeof value !== "object" && typeof value !== "function") sent[name] = value;
    }
    return sent;
  }

  class CryptoKey {
    #fields;
    constructor(key, fields) {
      if (key !== secret) throw new TypeError("Illegal constructor");
      this.#fields = fields;
    }
    static [secret](key) {
      return key.#fields;
    }
    get type() {
      return this.#fields.type;
    }
    get extractable() {
      return this.#fields.extractable;
    }
    get algorithm() {
      return this.#fields.algorithm;
    }
    get usages() {
      return this.#fields.usages;
    }
    get [Symbol.toStringTag]() {
      return "CryptoKey";
    }
  }
  const fieldsOf = CryptoKey[secret];

  function usable(algorithm, key, usage) {
    if (!(key instanceof CryptoKey)) throw new TypeError(`${usage}: a CryptoKey is required`);
    const fields = fieldsOf(key);
    if (fields.algorithm.name !== algorithm.name) {
      throw domException(`The key is for ${fields.algorithm.name}, not for ${algorithm.name}`, "InvalidAccessError");
    }
    if (!fields.usages.includes(usage)) {
      throw domException(`The key's usages do not permit "${usage}"`, "InvalidAccessError");
    }
    return fields;
  }

  // What the host computes with a key: {algorithm: of the key, …parameters of the call}.
  function keyed(operation, fields, algorithm, rest) {
    return compute(operation, {
      algorithm: { ...parameters(fields.algorithm), ...parameters(algorithm) },
      key: fields.material,
      ...rest,
    });
  }

  async function derive(algorithm, key, length, usage) {
    const normal = normalize(algorithm);
    const fields = usable(normal, key, usage);
    return unpack(keyed("deriveBits", fields, normal, { length }));
  }

  const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

  class SubtleCrypto {
    constructor(key) {
      if (key !== secret) throw new TypeError("Illegal constructor");
    }
    async digest(algorithm, data) {
      const bytes = pack(data, "The data of digest");
      return unpack(compute("digest", { algorithm: parameters(normalize(algorithm)), data: bytes })).buffer;
    }
    async importKey(format, keyData, algorithm, extractable, usages) {
      const normal = normalize(algorithm);
      const wanted = [...usages].map((usage) => RealString(usage));
      const unknown = wanted.find((usage) => !USAGES.includes(usage));
      if (unknown !== undefined) throw new TypeError(`importKey: "${unknown}" is not a key usage`);
      const data = format === "jwk" ? { ...keyData } : pack(keyData, "The key data");
      const { type, material, details } = compute("importKey", {
        format: RealString(format),
        data,
        algorithm: parameters(normal),
        usages: wanted,
        extractable: Boolean(extractable),
      });
      if (details.publicExponent !== undefined) details.publicExponent = unpack(details.publicExponent);
      if (normal.hash !== undefined) details.hash = { name: normal.hash.name };
      return new CryptoKey(secret, {
        type,
        material,
        extractable: type === "public" ? true : Boolean(extractable),
        algorithm: { name: normal.name, ...details },
        usages: USAGES.filter((usage) => wanted.includes(usage)),
      });
    }
    async exportKey(format, key) {
      if (!(key instanceof CryptoKey)) throw new TypeError("exportKey: a CryptoKey is required");
      const fields = fieldsOf(key);
      if (!fields.extractable) throw domException("The key is not extractable", "InvalidAccessError");
      const value = compute("exportKey", {
        format: RealString(format),
        key: fields.material,
        type: fields.type,
        algorithm: parameters(fields.algorithm),
      });
      if (format !== "jwk") return unpack(value).buffer;
      return { ...value, key_ops: [...fields.usages], ext: true };
    }
    async sign(algorithm, key, data) {
      const normal = normalize(algorithm);
      const fields = usable(normal, key, "sign");
      if (normal.name === "ECDSA" || normal.name === "RSA-PSS") throw needsRandomness();
      return unpack(keyed("sign", fields, normal, { data: pack(data, "The data to sign") })).buffer;
    }
    async verify(algorithm, key, signature, data) {
      const normal = normalize(algorithm);
      const fields = usable(normal, key, "verify");
      const rest = { signature: pack(signature, "The signature"), data: pack(data, "The data to verify") };
      return keyed("verify", fields, normal, rest);
    }
    async encrypt(algorithm, key, data) {
      const normal = normalize(algorithm);
      const fields = usable(normal, key, "encrypt");
      if (normal.name === "RSA-OAEP") throw needsRandomness();
      return unpack(keyed("encrypt", fields, normal, { data: pack(data, "The data to encrypt") })).buffer;
    }
    async decrypt(algorithm, key, data) {
      const normal = normalize(algorithm);
      const fields = usable(normal, key, "decrypt");
      return unpack(keyed("decrypt", fields, normal, { data: pack(data, "The data to decrypt") })).buffer;
    }
    async deriveBits(algorithm, key, length = null) {
      return (await derive(algorithm, key, length, "deriveBits")).buffer;
    }
    async deriveKey(algorithm, key, derived, extractable, usages) {
      const normal = normalize(derived);
      const bits = await derive(algorithm, key, derivedLength(normal), "deriveKey");
      return this.importKey("raw", bits, normal, extractable, usages);
    }
    async generateKey() {
      throw needsRandomness();
    }
    async wrapKey() {
      throw notImplemented("wrapKey for SubtleCrypto");
    }
    async unwrapKey() {
      throw notImplemented("unwrapKey for SubtleCrypto");
    }
    get [Symbol.toStringTag]() {
      return "SubtleCrypto";
    }
  }

  const HASH_BLOCK_BITS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
  function derivedLength({ name, length, hash }) {
    if (name === "HMAC") return length ?? HASH_BLOCK_BITS[hash?.name];
    if (name === "HKDF" || name === "PBKDF2") return null;
    return length;
  }

  class Crypto {
    #subtle = new SubtleCrypto(secret);
    constructor(key) {
      if (key !== secret) throw new TypeError("Illegal constructor");
    }
    get subtle() {
      return this.#subtle;
    }
    getRandomValues(array) {
      if (!isView(array) || !INTEGER_ARRAYS.some((type) => array instanceof type)) {
        throw domException("getRandomValues: the argument must be an array of integers", "TypeMismatchError");
      }
      if (array.byteLength > 65536) {
        throw new TypeError(`getRandomValues: at most 65536 bytes can be asked for at once, not ${array.byteLength}`);
      }
      fillWithRandom(viewBytes(array));
      return array;
    }
    randomUUID() {
      const bytes = new RealUint8Array(16);
      fillWithRandom(bytes);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = toHex(bytes);
      const part = (start, end) => slice(hex, start, end);
      return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20)}`;
    }
    get [Symbol.toStringTag]() {
      return "Crypto";
    }
  }
  return { Crypto, CryptoKey, SubtleCrypto, crypto: new Crypto(secret) };
});
defineLazily(["crypto", "Crypto", "CryptoKey", "SubtleCrypto"], webCrypto);
