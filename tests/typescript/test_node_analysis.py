"""What becomes of modules for Node that do not let themselves be looked into."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.typescript.analysis import AnalysisError
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule
from rtdb.typescript.node_analysis import analyze_node_modules
from rtdb.typescript.node_app import NodeApp, NodeApps, node_app_of
from tests.e2e.official_client import node_executable

pytestmark = pytest.mark.slow

SOCKET = 'import { writeSync } from "node:fs"; const socket = Number(process.argv[2]);'
"""The code of a module can write where our own code does."""
FINE = "export const fine = Object.assign(() => null, { isAction: true, isPublic: true, isRegistered: true });"


def prepare(data_dir: Path, source: str) -> tuple[NodeApp, ModuleSet]:
    """Have a module ready for Node."""
    modules = ModuleSet(
        modules=(TypeScriptModule("mail.js", source, None, "node"),),
        server_version="1.48.0",
        import_seed="5a" * 32,
        import_ns=0,
    )
    bundle = data_dir / "bundles" / "a"
    bundle.mkdir(parents=True)
    for file, content in modules.files().items():
        (bundle / file).write_bytes(content)
    NodeApps(data_dir, Path(node_executable()), Limits()).prepare(bundle)
    return node_app_of(bundle, modules), modules


def test_modules_that_are_never_imported_are_given_up_also_when_they_say_so(tmp_path: Path) -> None:
    app, modules = prepare(tmp_path, "setInterval(() => console.log('still here'), 50); await new Promise(() => {});")
    began = time.monotonic()
    limits = Limits(typescript_start_seconds_max=2.0, typescript_analysis_seconds_max=1.0)
    with pytest.raises(AnalysisError, match=r'Failed to analyze the modules that say "use node": .*3 s'):
        analyze_node_modules(app, modules, {}, limits)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "said",
    [
        "[5, 0, 0, 0], 'hello'",
        "[3, 0, 0, 0], '[]\\n'",
        "[3, 0, 0, 0], '{}\\n'",
        "[255, 255, 255, 255], 'x'",
        """[27, 0, 0, 0], '{"type": "analyzed"}\\n[1, 2]'""",
        """[22, 0, 0, 0], '{"type": "analyzed"}\\n{'""",
    ],
)
def test_what_node_must_not_say_is_the_error_of_the_push(tmp_path: Path, said: str) -> None:
    head, text = said.split("], ", 1)
    write = f"writeSync(socket, new Uint8Array({head}])); writeSync(socket, {text});"
    app, modules = prepare(tmp_path, f"{SOCKET} {write} await new Promise(() => setInterval(() => {{}}, 1000));")
    limits = Limits(typescript_start_seconds_max=2.0, typescript_analysis_seconds_max=1.0)
    with pytest.raises(AnalysisError, match='Failed to analyze the modules that say "use node"'):
        analyze_node_modules(app, modules, {}, limits)


def test_a_node_that_is_gone_is_the_error_of_the_push(tmp_path: Path) -> None:
    app, modules = prepare(tmp_path, FINE)
    (app.directory / "prepared.json").write_text('{"node": "/nowhere/node", "version": "22.1.0"}')
    with pytest.raises(AnalysisError, match="/nowhere/node"):
        analyze_node_modules(app, modules, {}, Limits())


@pytest.mark.parametrize("torn", ["", "[{", '[{"path": "other.js"}]'])
def test_what_was_found_and_cannot_be_read_is_looked_up_again(tmp_path: Path, torn: str) -> None:
    app, modules = prepare(tmp_path, FINE)
    app.analysis.write_text(torn)
    for _ in range(2):
        [analyzed] = analyze_node_modules(app, modules, {}, Limits())
        assert [function.name for function in analyzed.functions] == ["fine"]
