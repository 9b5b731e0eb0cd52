"""What every query and mutation written in TypeScript finds in its context: typescript-runtime §11."""

from __future__ import annotations

import pytest

from tests.typescript.realm_process import NOW, ORIGIN, RealmProcess

ACTIONS_ONLY = "Please consider using an action. See https://docs.convex.dev/functions/actions for more details."


def test_time_stands_still_at_the_moment_of_the_execution(realm: RealmProcess) -> None:
    source = """
        const formatted = new Intl.DateTimeFormat("en", { dateStyle: "full" });
        return [Date.now(), new Date().getTime(), Date(), new Date() instanceof Date, new Date(0).toISOString(),
                Date.UTC(2020, 1), Date.length, Date.name, new Date().constructor === Date, formatted.format(),
                formatted.formatToParts().map((part) => part.value).join(""),
                Temporal.Now.instant().epochMilliseconds]"""
    moment = "Tuesday, November 14, 2023"
    assert realm.value(source) == [
        NOW,
        NOW,
        "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
        True,
        "1970-01-01T00:00:00.000Z",
        1580515200000,
        7,
        "Date",
        True,
        moment,
        moment,
        NOW,
    ]


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        ("Date.now()", True),
        ("new Date()", True),
        ("new Event('a').timeStamp", True),
        ("new File([], 'a').lastModified", True),
        ("performance.now()", True),
        ("Temporal.Now.instant()", True),
        ("new Date(5); new Date('2020-01-01'); Temporal.PlainDate.from('2020-01-01')", False),
        (
            "new AbortController().abort(); new File([], 'a'); Math.random(); console.time(); performance.timeOrigin",
            False,
        ),
    ],
)
def test_only_who_looks_at_the_clock_has_looked_at_it(realm: RealmProcess, source: str, looks: bool) -> None:
    assert (realm.run(source).looks_at_clock > 0) is looks


def test_subclasses_of_date_are_dates(realm: RealmProcess) -> None:
    source = """
        class Day extends Date { day() { return this.getUTCDate(); } }
        const today = new Day(); return [today.day(), today instanceof Day]"""
    assert realm.value(source) == [14, True]


def test_locale_and_timezone_are_those_of_no_place(realm: RealmProcess) -> None:
    source = """
        const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
        return [locale, timeZone, (1234.5).toLocaleString()]"""
    assert realm.value(source) == ["en-US", "UTC", "1,234.5"]


def test_equal_seeds_give_equal_randomness_and_others_do_not(realm: RealmProcess) -> None:
    source = (
        "return [Math.random(), Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(9))]]"
    )
    first = realm.value(source)
    assert first == realm.value(source)
    other = realm.value(source, seed=[1, 2, 3, 4, 5, 6, 7, 9])
    assert all(one != another for one, another in zip(first, other, strict=True))
    assert 0 <= first[0] < 1
    assert first[2][14] == "4"
    assert first[2][19] in "89ab"


def test_randomness_is_the_block_function_of_chacha(realm: RealmProcess) -> None:
    """Against a known answer: ChaCha12 with a key of zeros (draft-strombergson-chacha-test-vectors, TC1)."""
    source = "return crypto.getRandomValues(new Uint8Array(16)).toHex()"
    assert realm.value(source, seed=[0] * 8) == "9bf49a6a0755f953811fce125f2683d5"


def test_random_numbers_are_spread_evenly(realm: RealmProcess) -> None:
    source = (
        "const n = new Array(10).fill(0); for (let i = 0; i < 20000; i++) n[Math.floor(Math.random() * 10)]++; return n"
    )
    assert all(1800 < count < 2200 for count in realm.value(source))


@pytest.mark.parametrize("phase", ["query", "mutation", "import"])
def test_performance_counts_from_the_import(realm: RealmProcess, phase: str) -> None:
    times = realm.value("return [performance.now(), performance.now(), performance.timeOrigin]", phase=phase)
    match phase:
        case "query":
            assert times == [NOW - ORIGIN, NOW - ORIGIN, ORIGIN]
        case "mutation":
            assert times[0] < times[1]
        case _:
            assert times[:2] == [0, 0]


