// AsyncLocalStorage and AsyncResource, which the bundler makes of `node:async_hooks`.
//
// V8 carries one value from every `await` and `then` to what continues it. The host keeps a number there, which names
// one of the states in `asyncStates`: a map from each AsyncLocalStorage to its store, never changed once made. No number is
// used twice: what an ended call has left behind finds nothing.

const hostGetAsyncState = fromHost(host.getAsyncState);
const hostSetAsyncState = fromHost(host.setAsyncState);

let asyncStates = { __proto__: null };
let asyncStateNumber = 0;

function forgetAsyncStates() {
  asyncStates = { __proto__: null };
}

const asyncContext = once(() => {
  const nothing = new Map();

  const currentState = () => asyncStates[hostGetAsyncState() ?? 0] ?? nothing;
  const enter = (state) => {
    asyncStateNumber += 1;
    asyncStates[asyncStateNumber] = state;
    hostSetAsyncState(asyncStateNumber);
  };
  function runIn(state, callback, self, values) {
    const before = hostGetAsyncState() ?? 0;
    enter(state);
    try {
      return apply(callback, self, values);
    } finally {
      hostSetAsyncState(before);
    }
  }

  class AsyncLocalStorage {
    #defaultValue;
    #name;
    constructor({ defaultValue, name = "" } = {}) {
      this.#defaultValue = defaultValue;
      this.#name = RealString(name);
    }
    get name() {
      return this.#name;
    }
    getStore() {
      const state = currentState();
      return state.has(this) ? state.get(this) : this.#defaultValue;
    }
    run(store, callback, ...values) {
      return runIn(new Map(currentState()).set(this, store), callback, undefined, values);
    }
    exit(callback, ...values) {
      return this.run(undefined, callback, ...values);
    }
    enterWith(store) {
      enter(new Map(currentState()).set(this, store));
    }
    disable() {
      const state = new Map(currentState());
      state.delete(this);
      enter(state);
    }
    static bind(callback) {
      return AsyncResource.bind(callback);
    }
    static snapshot() {
      const state = currentState();
      return (callback, ...values) => runIn(state, callback, undefined, values);
    }
  }

  class AsyncResource {
    #state = currentState();
    #type;
    constructor(type) {
      if (typeof type !== "string") throw new TypeError('The "type" argument must be of type string');
      this.#type = type;
    }
    get type() {
      return this.#type;
    }
    runInAsyncScope(callback, self, ...values) {
      return runIn(this.#state, callback, self, values);
    }
    emitDestroy() {
      return this;
    }
    bind(callback, self) {
      const resource = this;
      return function (...values) {
        return resource.runInAsyncScope(callback, self ?? this, ...values);
      };
    }
    static bind(callback, type = "bound-anonymous-fn", self = undefined) {
      return new AsyncResource(type).bind(callback, self);
    }
  }
  return { AsyncLocalStorage, AsyncResource };
});
defineLazily(["AsyncLocalStorage", "AsyncResource"], asyncContext);
