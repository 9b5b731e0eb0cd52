"""TypeScript modules as data and as files of a bundle."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.typescript.module_set import ModuleSet, NodeDependency, TypeScriptModule, read_module_set

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def module_set(*modules: TypeScriptModule) -> ModuleSet:
    return ModuleSet(modules=modules, server_version="1.48.0", import_seed="ab" * 32, import_ns=1_700_000_000 * 10**9)


def test_hash_is_of_the_source_and_the_source_map_after_it() -> None:
    assert TypeScriptModule("a.js", "é", "{}", "isolate").sha256 == sha256("é{}".encode()).hexdigest()
    assert TypeScriptModule("a.js", "é", None, "isolate").sha256 == sha256("é".encode()).hexdigest()


@given(TEXT, st.none() | TEXT)
def test_what_is_written_to_a_bundle_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, source: str, source_map: str | None
) -> None:
    """Whatever line ends and characters there are: the hash of a module is of exactly what was pushed."""
    modules = module_set(
        TypeScriptModule("folder/a.js", source, source_map, "node"), TypeScriptModule("schema.js", "", None, "isolate")
    )
    bundle = tmp_path_factory.mktemp("bundle")
    write(bundle, modules.files())
    assert read_module_set(bundle) == modules


def test_everything_that_modules_are_evaluated_with_is_kept(tmp_path: Path) -> None:
    modules = ModuleSet(
        modules=(),
        server_version="1.48.0",
        import_seed="00" * 32,
        import_ns=1,
        node_version="22",
        node_dependencies=(NodeDependency("sharp", "0.33.0"),),
    )
    write(tmp_path, modules.files())
    assert read_module_set(tmp_path) == modules


def test_equal_modules_make_equal_files() -> None:
    a, b = TypeScriptModule("a.js", "1", None, "isolate"), TypeScriptModule("b.js", "2", "{}", "isolate")
    assert module_set(a, b).files() == module_set(b, a).files()


def test_a_bundle_of_another_language_has_no_module_set(tmp_path: Path) -> None:
    (tmp_path / "messages.py").touch()
    assert read_module_set(tmp_path) is None


def write(directory: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_bytes(content)
