"""What functions print becomes log lines in the format of Convex's (typescript-runtime §11.1)."""

from __future__ import annotations

import pytest

from tests.typescript.realm_process import RealmProcess


@pytest.mark.parametrize(
    ("method", "level"),
    [("debug", "DEBUG"), ("error", "ERROR"), ("info", "INFO"), ("log", "LOG"), ("warn", "WARN")],
)
def test_every_method_has_its_level(realm: RealmProcess, method: str, level: str) -> None:
    assert realm.run(f"console.{method}('x', 1)").logs == [(level, "'x' 1")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("'it\\'s', \"\\n\"", "'it\\'s' '\\n'"),
        ("'%s and %d', 'a', 1", "'%s and %d' 'a' 1"),
        ("undefined, null, true, -0, NaN, 5n, Symbol('s')", "undefined null true -0 NaN 5n Symbol(s)"),
        ("{}, [], { a: 1 }, [1, 'b']", "{} [] {\n  a: 1\n} [ 1, 'b' ]"),
        ("{ a: { b: 1 } }", "{\n  a: {\n    b: 1\n  }\n}"),
        ("new Date(0)", "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"),
        ("/a/g, function f() {}, class A {}", "/a/g [Function: f] [Function: A]"),
        ("new Map([[1, { a: 2 }]]), new Set(['x'])", "Map (1) {\n  1 => {\n    a: 2\n  }\n} Set (1) {\n  'x'\n}"),
        ("new Error('e')", "[Error: e]"),
        ("Promise.resolve(1)", "Promise [Promise] {}"),
        ("new (class Thing { x = 1 })()", "Thing {\n  x: 1\n}"),
        ("{ inspect: () => 'mine' }", "mine"),
        ("process.env", "[process.env]"),
        ("new URL('http://a/b'), new Headers()", None),
    ],
)
def test_arguments_are_shown_as_object_inspect_shows_them(realm: RealmProcess, source: str, text: str | None) -> None:
    (line,) = realm.run(f"console.log({source})").logs
    if text is not None:
        assert line == ("LOG", text)


def test_a_trace_ends_with_the_places_it_came_through(realm: RealmProcess) -> None:
    (line,) = realm.run("function inner() { console.trace('here', 1); } inner();").logs
    level, text = line
    assert level == "LOG"
    assert text.startswith("'here' 1 Error\n    at inner (convex:/snippet.js:1:")
    assert "realm.js" not in text


def test_timers_say_how_long_it_took(realm: RealmProcess) -> None:
    """The harness's clock goes on by one millisecond whenever it is looked at."""
    logs = realm.run("""
        console.time(); console.time("a"); console.time("a");
        console.timeLog("a", "so far", 2); console.timeEnd("a"); console.timeEnd("a");
        console.timeLog("b"); console.timeEnd();""").logs
    assert logs == [
        ("WARN", "Timer 'a' already exists"),
        ("INFO", "a: 1ms 'so far' 2"),
        ("INFO", "a: 2ms"),
        ("WARN", "Timer 'a' does not exist"),
        ("WARN", "Timer 'b' does not exist"),
        ("INFO", "default: 4ms"),
    ]


def test_there_are_no_other_methods(realm: RealmProcess) -> None:
    names = ["debug", "error", "info", "log", "time", "timeEnd", "timeLog", "trace", "warn"]
    assert realm.value("return Object.keys(console).sort()") == names


def test_a_long_string_is_cut_by_the_inspection(realm: RealmProcess) -> None:
    (line,) = realm.run("console.log('x'.repeat(40000))").logs
    assert line[1] == "'" + "x" * 32768 + "'... 7232 more characters"
