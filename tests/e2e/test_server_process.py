"""The server as its operator meets it: starting, stopping, refusing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lmdb

from tests.e2e.conftest import MEMBERPULSE
from tests.e2e.server_process import REPOSITORY, ServerProcess
from tests.storage.damage import damage_pages


def rtdb(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rtdb.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
    )


def test_sigterm_ends_the_server_cleanly_and_the_data_is_in_order(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", MEMBERPULSE) as server:
        assert server.stop() == 0
    checked = rtdb("check", "--data-dir", str(tmp_path / "data"))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_killing_the_outermost_process_leaves_no_child_behind(memberpulse: ServerProcess) -> None:
    assert len(memberpulse.descendants()) >= 4
    memberpulse.kill()
    assert not memberpulse.is_ready()


def test_what_a_killed_server_left_half_written_goes_at_the_next_start(memberpulse: ServerProcess) -> None:
    bundles = memberpulse.data_dir / "bundles"
    [stored] = bundles.iterdir()
    memberpulse.kill()
    for half in (bundles / f".{stored.name}", bundles / "abandoned", memberpulse.data_dir / "node" / ".half"):
        half.mkdir(parents=True)
        (half / "module.py").write_text("half")
    memberpulse.start()
    assert list(bundles.iterdir()) == [stored]
    assert list((memberpulse.data_dir / "node").iterdir()) == []


def test_a_second_server_on_the_same_data_directory_is_refused(memberpulse: ServerProcess) -> None:
    second = rtdb("serve", "--data-dir", str(memberpulse.data_dir), "--port", "0")
    assert second.returncode == 78
    assert f"Another server is using {memberpulse.data_dir}" in second.stderr
    assert memberpulse.is_ready()


def test_a_port_that_is_taken_is_refused(memberpulse: ServerProcess, tmp_path: Path) -> None:
    port = memberpulse.url.rsplit(":", 1)[1]
    second = rtdb("serve", "--data-dir", str(tmp_path / "other"), "--port", port)
    assert second.returncode == 78
    assert port in second.stderr


def test_the_admin_key_survives_a_restart_and_only_its_owner_reads_it(memberpulse: ServerProcess) -> None:
    before = memberpulse.admin_key
    assert (memberpulse.data_dir / "admin.key").stat().st_mode & 0o077 == 0
    assert (memberpulse.data_dir / "instance.secret").stat().st_mode & 0o077 == 0
    memberpulse.stop()
    memberpulse.start()
    assert memberpulse.admin_key == before


def test_functions_are_called_from_the_command_line(memberpulse: ServerProcess) -> None:
    called = rtdb("run", "presence:getOnlineUsers", '{"organizationId": "acme"}', "--url", memberpulse.url)
    assert (called.returncode, called.stdout.strip()) == (0, "[]")


def test_log_lines_of_a_call_go_to_standard_error(laboratory: ServerProcess) -> None:
    called = rtdb("run", "values:logged", "--url", laboratory.url)
    assert (called.stdout, called.stderr) == ('"logged"\n', "[LOG] one 2\n")


def test_an_issued_admin_key_opens_internal_functions(memberpulse: ServerProcess) -> None:
    key = rtdb("admin-key", "--data-dir", str(memberpulse.data_dir)).stdout.strip()
    refused = rtdb("run", "presence:cleanup", "--url", memberpulse.url)
    assert refused.returncode == 1
    assert "Could not find" in refused.stderr
    called = rtdb("run", "presence:cleanup", "--url", memberpulse.url, "--admin-key", key)
    assert (called.returncode, called.stdout.strip()) == (0, "null")


def test_a_data_directory_of_a_newer_format_is_refused(memberpulse: ServerProcess) -> None:
    memberpulse.stop()
    _set_format(memberpulse.data_dir, 99)
    refused = rtdb("serve", "--data-dir", str(memberpulse.data_dir), "--port", "0")
    assert refused.returncode == 78
    assert "newer" in refused.stderr


def _set_format(data_dir: Path, number: int) -> None:
    with (
        lmdb.open(str(data_dir / "db"), max_dbs=8) as environment,
        environment.begin(write=True, db=environment.open_db(b"meta")) as transaction,
    ):
        transaction.put(b"format", number.to_bytes(4, "big"))


def test_damaged_pages_end_the_server_at_once_with_one_sentence(tmp_path: Path) -> None:
    """It was started six times, each with a traceback, before it was given up."""
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir, MEMBERPULSE) as server:
        server.stop()
    damage_pages(data_dir, b'"name":"')
    started = rtdb("serve", "--data-dir", str(data_dir), "--port", "0")
    assert started.returncode == 78
    assert started.stderr.count(f"The database in {data_dir} is damaged") == 1
    assert "Restore the directory from a backup" in started.stderr
    assert "Traceback" not in started.stderr
