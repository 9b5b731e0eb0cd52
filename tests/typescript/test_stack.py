"""Stacks are shown in the author's files, without what belongs to the machinery."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.typescript.host import Host
from rtdb.typescript.stack import SourceMaps
from tests.typescript.bundling import bundle_typescript
from tests.typescript.conftest import Functions, module_set, query
from tests.typescript.test_source_map import encoded

# Line n of the module comes from line 10 n of users.ts.
USERS = '{"version":3,"sources":["../convex/users.ts"],"mappings":"AAAA' + f";{encoded(0, 0, 10, 4)}" * 3 + '"}'
LIBRARY = (
    '{"version":3,"sources":["../node_modules/convex/src/server/impl/registration_impl.ts"],"mappings":"AAAA;AAAA"}'
)


@pytest.fixture
def maps() -> SourceMaps:
    return SourceMaps(
        module_set({"users.js": "", "_deps/L.js": "", "plain.js": ""}, {"users.js": USERS, "_deps/L.js": LIBRARY})
    )


def test_frames_are_in_the_authors_files(maps: SourceMaps) -> None:
    stack = """Error: no such user
    at findUser (convex:/users.js:2:11)
    at async handler (convex:/users.js:3:1)
    at convex:/users.js:4:7"""
    assert maps.frames(stack, 32) == (
        "    at findUser (../convex/users.ts:11:5)\n"
        "    at async handler (../convex/users.ts:21:9)\n"
        "    at ../convex/users.ts:31:13\n"
    )


def test_frames_of_the_machinery_are_left_out_at_both_ends(maps: SourceMaps) -> None:
    stack = """Error: x
    at performSyscall (convex:/_deps/L.js:1:1)
    at findUser (convex:/users.js:2:11)
    at invokeFunction (convex:/_deps/L.js:1:1)
    at handler (convex:/users.js:2:11)
    at async invokeFunction (convex:/_deps/L.js:2:1)
    at Script.#runInContext (ext:deno_node/vm.js:1:2887)
    at async Host.run (file:///usr/lib/rtdb/typescript/javascript/host.js:32:22)
    at rtdb:guest.js:7:1"""
    assert maps.frames(stack, 32) == (
        "    at findUser (../convex/users.ts:11:5)\n"
        "    at invokeFunction (../node_modules/convex/src/server/impl/registration_impl.ts:1:1)\n"
        "    at handler (../convex/users.ts:11:5)\n"
    )


def test_a_module_without_a_source_map_has_no_frames(maps: SourceMaps) -> None:
    assert maps.frames("Error\n    at f (convex:/plain.js:1:1)\n    at f (convex:/no.js:1:1)", 32) == ""


def test_a_deep_stack_is_cut(maps: SourceMaps) -> None:
    stack = "RangeError: Maximum call stack size exceeded" + "\n    at f (convex:/users.js:2:1)" * 100
    assert maps.frames(stack, 3).count("\n") == 3


@pytest.mark.parametrize(
    "stack",
    [
        "",
        "not a stack",
        "    at f (convex:/users.js:0:0)",
        "    at f (convex:/users.js:99999999999999999999:1)",
        "    at f (convex:/users.js:-1:1)",
        "    at f (convex:/../../etc/passwd:1:1)",
    ],
)
def test_a_stack_that_somebody_made_up_shows_nothing(maps: SourceMaps, stack: str) -> None:
    assert maps.frames(stack, 32) == ""


def test_frames_that_are_in_the_authors_files_already_stay(maps: SourceMaps) -> None:
    stack = """Error: x
    at run (../node_modules/convex/src/server/impl/registration_impl.ts:7:1)
    at handler (../convex/users.ts:12:9)
    at ../convex/users.ts:30:1"""
    assert maps.frames(stack, 32) == "    at handler (../convex/users.ts:12:9)\n    at ../convex/users.ts:30:1\n"


@pytest.mark.slow
def test_an_apps_code_reads_stacks_in_its_own_files(host: Host) -> None:
    """Every frame, at every depth: compared with what the map in Python says of the same places."""
    source = """
        import { query } from "./_generated/server";
        const deep = (n: number): string => (n === 0 ? String(new Error("deep").stack) : deep(n - 1));
        class Made {
            stack: string;
            constructor() {
                this.stack = deep(2);
            }
        }
        export const read = query({ args: {}, handler: async () => {
            await null;
            return [new Made().stack, await Promise.resolve().then(() => deep(0)), [1].map(() => deep(0))[0]];
        } });
    """
    modules = bundle_typescript({"m": source})
    unmapped = msgspec.structs.replace(
        modules, modules=tuple(msgspec.structs.replace(each, source_map=None) for each in modules.modules)
    )
    maps = SourceMaps(modules)
    stacks = []
    for each in (modules, unmapped):
        host.load(each)
        functions = Functions(host)
        stacks.append(functions.result("read"))
    for mapped, generated in zip(*stacks, strict=True):
        lines = [line for line in mapped.split("\n")[1:] if "convex:/" not in line]
        assert "".join(f"{line}\n" for line in lines if "server/impl" not in line) == maps.frames(generated, 100)
        assert "../convex/m.ts:3:" in mapped
    host.load(modules)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"mappings":"!","sources":[]}', '{"mappings":";;AAAA","sources":[7]}']
)
def test_a_map_that_is_none_leaves_stacks_as_they_are(host: Host, text: str) -> None:
    host.load(module_set({"m.js": query("return new Error('x').stack;")}, {"m.js": text}))
    assert "convex:/m.js:" in Functions(host).result()


@pytest.mark.slow
def test_a_real_error_is_shown_where_it_was_thrown(functions: Functions) -> None:
    source = "const helper = () => { throw new TypeError('deep'); };\n" + query("helper();").lstrip()
    body = source[: source.index("helper();")].count("\n")
    lines = ";".join([encoded(0, 0, 0, 0), *[encoded(0, 0, 1, 0)] * source.count("\n")])
    maps = {"m.js": f'{{"version":3,"sources":["../convex/m.ts"],"mappings":"{lines}"}}'}
    functions.host.load(module_set({"m.js": source}, maps))
    error = functions.error()
    assert error.message == "Uncaught TypeError: deep"
    first, second, *_ = error.frames.splitlines()
    assert first == "    at helper (../convex/m.ts:1:1)"
    assert second.endswith(f"(../convex/m.ts:{body + 1}:1)") or second == f"    at ../convex/m.ts:{body + 1}:1"
    assert "file:" not in error.frames
    assert "ext:" not in error.frames
