"""Random functions that do what nobody would: they replace what the language and the web are made of, call everything
with anything, and return or throw the rest."""

from __future__ import annotations

import re
from random import Random

from tests.typescript.conftest import query

__all__ = ["hostile_program"]

VALUES = """
1 | 'x' | null | undefined | Symbol('s') | 5n | ({}) | [] | NaN | -0 | new Error('e') | new Proxy({}, traps)
new Proxy(function () {}, traps) | Object.create(null) | new Map([[1, 2]])
(function () { throw 7; }) | (async () => {}) | Promise.reject(3) | new Promise(() => {}) | globalThis
({ then(resolve) { resolve(1); } }) | ({ then() { throw 4; } })
({ get a() { throw 5; } }) | ({ toString() { throw 6; } }) | ({ [Symbol.toPrimitive]() { return {}; } }) | new Date(NaN)
new Uint8Array(10) | new ArrayBuffer(10, { maxByteLength: 100 }) | 'y'.repeat(1e6)
Convex | Convex.syscall | import('x') | new WeakRef({})
(() => { const a = []; a[0] = a; return a; })() | Object.freeze([1])
new (class extends Promise {})((r) => r(1)) | new AbortController().signal | AbortSignal.abort()
new ReadableStream({ pull(c) { c.enqueue(1); } }) | new Response('x')
crypto | Temporal | new URL('http://a') | new Blob(['x']) | structuredClone | (() => { throw null; }) | (() => 1)
"""

TARGETS = """
Promise.prototype.then | Promise.prototype.constructor | Array.prototype.push | Array.prototype[Symbol.iterator]
JSON.stringify | JSON.parse | Object.prototype.then | Object.prototype.toJSON | Object.prototype.get
Object.prototype.value | Function.prototype.call | Function.prototype.apply | String.prototype.slice
Error.prototype.name | Error.prototype.message | globalThis.Promise | globalThis.Error | globalThis.Object
globalThis.String | Error.stackTraceLimit | Error.prepareStackTrace | Map.prototype.get | Map.prototype.set
globalThis.Convex | Date.now | Reflect.apply | globalThis.console | Object.prototype.code | Object.prototype.stack
Promise.resolve | Object.prototype[0] | Array.prototype[0] | Object.prototype.constructor | globalThis.TypeError
"""

CALLS = """
console.log(V) | Convex.syscall(V, V) | Convex.syscall('echo', '{"a":1}') | await Convex.asyncSyscall(V, V)
await Convex.asyncSyscall('echo', '1') | Convex.jsSyscall(V, V) | new URL(V, V) | new URLSearchParams(V)
structuredClone(V) | new Headers(V) | new Request(V, V) | new Response(V, V) | new Blob(V, V) | btoa(V) | atob(V)
new FormData().append(V, V) | new TextDecoder(V).decode(V) | new TextEncoder().encodeInto(V, V)
await crypto.subtle.digest(V, V) | await crypto.subtle.importKey(V, V, V, V, V) | crypto.getRandomValues(V)
new Event(V, V) | new EventTarget().addEventListener(V, V, V) | AbortSignal.any(V) | setTimeout(V) | fetch(V)
process.env[V] | performance.mark(V, V) | performance.measure(V, V, V) | new AsyncLocalStorage(V).run(V, V)
AsyncResource.bind(V) | new Date(V) | Temporal.Now.plainDateISO(V) | new Intl.DateTimeFormat(V).format(V) | await (V)
Promise.reject(V) | new ReadableStream(V, V) | for await (const x of (V)) break | new WeakRef(V)
Error.captureStackTrace(V) | new DOMException(V, V) | console.time(V) | console.trace(V) | await import(V) | (V)()
await new Response(V).text() | await new Blob([V]).arrayBuffer() | new File(V, V, V) | new TransformStream(V)
await new ReadableStream({ start(c) { c.enqueue(V); c.close(); } }).pipeTo(new WritableStream(V))
"""

TRAPS = ["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "apply", "construct", "set"]
TRAP_BODIES = ["() => { throw 1; }", "undefined", "() => null", "() => true", "() => ({})"]


def _choices(text: str) -> list[str]:
    return [choice.strip() for choice in re.split(r" \| |\n", text.strip())]


_VALUES, _TARGETS, _CALLS = _choices(VALUES), _choices(TARGETS), _choices(CALLS)


def _call(random: Random) -> str:
    return re.sub(r"\bV\b", lambda _: random.choice(_VALUES), random.choice(_CALLS))


def _statement(random: Random) -> str:
    call = _call(random)
    return random.choice(
        [
            f"try {{ {call}; }} catch (error) {{ console.log(error); }}",
            f"try {{ {call}; }} catch {{}}",
            f"await (async () => {{ {call}; }})().catch(() => {{}});",
            f"later.push(async () => {{ {call}; }});",
            f"{call};",
            f"return {random.choice(_VALUES)};",
            f"throw {random.choice(_VALUES)};",
        ]
    )


def _replacement(random: Random) -> str:
    value = random.choice([*_VALUES, "() => { throw 1; }", "function () { return this; }"])
    return f"try {{ {random.choice(_TARGETS)} = {value}; }} catch {{}}"


def hostile_program(random: Random) -> str:
    """Return a module with a query ``f``."""
    traps = ", ".join(f"{name}: {random.choice(TRAP_BODIES)}" for name in random.sample(TRAPS, 4))
    replacements = [_replacement(random) for _ in range(random.choice([0, 0, 1, 2, 4]))]
    at_import = "\n".join(replacements) if random.random() < 0.3 else ""
    body = [
        "const later = [];",
        *([] if at_import else replacements),
        *(_statement(random) for _ in range(random.randrange(1, 8))),
        "for (const each of later) each();",
    ]
    return f"const traps = {{ {traps} }};\n{at_import}\n" + query("\n".join(body))
