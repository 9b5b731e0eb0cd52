// AsyncLocalStorage and AsyncResource, which the bundler makes of `node:async_hooks`.
//
// V8 carries one value from every `await` and `then` to what continues it. The host keeps a number there, which names
// one of the states in `asyncStates`: a map from each AsyncLocalStorage to its store, never changed once made.

const hostGetAsyncState = fromHost(host.getAsyncState);
const hostSetAsyncState = fromHost(host.setAsyncState);

const asyncContext = once(() => {
  const states = [new Map()];

  const currentState = () => states[hostGetAsyncState() ?? 0] ?? states[0];
  const enter = (state) => {
    states.push(state);
    hostSetAsyncState(states.length - 1);
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
