"""Modules are linked from memory, and from nothing else."""

from __future__ import annotations

import pytest

from tests.typescript.conftest import Functions, module_set, query

pytestmark = pytest.mark.slow


def load(functions: Functions, **modules: str) -> None:
    """Load ``m.js`` and others; `a__b` is ``a/b.js``."""
    functions.host.load(module_set({f"{name.replace('__', '/')}.js": source for name, source in modules.items()}))


def test_modules_import_each_other_by_relative_paths(functions: Functions) -> None:
    load(
        functions,
        m='import { one } from "./lib/one.js";' + query("return one();"),
        lib__one='import { base } from "../base.js"; export const one = () => base + 1;',
        base="export const base = 41;",
    )
    assert functions.result() == 42


def test_modules_may_import_each_other_in_a_circle(functions: Functions) -> None:
    load(
        functions,
        m='import { b } from "./b.js"; export const a = () => 1;' + query("return b();"),
        b='import { a } from "./m.js"; export const b = () => a() + 1;',
    )
    assert functions.result() == 2


def test_a_module_that_two_others_import_is_evaluated_once(functions: Functions) -> None:
    load(
        functions,
        m='import { a } from "./a.js"; import { b } from "./b.js";' + query("return a === b;"),
        a='import { made } from "./c.js"; export const a = made;',
        b='import { made } from "./c.js"; export const b = made;',
        c="export const made = {};",
    )
    assert functions.result() is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('import "node:fs";', 'Module m.js imports "node:fs": only modules of the app can be imported.'),
        ('import "https://example.com/x.js";', 'imports "https://example.com/x.js": only modules of the app'),
        ('import "file:///etc/passwd";', 'imports "file:///etc/passwd": only modules of the app can be imported.'),
        ('import "/etc/passwd";', 'imports "/etc/passwd": only modules of the app can be imported.'),
        ('import "./missing.js";', "Module m.js imports missing.js, which was not pushed."),
        ('import "../../../etc/passwd";', "Module m.js imports etc/passwd, which was not pushed."),
        ("export const = 1;", "Uncaught SyntaxError: "),
        ('import { no } from "./other.js";', "does not provide an export named 'no'"),
        ("throw new Error('at import');", "Uncaught Error: at import"),
        ("await new Promise(() => {});", "Top-level awaits in source files are unsupported"),
        ("null.x;", "Uncaught TypeError: Cannot read properties of null (reading 'x')"),
    ],
)
def test_what_cannot_be_imported_fails_the_call(functions: Functions, source: str, message: str) -> None:
    load(functions, m=source + query("return 1;"), other="export const yes = 1;")
    error = functions.error()
    assert message in error.message
    assert error.code == "FunctionError"


def test_a_module_that_is_not_there_is_named(functions: Functions) -> None:
    load(functions, other="")
    message = "Couldn't find JavaScript module 'm.js'. Did you forget to run `npx convex dev`?"
    assert functions.error().message == message


def test_top_level_await_of_what_is_there_is_no_problem(functions: Functions) -> None:
    load(functions, m="const x = await Promise.resolve(3);" + query("return x;"))
    assert functions.result() == 3


def test_nothing_is_imported_while_a_function_runs(functions: Functions) -> None:
    load(functions, m=query('await import("./other.js");'), other="")
    assert "Can't dynamically import modules in a query or mutation" in functions.error().message


def test_import_meta_tells_nothing(functions: Functions) -> None:
    load(functions, m=query("return [Object.keys(import.meta), Object.getPrototypeOf(import.meta)];"))
    assert functions.result() == [[], None]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("export const g = 1;", 'Couldn\'t find "f" in module "m.js".'),
        ("export const f = 1;", "Function f is neither a query or mutation."),
        ("export const f = () => 1;", "Did you forget to wrap it with `query` or `mutation`?"),
        (query("return 1;", kind="Mutation"), "Function f is registered as a mutation but is being run as a query."),
        (query("return 1;", kind="Action"), "Function f is neither a query or mutation."),
        ("export const f = { get isQuery() { throw new Error('got'); } };", "Uncaught Error: got"),
        ("export const f = { isQuery: true, get invokeQuery() { throw new Error('got'); } };", "Uncaught Error: got"),
        ("export const f = new Proxy({}, { get() { throw new RangeError('p'); } });", "Uncaught RangeError: p"),
        ("export const f = new Proxy({}, { get() { for (;;); } });", "Function execution timed out"),
        ("export const f = { isQuery: true, invokeQuery: () => 7 };", "must return a string of JSON"),
        ("export const f = { isQuery: true };", "is not a function"),
    ],
)
def test_what_is_no_function_of_that_kind_is_said(functions: Functions, source: str, message: str) -> None:
    load(functions, m=source)
    assert message in functions.error().message


def test_nothing_of_the_database_is_there_at_import(functions: Functions) -> None:
    load(functions, m='Convex.syscall("1.0/queryStream", "{}");' + query("return 1;"))
    assert functions.error().message == "Uncaught Error: Can't use database at import time"


def test_what_is_said_at_import_is_in_the_log_of_every_call(functions: Functions) -> None:
    load(functions, m="console.log('importing');" + query("console.warn('running'); return 1;"))
    for _ in range(3):
        functions.result()
        assert [(line.level, line.text) for line in functions.log_lines] == [
            ("LOG", "'importing'"),
            ("WARN", "'running'"),
        ]


def test_what_is_said_before_an_import_fails_is_in_the_log(functions: Functions) -> None:
    load(functions, m="console.log('before'); throw new Error('no');" + query("return 1;"))
    functions.error()
    assert [line.text for line in functions.log_lines] == ["'before'"]
