"""What a push means: which modules it is, and what of it is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.deploy.push_request import StartPush, WaitForSchema, decode_request, pushed_modules
from rtdb.errors import BadRequestError, RtdbError, StalePushError
from rtdb.functions.bundle import EMPTY, replace_typescript
from rtdb.typescript.module_set import ModuleSet, NodeDependency, TypeScriptModule, module_set_of

SEED = "ab" * 32
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)
"""JSON of any shape."""
PATHS = st.sampled_from(
    ["a.js", "b.js", "b/c.js", "d.js", "a.js/e.js", "a.js.map/f.js", "typescript.json/g.js", "../x.js"]
)


def modules_at(paths: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"path": paths, "source": st.text(max_size=8), "environment": st.sampled_from(["isolate", "node"])},
        optional={"sourceMap": st.text(max_size=8)},
    )


HASHES = st.fixed_dictionaries({"path": PATHS, "environment": st.just("isolate"), "sha256": st.just("00")})
APPS = st.fixed_dictionaries(
    {
        "udfServerVersion": st.just("1.48.0"),
        "definition": st.none() | modules_at(st.just("convex.config.js")),
        "changedModules": st.lists(modules_at(PATHS), max_size=3),
    },
    optional={
        "schema": modules_at(st.sampled_from(["schema.js", "a.js"])) | ANYTHING,
        "unchangedModuleHashes": st.lists(HASHES, max_size=1) | ANYTHING,
        "dependencies": st.just([]) | ANYTHING,
    },
)
BODIES = ANYTHING | st.fixed_dictionaries(
    {"appDefinition": APPS}, optional={"nodeVersion": st.none() | ANYTHING, "componentDefinitions": ANYTHING}
)


def request(
    *changed: dict[str, Any],
    unchanged: list[TypeScriptModule] = [],  # noqa: B006  # never changed
    schema: dict[str, Any] | None = None,
    **more: Any,
) -> StartPush:
    app = {
        "definition": sent("convex.config.js", "export default {}"),
        "dependencies": [],
        "schema": schema,
        "changedModules": list(changed),
        "unchangedModuleHashes": [
            {"path": module.path, "environment": module.environment, "sha256": module.sha256} for module in unchanged
        ],
        "udfServerVersion": "1.48.0",
        **more.pop("app", {}),
    }
    whole = {"adminKey": "x", "dryRun": False, "functions": "convex/", "appDefinition": app, **more}
    return decode_request(StartPush, msgspec.json.encode(whole))


def sent(path: str, source: str, environment: str = "isolate", source_map: str | None = None) -> dict[str, Any]:
    module = {"path": path, "source": source, "environment": environment}
    return module if source_map is None else {**module, "sourceMap": source_map}


def modules(asked: StartPush, active: ModuleSet | None = None, seed: str = SEED) -> ModuleSet:
    return pushed_modules(asked, active, import_seed=seed, import_ns=5)


def refused(asked: StartPush, active: ModuleSet | None = None) -> tuple[int, str, str]:
    with pytest.raises(RtdbError) as raised:
        modules(asked, active)
    return raised.value.http_status, raised.value.code, raised.value.message


def test_all_modules_of_a_push_are_one_set_in_order_of_their_paths() -> None:
    pushed = modules(
        request(
            sent("messages.js", "m", source_map="{}"),
            sent("_deps/node/ABC.js", "d", "node"),
            schema=sent("schema.js", "s"),
            nodeDependencies=[{"name": "sharp", "version": "0.33.5"}],
            nodeVersion="22",
        )
    )
    assert [(module.path, module.environment) for module in pushed.modules] == [
        ("_deps/node/ABC.js", "node"),
        ("convex.config.js", "isolate"),
        ("messages.js", "isolate"),
        ("schema.js", "isolate"),
    ]
    assert pushed.by_path["messages.js"].source_map == "{}"
    assert (pushed.server_version, pushed.node_version) == ("1.48.0", "22")
    assert pushed.node_dependencies == (NodeDependency("sharp", "0.33.5"),)


def test_what_has_not_changed_is_taken_from_what_is_active() -> None:
    active = modules(request(sent("a.js", "1", source_map="{}"), sent("b.js", "2"), sent("c.js", "3")))
    pushed = modules(request(sent("b.js", "changed"), unchanged=[active.by_path["a.js"]]), active, "cd" * 32)
    assert pushed.by_path["a.js"] == active.by_path["a.js"]
    assert pushed.by_path["b.js"].source == "changed"
    assert "c.js" not in pushed.by_path, "what a push does not name is gone"
    assert pushed.import_seed == "cd" * 32


def test_pushing_the_same_again_changes_nothing_not_even_the_seed() -> None:
    active = modules(request(sent("a.js", "1")))
    assert modules(request(unchanged=[active.by_path["a.js"]]), active, "cd" * 32) == active


def test_a_hash_that_is_not_of_what_is_active_makes_the_push_begin_again() -> None:
    active = modules(request(sent("a.js", "1")))
    other = TypeScriptModule("a.js", "2", None, "isolate")
    assert refused(request(unchanged=[other]), active)[:2] == (409, "ExistingModuleHashConflict")
    moved = TypeScriptModule("a.js", "1", None, "node")
    assert refused(request(unchanged=[moved]), active)[:2] == (409, "ExistingModuleHashConflict")
    assert refused(request(unchanged=[other]))[:2] == (409, "MissingExistingModule")


@pytest.mark.parametrize(
    "path",
    [
        "my-file.js",
        "../up.js",
        "/etc/x.js",
        "a//b.js",
        "a.ts",
        "a",
        "",
        "_system/x.js",
        "x" * 62 + ".js",
        "a/" * 600 + "b.js",
        "typescript.json",
        "a.js.map",
        "ümlaut.js",
    ],
)
def test_a_module_has_to_have_a_modules_path(path: str) -> None:
    status, code, message = refused(request(sent(path, "")))
    assert (status, code) == (400, "BadConvexModuleIdentifier")
    assert len(message) < 500


def test_a_module_twice_and_one_in_the_wrong_place_are_refused() -> None:
    assert refused(request(sent("a.js", "1"), sent("a.js", "2")))[:2] == (400, "InvalidConfig")
    assert refused(request(schema=sent("other.js", "")))[:2] == (400, "InvalidConfig")


def test_components_are_refused_by_name() -> None:
    component: dict[str, Any] = {
        "definitionPath": "../node_modules/@convex-dev/aggregate",
        "definition": sent("convex.config.js", ""),
        "dependencies": [],
        "schema": None,
        "functions": [],
        "udfServerVersion": "1.48.0",
    }
    status, code, message = refused(request(componentDefinitions=[component]))
    assert (status, code) == (400, "ComponentsNotSupported")
    assert "../node_modules/@convex-dev/aggregate" in message
    assert refused(request(app={"dependencies": ["counter"]}))[1] == "ComponentsNotSupported"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"schemaChange":{}}', b"\xff", b"[" * 100_000])
def test_what_is_no_request_says_what_is_missing(body: bytes) -> None:
    with pytest.raises(RtdbError, match="This push cannot be read") as raised:
        decode_request(WaitForSchema, body)
    assert raised.value.code == "InvalidConfig"


@given(BODIES)
def test_no_request_makes_anything_but_a_refusal_or_a_set_of_modules(asked: Any) -> None:
    """Whatever is sent in the place of whatever. What is taken is what a bundle gives back."""
    try:
        pushed = modules(decode_request(StartPush, msgspec.json.encode(asked)))
        bundle = replace_typescript(EMPTY, pushed.files(), Limits())
    except (BadRequestError, StalePushError):
        return
    assert module_set_of(bundle.files) == pushed


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("../../outside", "1.0.0"),
        ("", "1.0.0"),
        ("a b", "1.0.0"),
        ("ws", "file:/etc"),
        ("ws", "git+ssh://git@example.com/x.git"),
        ("ws", "https://example.com/x.tgz"),
        ("ws", "npm:other@1.0.0"),
        ("ws", "^8.0.0"),
        ("ws", "latest"),
        ("ws", ""),
        ("ws", "1.0.0\n"),
    ],
)
def test_a_package_that_is_not_one_version_of_a_registrys_is_refused(name: str, version: str) -> None:
    asked = request(nodeDependencies=[{"name": name, "version": version}])
    with pytest.raises(BadRequestError, match="nodeDependencies") as refused:
        pushed_modules(asked, None, import_seed=SEED, import_ns=0)
    assert refused.value.code == "InvalidConfig"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("ws", "8.18.0"),
        ("@aws-sdk/client-s3", "3.1.0-beta.2+build.5"),
        ("JSONStream", "1.3.5"),
        ("lodash.get", "4.4.2"),
    ],
)
def test_a_package_is_named_as_registries_name_them(name: str, version: str) -> None:
    asked = request(nodeDependencies=[{"name": name, "version": version}])
    pushed = pushed_modules(asked, None, import_seed=SEED, import_ns=0)
    assert pushed.node_dependencies == (NodeDependency(name, version),)