def test_what_depends_on_threads_or_the_collector_is_absent(realm: RealmProcess) -> None:
    names = ["WebAssembly", "SharedArrayBuffer", "Atomics", "queueMicrotask", "window", "Deno", "require", "Buffer"]
    assert realm.value(f"return {names}.filter((name) => name in globalThis)") == []
    assert realm.value("return new WeakRef({ a: 1 }).deref().a") == 1
    assert realm.value("return new FinalizationRegistry(() => {}).unregister({})") is False


def test_code_is_never_made_of_strings(realm: RealmProcess) -> None:
    for source in ("eval('1')", "new Function('1')", "(async () => {}).constructor('1')"):
        assert realm.error(source).startswith("EvalError: Code generation from strings disallowed")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("setTimeout(() => {}, 1)", "setTimeout"),
        ("setInterval(() => {}, 1)", "setInterval"),
        ("await fetch('https://example.com')", "fetch()"),
        ("AbortSignal.timeout(5)", "AbortSignal.timeout()"),
        ("await new Response('a=b').formData()", "formData()"),
        ("Convex.jsSyscall('storage/storeBlob', {})", "storage.store()"),
        ("Convex.jsSyscall('storage/getBlob', {})", "storage.get()"),
        ("await crypto.subtle.generateKey('Ed25519', true, ['sign'])", "cryptographic randomness"),
    ],
)
def test_what_only_actions_can_do_says_so(realm: RealmProcess, source: str, what: str) -> None:
    for phase in ("query", "mutation"):
        assert realm.error(source, phase=phase) == f"Error: Can't use {what} in queries and mutations. {ACTIONS_ONLY}"
    at_import = realm.error(source, phase="import")
    if what == "cryptographic randomness":
        assert at_import == "Error: Cannot use cryptographic randomness at import time"
    else:
        assert at_import == f"Error: {what} unsupported at import time"


def test_an_unknown_js_syscall_ends_the_execution_whatever_is_caught(realm: RealmProcess) -> None:
    ran = realm.run("try { Convex.jsSyscall('nonsense', {}) } catch {} return 1")
    assert ran.aborted == ["Unknown JS syscall: nonsense"]


def test_environment_variables_are_read_by_name_and_cannot_be_listed(realm: RealmProcess) -> None:
    source = """process.env.KEY = "other";
        return [process.env.KEY, process.env.ABSENT ?? null, Object.keys(process.env), Object.keys(process)]"""
    assert realm.value(source, variables={"KEY": "value"}) == ["value", None, [], ["env"]]


def test_syscalls_answer_with_strings_and_fail_with_message_and_data(realm: RealmProcess) -> None:
    assert realm.value("return [Convex.syscall('echo', '[1]'), await Convex.asyncSyscall('echo', '[2]')]") == [
        "[1]",
        "[2]",
    ]
    caught = "(error) => [error instanceof Error, error.message, error.data]"
    assert realm.value(f"try {{ Convex.syscall('no', '') }} catch (e) {{ return ({caught})(e) }}") == [True, "no", 7]
    assert realm.value(f"return Convex.asyncSyscall('no', '').catch({caught})") == [True, "no", {"a": 1}]


def test_asynchronous_context_follows_awaits(realm: RealmProcess) -> None:
    source = """
        const storage = new AsyncLocalStorage(); const seen = [];
        const see = (name) => seen.push(storage.getStore() + name);
        const work = async (name) => { await 0; see(name); await null; see(name) };
        const nothing = storage.run(3, () => storage.exit(work, "c"));
        await Promise.all([storage.run(1, work, "a"), storage.run(2, work, "b"), nothing]);
        const snapshot = storage.run(4, () => AsyncLocalStorage.snapshot());
        const bound = storage.run(5, () => AsyncResource.bind(() => storage.getStore()));
        storage.enterWith(6); await 0;
        return [seen, storage.getStore(), snapshot(() => storage.getStore()), bound()]"""
    assert realm.value(source) == [["undefinedc", "1a", "2b"] * 2, 6, 4, 5]
    assert realm.value("return new AsyncLocalStorage().getStore() ?? 'nothing'") == "nothing"
