"""What Node needs of an app: which Node, which modules, which packages."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.typescript.deno import SCRIPTS
from rtdb.typescript.module_set import ModuleSet, NodeDependency, TypeScriptModule
from rtdb.typescript.node import find_node
from rtdb.typescript.node_app import NodeApps, node_app_of
from tests.e2e.official_client import node_executable
from tests.waiting import wait_until

SOURCE = "export const f = 1;"


def write_bundle(data_dir: Path, name: str, path: str = "mail.js", **fields: object) -> tuple[Path, ModuleSet]:
    """Write a bundle with a module for Node where a server has its bundles."""
    modules = ModuleSet(
        modules=(TypeScriptModule(path, f"{SOURCE} // {name}", None, "node"),),
        server_version="1.48.0",
        import_seed="5a" * 32,
        import_ns=0,
        **fields,  # type: ignore[arg-type]  # the tests name fields that there are
    )
    bundle = data_dir / "bundles" / name
    bundle.mkdir(parents=True)
    for file, content in modules.files().items():
        (bundle / file).write_bytes(content)
    return bundle, modules


def fake_node(directory: Path, says: str) -> Path:
    path = directory / "node"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


def test_a_node_that_is_too_old_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match=r"has version 18\.20\.0") as refused:
        find_node(fake_node(tmp_path, "v18.20.0"), None)
    assert refused.value.code == "NodeActionsNotSupported"


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_node_that_cannot_be_run_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(BadRequestError, match="cannot be run as") as refused:
        find_node(tmp_path / path, None)
    assert refused.value.code == "NodeActionsNotSupported"


@pytest.mark.parametrize("wanted", ["18", "24", "x", "²", "٢٠", "9" * 5000])
def test_a_version_that_the_server_does_not_have_is_refused(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(BadRequestError, match="Ask for one from 20 to 22") as refused:
        find_node(fake_node(tmp_path, "v22.1.0"), wanted)
    assert refused.value.code == "NodeVersionNotSupported"


@pytest.mark.parametrize("version", ["v", "v2x.1.0", "v²", "vv20.1.0"])
def test_a_node_that_does_not_say_its_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(BadRequestError, match="has version") as refused:
        find_node(fake_node(tmp_path, version), None)
    assert refused.value.code == "NodeActionsNotSupported"


def test_a_later_node_than_the_app_asks_for_will_do(tmp_path: Path) -> None:
    assert find_node(fake_node(tmp_path, "v22.1.0"), "20").version == "22.1.0"


def test_modules_lie_where_node_finds_them_until_no_bundle_needs_them(tmp_path: Path) -> None:
    apps = NodeApps(tmp_path, Path(node_executable()), Limits())
    bundle, modules = write_bundle(tmp_path, "a")
    other, other_modules = write_bundle(tmp_path, "b")
    app, other_app = node_app_of(bundle, modules), node_app_of(other, other_modules)
    apps.prepare(bundle)
    apps.prepare(bundle)
    apps.prepare(other)
    assert app.executable() == Path(node_executable()).resolve()
    assert (app.modules / "mail.js").read_text().startswith(SOURCE)
    apps.collect([other])
    assert not app.directory.exists()
    assert other_app.directory.exists()


def test_what_is_evaluated_by_the_server_itself_is_not_for_node(tmp_path: Path) -> None:
    bundle, _ = write_bundle(tmp_path, "a", "http.js")
    with pytest.raises(BadRequestError, match=r'"use node" is not allowed in http\.js'):
        NodeApps(tmp_path, Path(node_executable()), Limits()).prepare(bundle)


def test_an_app_without_such_modules_needs_no_node(tmp_path: Path) -> None:
    bundle = tmp_path / "bundles" / "python"
    bundle.mkdir(parents=True)
    NodeApps(tmp_path, tmp_path / "nowhere", Limits()).prepare(bundle)


def fake_npm(directory: Path, script: str) -> Path:
    """Return a Node whose npm is this shell script."""
    directory.mkdir()
    npm = directory / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    return fake_node(directory, "v22.1.0")


def is_running(pid_file: Path) -> bool:
    """Return whether the process whose number was written there still runs: not as a zombie that nobody waits for."""
    try:
        status = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_npm_that_takes_too_long_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    node = fake_npm(tmp_path / "bin", f"sleep 300 &\necho $! > {pid}.new; mv {pid}.new {pid}; wait")
    bundle, _ = write_bundle(tmp_path, "a", node_dependencies=(NodeDependency("ws", "8.18.0"),))
    began = time.monotonic()
    with pytest.raises(BadRequestError, match="npm took longer than 1 s"):
        NodeApps(tmp_path, node, Limits(node_install_seconds_max=1.0)).prepare(bundle)
    assert time.monotonic() - began < 20
    wait_until(lambda: not is_running(pid))


def test_npm_ends_with_the_server_that_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    node = fake_npm(tmp_path / "bin", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 300")
    bundle, _ = write_bundle(tmp_path, "a", node_dependencies=(NodeDependency("ws", "8.18.0"),))
    prepare = (
        "import sys; from pathlib import Path; from rtdb.config import Limits; "
        "from rtdb.typescript.node_app import NodeApps; "
        "NodeApps(*map(Path, sys.argv[1:3]), Limits()).prepare(Path(sys.argv[3]))"
    )
    with subprocess.Popen([sys.executable, "-c", prepare, str(tmp_path), str(node), str(bundle)]) as server:
        wait_until(pid.exists)
        server.kill()
    wait_until(lambda: not is_running(pid))


@pytest.mark.slow
def test_packages_that_cannot_be_installed_say_why_and_leave_nothing(tmp_path: Path) -> None:
    bundle, modules = write_bundle(tmp_path, "a", node_dependencies=(NodeDependency("ws", "0.0.0-never"),))
    with pytest.raises(BadRequestError, match=r"could not be installed: (?s:.*)ws@0\.0\.0-never") as refused:
        NodeApps(tmp_path, Path(node_executable()), Limits()).prepare(bundle)
    assert refused.value.code == "NodePackagesNotInstalled"
    assert not node_app_of(bundle, modules).directory.exists()


@pytest.mark.slow
def test_packages_have_a_limit_on_disk(tmp_path: Path) -> None:
    bundle, _ = write_bundle(tmp_path, "a", node_dependencies=(NodeDependency("ws", "8.18.0"),))
    apps = NodeApps(tmp_path, Path(node_executable()), Limits(node_packages_bytes_max=1000))
    with pytest.raises(BadRequestError, match=r"and 1000 are allowed \(node_packages_bytes_max\)"):
        apps.prepare(bundle)


@pytest.mark.parametrize(
    "newer",
    ["Promise.withResolvers", "Promise.try", "Array.fromAsync", "Map.groupBy", "Object.groupBy", "RegExp.escape"],
)
def test_what_node_runs_of_ours_is_known_to_node_20(newer: str) -> None:
    """An action waited for the server by Promise.withResolvers, which Node has since 22: none ran in Node 20."""
    for script in [SCRIPTS / "action_host.js", *(SCRIPTS / "actions").glob("*.js")]:
        assert f"{newer}(" not in script.read_text(), script
