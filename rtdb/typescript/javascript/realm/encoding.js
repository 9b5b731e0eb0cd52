// TextEncoder and TextDecoder (encoding.spec.whatwg.org), atob and btoa. UTF-8 is done here; the host knows the other
// encodings.

const hostEncodingName = fromHost(host.encodingName); // (label) → the encoding's name, "" if there is none
const hostDecode = fromHost(host.decode); // (name, fatal, bytes as a binary string, isLast) → text, undefined if malformed
const bytesFromBase64 = uncurryThis(Uint8Array.fromBase64);
const bytesToBase64 = uncurryThis(Uint8Array.prototype.toBase64);

// A view of the same bytes, of whatever kind of buffer or view.
function viewBytes(source, what) {
  if (isView(source)) return new RealUint8Array(source.buffer, source.byteOffset, source.byteLength);
  try {
    return new RealUint8Array(source, 0, arrayBufferLength(source));
  } catch {
    throw new TypeError(`${what} must be an ArrayBuffer or a view of one`);
  }
}
const arrayBufferLength = uncurryThis(getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get);

function isBuffer(value) {
  if (isView(value)) return true;
  try {
    arrayBufferLength(value);
    return true;
  } catch {
    return false;
  }
}

function copyBytes(source, what) {
  return new RealUint8Array(viewBytes(source, what));
}

// Writes as many whole characters as there is room for; returns [code units read, bytes written].
function encodeUtf8Into(text, bytes) {
  let read = 0;
  let written = 0;
  const room = bytes.length;
  while (read < text.length) {
    let point = charCodeAt(text, read);
    let units = 1;
    if (point >= 0xd800 && point <= 0xdfff) {
      const next = read + 1 < text.length ? charCodeAt(text, read + 1) : 0;
      if (point <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00);
        units = 2;
      } else point = 0xfffd;
    }
    if (point < 0x80) {
      if (written + 1 > room) break;
      bytes[written++] = point;
    } else if (point < 0x800) {
      if (written + 2 > room) break;
      bytes[written++] = 0xc0 | (point >> 6);
      bytes[written++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      if (written + 3 > room) break;
      bytes[written++] = 0xe0 | (point >> 12);
      bytes[written++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[written++] = 0x80 | (point & 0x3f);
    } else {
      if (written + 4 > room) break;
      bytes[written++] = 0xf0 | (point >> 18);
      bytes[written++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[written++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[written++] = 0x80 | (point & 0x3f);
    }
    read += units;
  }
  return [read, written];
}

function utf8Length(text) {
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = charCodeAt(text, at);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else {
      length += 3;
      if (unit >= 0xd800 && unit <= 0xdbff && at + 1 < text.length) {
        const next = charCodeAt(text, at + 1);
        if (next >= 0xdc00 && next <= 0xdfff) {
          length += 1;
          at += 1;
        }
      }
    }
  }
  return length;
}

function encodeUtf8(text) {
  const bytes = new RealUint8Array(utf8Length(text));
  encodeUtf8Into(text, bytes);
  return bytes;
}

// One character for each byte, which is how bytes are given to the host and taken from it.
function toBinaryString(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += apply(
      fromCharCode,
      undefined,
      new RealUint8Array(bytes.buffer, bytes.byteOffset + at, at + 8192 < bytes.length ? 8192 : bytes.length - at),
    );
  }
  return text;
}

function fromBinaryString(text) {
  const bytes = new RealUint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = charCodeAt(text, at);
  return bytes;
}

// The decoder of the standard, section 8.1.1; `state` is kept between the pieces of a stream.
class Utf8Decoder {
  #fatal;
  #point = 0;
  #needed = 0;
  #seen = 0;
  #lower = 0x80;
  #upper = 0xbf;
  #units; // what is to become text, as much as fits
  #used = 0;
  #text = "";
  constructor(fatal) {
    this.#fatal = fatal;
  }
  decode(bytes, isLast) {
    this.#text = "";
    this.#used = 0;
    // A byte gives at most one unit, but for what an earlier piece has left behind.
    this.#units = new Uint16Array(bytes.length < 8188 ? bytes.length + 4 : 8192);
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (this.#needed === 0) {
        if (byte < 0x80) this.#put(byte);
        else if (byte >= 0xc2 && byte <= 0xdf) this.#begin(1, byte & 0x1f, 0x80, 0xbf);
        else if (byte >= 0xe0 && byte <= 0xef) {
          this.#begin(2, byte & 0xf, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf);
        } else if (byte >= 0xf0 && byte <= 0xf4) {
          this.#begin(3, byte & 0x7, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf);
        } else this.#malformed();
      } else if (byte < this.#lower || byte > this.#upper) {
        this.#needed = 0;
        this.#malformed();
        at -= 1;
      } else {
        this.#lower = 0x80;
        this.#upper = 0xbf;
        this.#point = (this.#point << 6) | (byte & 0x3f);
        this.#seen += 1;
        if (this.#seen === this.#needed) {
          this.#needed = 0;
          if (this.#point < 0x10000) this.#put(this.#point);
          else {
            this.#put(0xd7c0 + (this.#point >> 10));
            this.#put(0xdc00 + (this.#point & 0x3ff));
          }
        }
      }
    }
    if (isLast && this.#needed !== 0) {
      this.#needed = 0;
      this.#malformed();
    }
    this.#flush();
    return this.#text;
  }
  #begin(needed, point, lower, upper) {
    this.#needed = needed;
    this.#seen = 0;
    this.#point = point;
    this.#lower = lower;
    this.#upper = upper;
  }
  #put(unit) {
    this.#units[this.#used] = unit;
    this.#used += 1;
    if (this.#used === this.#units.length) this.#flush();
  }
  #flush() {
    if (this.#used > 0)
      this.#text += apply(fromCharCode, undefined, new Uint16Array(this.#units.buffer, 0, this.#used));
    this.#used = 0;
  }
  #malformed() {
    if (this.#fatal) {
      this.#needed = 0;
      throw new TypeError("The encoded data was not valid for encoding utf-8");
    }
    this.#put(0xfffd);
  }
}

