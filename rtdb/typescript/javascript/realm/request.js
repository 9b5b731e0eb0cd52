// Request and Response (fetch.spec.whatwg.org). Nothing can be fetched here; they are values, as any other.

const webRequest = once(() => {
  const { Body, extract, mixInto } = webBody();
  const { Headers } = webHeaders();
  const { URL } = webUrl();
  const { AbortSignal } = webEvents();
  const internal = Symbol("internal");
  const METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
  const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
  const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const NULL_BODY_STATUSES = new Set([101, 204, 205, 304]);
  const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

  function methodOf(value) {
    const text = RealString(value);
    if (!isToken.test(text)) throw new TypeError(`Invalid request method: '${text}'`);
    const upper = text.toUpperCase();
    if (FORBIDDEN_METHODS.has(upper)) throw new TypeError(`Method is forbidden: '${text}'`);
    return METHODS.has(upper) ? upper : text;
  }

  function withType(headers, content) {
    if (content !== null && content.type !== null && !headers.has("content-type")) {
      headers.append("content-type", content.type);
    }
  }

  class Request {
    #url;
    #method = "GET";
    #headers;
    #body;
    #signal;
    #settings;
    constructor(input, init = {}) {
      if (arguments.length === 0) throw new TypeError("Request: an address or a Request is required");
      const source = input instanceof Request ? input : null;
      const options = init ?? {};
      if (source === null) {
        this.#url = new URL(input).href;
      } else {
        this.#url = source.#url;
        this.#method = source.#method;
      }
      if (options.method !== undefined) this.#method = methodOf(options.method);
      this.#headers = new Headers(options.headers ?? source?.#headers);
      const { signal } = options;
      if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) {
        throw new TypeError("Request: the signal must be an AbortSignal");
      }
      const followed = signal === undefined ? source?.#signal : signal;
      this.#signal = AbortSignal.any(followed ? [followed] : []);
      this.#settings = source?.#settings ?? {
        cache: "default",
        credentials: "same-origin",
        integrity: "",
        keepalive: false,
        mode: "cors",
        redirect: "follow",
        referrer: "about:client",
        referrerPolicy: "",
      };
      for (const name of Object.keys(this.#settings)) {
        if (options[name] !== undefined) this.#settings = { ...this.#settings, [name]: options[name] };
      }
      const hasBody = options.body !== undefined && options.body !== null;
      if ((hasBody || source?.#body.isNull === false) && (this.#method === "GET" || this.#method === "HEAD")) {
        throw new TypeError("Request with GET/HEAD method cannot have body.");
      }
      if (hasBody) {
        const content = extract(options.body);
        if (content.stream !== undefined && options.duplex !== "half") {
          throw new TypeError('Request: the option `duplex: "half"` is required for a streamed body');
        }
        withType(this.#headers, content);
        this.#body = new Body(content);
      } else if (source !== null && !source.#body.isNull) {
        this.#body = source.#body.clone();
        source.#body.read();
      } else this.#body = new Body(null);
    }
    static [internal](request) {
      return request.#body;
    }
    get url() {
      return this.#url;
    }
    get method() {
      return this.#method;
    }
    get headers() {
      return this.#headers;
    }
    get signal() {
      return this.#signal;
    }
    get destination() {
      return "";
    }
    get duplex() {
      return "half";
    }
    get isReloadNavigation() {
      return false;
    }
    get isHistoryNavigation() {
      return false;
    }
    get cache() {
      return this.#settings.cache;
    }
    get credentials() {
      return this.#settings.credentials;
    }
    get integrity() {
      return this.#settings.integrity;
    }
    get keepalive() {
      return this.#settings.keepalive;
    }
    get mode() {
      return this.#settings.mode;
    }
    get redirect() {
      return this.#settings.redirect;
    }
    get referrer() {
      return this.#settings.referrer;
    }
    get referrerPolicy() {
      return this.#settings.referrerPolicy;
    }
    clone() {
      const body = this.#body.clone();
      const copy = new Request(this.#url, { method: this.#method, headers: this.#headers, signal: this.#signal });
      copy.#body = body;
      copy.#settings = this.#settings;
      return copy;
    }
    get [Symbol.toStringTag]() {
      return "Request";
    }
  }
  const requestBody = Request[internal];
  delete Request[internal];
  mixInto(Request.prototype, requestBody);

  class Response {
    #status;
    #statusText;
    #headers;
    #body;
    #type = "default";
    constructor(body = null, init = {}) {
      const { status = 200, statusText = "", headers } = init ?? {};
      const code = trunc(status);
      if (!(code >= 200 && code <= 599)) {
        throw new RangeError(
          `The status provided (${RealString(status)}) is not equal to 101 and outside the range [200, 599]`,
        );
      }
      this.#status = code;
      this.#statusText = RealString(statusText);
      if (/[^\t\x20-\x7e\x80-\xff]/.test(this.#statusText)) throw new TypeError("Invalid status text");
      this.#headers = new Headers(headers);
      const content = extract(body);
      if (content !== null && NULL_BODY_STATUSES.has(code)) {
        throw new TypeError("Response with null body status cannot have body");
      }
      withType(this.#headers, content);
      this.#body = new Body(content);
    }
    static [internal](response) {
      return response.#body;
    }
    static error() {
      const response = new Response();
      response.#status = 0;
      response.#type = "error";
      return response;
    }
    static json(data, init = {}) {
      const text = writeJson(data);
      if (text === undefined) throw new TypeError("The data is not JSON serializable");
      const headers = new Headers(init?.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(encodeUtf8(text), { ...init, headers });
    }
    static redirect(url, status = 302) {
      const { href } = new URL(url);
      if (!REDIRECT_STATUSES.has(status)) throw new RangeError(`Invalid redirect status code: ${RealString(status)}`);
      return new Response(null, { status, headers: { location: href } });
    }
    get type() {
      return this.#type;
    }
    get url() {
      return "";
    }
    get redirected() {
      return false;
    }
    get status() {
      return this.#status;
    }
    get ok() {
      return this.#status >= 200 && this.#status <= 299;
    }
    get statusText() {
      return this.#statusText;
    }
    get headers() {
      return this.#headers;
    }
    clone() {
      const body = this.#body.clone();
      const copy = new Response(null, { status: 200, statusText: this.#statusText, headers: this.#headers });
      copy.#status = this.#status;
      copy.#type = this.#type;
      copy.#body = body;
      return copy;
    }
    get [Symbol.toStringTag]() {
      return "Response";
    }
  }
  const responseBody = Response[internal];
  delete Response[internal];
  mixInto(Response.prototype, responseBody);
  return { Request, Response };
});
defineLazily(["Request", "Response"], webRequest);
