// DOMException, Event, EventTarget, AbortController and AbortSignal (dom.spec.whatwg.org), without a tree of nodes.

const webEvents = once(() => {
  const CODES = {
    IndexSizeError: 1,
    HierarchyRequestError: 3,
    WrongDocumentError: 4,
    InvalidCharacterError: 5,
    NoModificationAllowedError: 7,
    NotFoundError: 8,
    NotSupportedError: 9,
    InUseAttributeError: 10,
    InvalidStateError: 11,
    SyntaxError: 12,
    InvalidModificationError: 13,
    NamespaceError: 14,
    InvalidAccessError: 15,
    TypeMismatchError: 17,
    SecurityError: 18,
    NetworkError: 19,
    AbortError: 20,
    URLMismatchError: 21,
    QuotaExceededError: 22,
    TimeoutError: 23,
    InvalidNodeTypeError: 24,
    DataCloneError: 25,
  };

  class DOMException extends RealError {
    #name;
    constructor(message = "", name = "Error") {
      super(RealString(message));
      this.#name = RealString(name);
    }
    get name() {
      return this.#name;
    }
    get code() {
      return CODES[this.#name] ?? 0;
    }
    get [Symbol.toStringTag]() {
      return "DOMException";
    }
  }
  for (const name of Object.keys(CODES)) {
    const constant = `${name
      .replace(/Error$/, "")
      .replace(/(?<=[a-z])(?=[A-Z])|(?<=URL)/g, "_")
      .toUpperCase()}_ERR`;
    for (const target of [DOMException, DOMException.prototype]) {
      defineProperty(target, constant, { __proto__: null, value: CODES[name], enumerable: true });
    }
  }

  const dispatching = Symbol("dispatching");

  class Event {
    #type;
    #bubbles;
    #cancelable;
    #composed;
    #timeStamp;
    #canceled = false;
    #passive = false;
    #target = null;
    #phase = 0;
    #stopped = false;
    constructor(type, { bubbles = false, cancelable = false, composed = false } = {}) {
      if (arguments.length === 0) throw new TypeError("Event: a type is required");
      this.#type = RealString(type);
      this.#bubbles = Boolean(bubbles);
      this.#cancelable = Boolean(cancelable);
      this.#composed = Boolean(composed);
    }
    // For EventTarget alone: it has the symbol.
    static [dispatching](event, { target, phase: eventPhase, passive }) {
      if (target !== undefined) event.#target = target;
      if (eventPhase !== undefined) event.#phase = eventPhase;
      if (eventPhase === 0) event.#stopped = false;
      if (passive !== undefined) event.#passive = passive;
      return { isDispatched: event.#phase !== 0, isStopped: event.#stopped };
    }
    get type() {
      return this.#type;
    }
    get bubbles() {
      return this.#bubbles;
    }
    get cancelable() {
      return this.#cancelable;
    }
    get composed() {
      return this.#composed;
    }
    get timeStamp() {
      // Who does not look at it has not looked at the clock.
      return (this.#timeStamp ??= performanceNow());
    }
    get isTrusted() {
      return false;
    }
    get defaultPrevented() {
      return this.#canceled;
    }
    get returnValue() {
      return !this.#canceled;
    }
    get cancelBubble() {
      return this.#stopped;
    }
    get target() {
      return this.#target;
    }
    get srcElement() {
      return this.#target;
    }
    get currentTarget() {
      return this.#phase === 0 ? null : this.#target;
    }
    get eventPhase() {
      return this.#phase;
    }
    composedPath() {
      return this.#phase === 0 ? [] : [this.#target];
    }
    preventDefault() {
      if (this.#cancelable && !this.#passive) this.#canceled = true;
    }
    stopPropagation() {}
    stopImmediatePropagation() {
      this.#stopped = true;
    }
    get [Symbol.toStringTag]() {
      return "Event";
    }
    static NONE = 0;
    static CAPTURING_PHASE = 1;
    static AT_TARGET = 2;
    static BUBBLING_PHASE = 3;
  }

  class CustomEvent extends Event {
    #detail;
    constructor(type, options = {}) {
      super(type, options);
      this.#detail = options.detail ?? null;
    }
    get detail() {
      return this.#detail;
    }
    get [Symbol.toStringTag]() {
      return "CustomEvent";
    }
  }

  class EventTarget {
    #listeners = []; // {type, callback, capture, once, passive, isRemoved}

    addEventListener(type, callback, options = {}) {
      if (callback === null || callback === undefined) return;
      if (typeof callback !== "function" && typeof callback !== "object") {
        throw new TypeError("addEventListener: a listener must be a function or an object with handleEvent");
      }
      const { capture, once: isOnce, passive, signal } = typeof options === "object" ? options : { capture: options };
      if (signal?.aborted) return;
      const listener = {
        type: RealString(type),
        callback,
        capture: Boolean(capture),
        once: Boolean(isOnce),
        passive: Boolean(passive),
        isRemoved: false,
      };
      if (this.#find(listener.type, callback, listener.capture) !== undefined) return;
      this.#listeners.push(listener);
      signal?.addEventListener("abort", () => this.#remove(listener));
    }
    removeEventListener(type, callback, options = {}) {
      const capture = Boolean(typeof options === "object" ? options?.capture : options);
      this.#remove(this.#find(RealString(type), callback, capture));
    }
    dispatchEvent(event) {
      if (!(event instanceof Event)) throw new TypeError("dispatchEvent: an Event is required");
      if (Event[dispatching](event, {}).isDispatched) {
        throw new DOMException("The event is already being dispatched", "InvalidStateError");
      }
      Event[dispatching](event, { target: this, phase: Event.AT_TARGET });
      for (const listener of this.#listeners.filter(({ type }) => type === event.type)) {
        if (listener.isRemoved) continue;
        if (listener.once) this.#remove(listener);
        Event[dispatching](event, { passive: listener.passive });
        this.#call(listener.callback, event);
        if (Event[dispatching](event, { passive: false }).isStopped) break;
      }
      Event[dispatching](event, { phase: 0 });
      return !event.defaultPrevented;
    }
    // What a listener throws fails the function like any rejection that nobody handles; the other listeners hear still.
    #call(callback, event) {
      try {
        if (typeof callback === "function") apply(callback, this, [event]);
        else callback.handleEvent(event);
      } catch (error) {
        RealPromise.reject(error);
      }
    }
    #find(type, callback, capture) {
      return this.#listeners.find(
        (listener) => listener.type === type && listener.callback === callback && listener.capture === capture,
      );
    }
    #remove(listener) {
      if (listener === undefined) return;
      listener.isRemoved = true;
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    }
    get [Symbol.toStringTag]() {
      return "EventTarget";
    }
  }

  const secret = Symbol("AbortSignal");

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    #dependents = [];
    #onabort = null;
    constructor(key) {
      if (key !== secret) throw new TypeError("Illegal constructor");
      super();
      this.addEventListener("abort", (event) => this.#onabort?.call(this, event));
    }
    static [secret](signal, reason) {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
      signal.dispatchEvent(new Event("abort"));
      for (const dependent of signal.#dependents) AbortSignal[secret](dependent, signal.#reason);
    }
    static abort(reason) {
      const signal = new AbortSignal(secret);
      AbortSignal[secret](signal, reason);
      return signal;
    }
    static timeout() {
      throw actionsOnly("AbortSignal.timeout()");
    }
    static any(signals) {
      const combined = new AbortSignal(secret);
      const sources = [...signals];
      const aborted = sources.find((signal) => signal.aborted);
      if (aborted !== undefined) AbortSignal[secret](combined, aborted.reason);
      else for (const signal of sources) signal.#dependents.push(combined);
      return combined;
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    get onabort() {
      return this.#onabort;
    }
    set onabort(callback) {
      this.#onabort = typeof callback === "function" ? callback : null;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
    get [Symbol.toStringTag]() {
      return "AbortSignal";
    }
  }

  class AbortController {
    #signal = new AbortSignal(secret);
    get signal() {
      return this.#signal;
    }
    abort(reason) {
      AbortSignal[secret](this.#signal, reason);
    }
    get [Symbol.toStringTag]() {
      return "AbortController";
    }
  }

  return { DOMException, Event, CustomEvent, EventTarget, AbortSignal, AbortController };
});
defineLazily(["DOMException", "Event", "CustomEvent", "EventTarget", "AbortSignal", "AbortController"], webEvents);

function domException(message, name) {
  return new (webEvents().DOMException)(message, name);
}