// Any other encoding: the host decodes all that has come so far, and what is new is handed out.
class HostDecoder {
  #name;
  #fatal;
  #binary = "";
  #given = 0;
  constructor(name, fatal) {
    this.#name = name;
    this.#fatal = fatal;
  }
  decode(bytes, isLast) {
    this.#binary += toBinaryString(bytes);
    const text = hostDecode(this.#name, this.#fatal, this.#binary, isLast);
    if (text === undefined) throw new TypeError(`The encoded data was not valid for encoding ${this.#name}`);
    const added = slice(text, this.#given);
    this.#given = text.length;
    if (isLast) {
      this.#binary = "";
      this.#given = 0;
    }
    return added;
  }
}

function decodeUtf8(bytes) {
  const text = new Utf8Decoder(false).decode(bytes, true);
  return charCodeAt(text, 0) === 0xfeff ? slice(text, 1) : text;
}

const webEncoding = once(() => {
  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return encodeUtf8(RealString(text));
    }
    encodeInto(text, bytes) {
      if (!(bytes instanceof RealUint8Array)) throw new TypeError("encodeInto: the destination must be a Uint8Array");
      const [read, written] = encodeUtf8Into(RealString(text), bytes);
      return { read, written };
    }
    get [Symbol.toStringTag]() {
      return "TextEncoder";
    }
  }

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBom;
    #decoder = null; // of the stream under way
    #isAtStart = true;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      const name = hostEncodingName(RealString(label));
      if (name === "") throw new RangeError(`The encoding label provided ('${RealString(label)}') is invalid.`);
      this.#encoding = name;
      this.#fatal = Boolean(fatal);
      this.#ignoreBom = Boolean(ignoreBOM);
    }
    get encoding() {
      return this.#encoding;
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBom;
    }
    decode(input = new RealUint8Array(0), { stream = false } = {}) {
      const bytes = viewBytes(input, "The input of decode");
      if (this.#decoder === null) {
        this.#decoder =
          this.#encoding === "utf-8" ? new Utf8Decoder(this.#fatal) : new HostDecoder(this.#encoding, this.#fatal);
        this.#isAtStart = true;
      }
      let text;
      try {
        text = this.#decoder.decode(bytes, !stream);
      } catch (error) {
        this.#decoder = null;
        throw error;
      }
      if (this.#isAtStart && text !== "") {
        this.#isAtStart = false;
        const mayHaveMark =
          this.#encoding === "utf-8" || this.#encoding === "utf-16le" || this.#encoding === "utf-16be";
        if (mayHaveMark && !this.#ignoreBom && charCodeAt(text, 0) === 0xfeff) text = slice(text, 1);
      }
      if (!stream) this.#decoder = null;
      return text;
    }
    get [Symbol.toStringTag]() {
      return "TextDecoder";
    }
  }
  return { TextEncoder, TextDecoder };
});
defineLazily(["TextEncoder", "TextDecoder"], webEncoding);

define(
  globalThis,
  "btoa",
  {
    btoa(data) {
      if (arguments.length === 0) throw new TypeError("btoa: an argument is required");
      const text = RealString(data);
      for (let at = 0; at < text.length; at += 1) {
        if (charCodeAt(text, at) > 0xff) {
          throw domException("The string contains characters outside of the Latin1 range", "InvalidCharacterError");
        }
      }
      return bytesToBase64(fromBinaryString(text));
    },
  }.btoa,
);

define(
  globalThis,
  "atob",
  {
    atob(data) {
      if (arguments.length === 0) throw new TypeError("atob: an argument is required");
      const text = RealString(data);
      let bytes;
      try {
        bytes = bytesFromBase64(RealUint8Array, text);
      } catch {
        throw domException("The string to be decoded is not correctly encoded", "InvalidCharacterError");
      }
      return toBinaryString(bytes);
    },
  }.atob,
);
