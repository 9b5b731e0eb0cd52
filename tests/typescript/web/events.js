// --- listeners
const seen = [];
const target = new EventTarget();
const listener = (event) =>
  seen.push([
    event.type,
    event.target === target,
    event.currentTarget === target,
    event.eventPhase,
    event.detail ?? null,
  ]);
target.addEventListener("a", listener);
target.addEventListener("a", listener);
target.addEventListener("a", {
  handleEvent(event) {
    seen.push([this !== undefined, event.bubbles]);
  },
});
target.addEventListener("b", listener, { once: true });
const results = [
  target.dispatchEvent(new Event("a", { bubbles: true })),
  target.dispatchEvent(new CustomEvent("b", { detail: 5 })),
  target.dispatchEvent(new Event("b")),
];
target.removeEventListener("a", listener);
target.dispatchEvent(new Event("a"));
return [seen, results];
// --- cancelled
const target = new EventTarget();
target.addEventListener("a", (event) => event.preventDefault());
const events = [new Event("a"), new Event("a", { cancelable: true })];
return events.map((event) => [
  target.dispatchEvent(event),
  event.defaultPrevented,
  event.cancelable,
  event.target === target,
  event.currentTarget,
  event.eventPhase,
]);
// --- passive
const target = new EventTarget();
target.addEventListener("a", (event) => event.preventDefault(), { passive: true });
return target.dispatchEvent(new Event("a", { cancelable: true }));
// --- stopped
const seen = [];
const target = new EventTarget();
target.addEventListener("a", (event) => {
  seen.push(1);
  event.stopImmediatePropagation();
});
target.addEventListener("a", () => seen.push(2));
target.dispatchEvent(new Event("a"));
return seen;
// --- removed and added meanwhile
const seen = [];
const target = new EventTarget();
const second = () => seen.push("second");
target.addEventListener("a", () => {
  seen.push("first");
  target.removeEventListener("a", second);
  target.addEventListener("a", () => seen.push("third"));
});
target.addEventListener("a", second);
target.dispatchEvent(new Event("a"));
return seen;
// --- dispatched twice at once
const target = new EventTarget();
let name = null;
const event = new Event("a");
target.addEventListener("a", () => {
  try {
    target.dispatchEvent(event);
  } catch (error) {
    name = error.name;
  }
});
target.dispatchEvent(event);
return [name, target.dispatchEvent(event)];
// --- no event
new EventTarget().dispatchEvent({ type: "a" });
// --- no type
new Event();
// --- events
const event = new CustomEvent("x", { detail: { a: 1 }, composed: true });
return [
  event.type,
  event.detail,
  event.composed,
  event.isTrusted,
  event.composedPath(),
  Event.AT_TARGET,
  String(event),
  event instanceof Event,
];
// --- a signal ends listening
const seen = [];
const target = new EventTarget();
const { signal, abort } = { signal: new AbortController(), abort: null };
target.addEventListener("a", () => seen.push(1), { signal: signal.signal });
target.dispatchEvent(new Event("a"));
signal.abort();
target.dispatchEvent(new Event("a"));
return seen;
// --- abort
const controller = new AbortController();
const { signal } = controller;
const seen = [signal.aborted, signal.reason ?? null];
signal.onabort = (event) => seen.push("onabort", event.type, event.target === signal);
signal.addEventListener("abort", () => seen.push("listener"));
controller.abort();
controller.abort("again");
return [
  ...seen,
  signal.aborted,
  signal.reason.name,
  signal.reason instanceof DOMException,
  controller.signal === signal,
];
// --- abort with a reason
const reasons = [0, "x", null].map((reason) => AbortSignal.abort(reason).reason);
return [reasons, AbortSignal.abort().reason.code, AbortSignal.abort().aborted];
// --- throws if aborted
AbortSignal.abort(new RangeError("mine")).throwIfAborted();
// --- any of them
const one = new AbortController();
const other = new AbortController();
const any = AbortSignal.any([one.signal, other.signal]);
const nested = AbortSignal.any([any]);
const seen = [any.aborted, AbortSignal.any([]).aborted, AbortSignal.any([AbortSignal.abort(7)]).reason];
any.addEventListener("abort", () => seen.push("any"));
nested.addEventListener("abort", () => seen.push("nested"));
other.abort("why");
one.abort("not this");
return [...seen, any.reason, nested.reason];
// --- no constructor
new AbortSignal();
// --- exceptions
const error = new DOMException("what", "NotFoundError");
return [
  error.name,
  error.message,
  error.code,
  error instanceof Error,
  error instanceof DOMException,
  String(error),
  typeof error.stack,
  new DOMException().name,
  new DOMException("x").code,
  new DOMException("x", "Mine").name,
  DOMException.NOT_FOUND_ERR,
  error.DATA_CLONE_ERR,
  Object.prototype.toString.call(error),
  DOMException.INDEX_SIZE_ERR,
  DOMException.URL_MISMATCH_ERR,
  DOMException.NO_MODIFICATION_ALLOWED_ERR,
];
