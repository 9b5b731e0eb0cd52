"""A large file goes in and out, and no process of the server grows with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.e2e.conftest import LABORATORY
from tests.e2e.file_server import FileServer
from tests.e2e.server_process import ServerProcess

MIB = 1 << 20
GROWTH_BYTES_MAX = 50 * MIB
PIECE = Random(1).randbytes(4 * MIB)


def content(megabytes: int) -> Iterator[bytes]:
    """Yield so much, no two pieces of it alike."""
    for number in range(megabytes // 4):
        yield number.to_bytes(8) + PIECE[8:]


def status(pid: int, field: str) -> int:
    """Return a size in /proc/PID/status, in bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


class Peaks:
    """How much each process of a server has grown, at most, since this was made."""

    def __init__(self, server: ServerProcess) -> None:
        self._names = server.descendants()
        self._before = {pid: status(pid, "VmRSS") for pid in self._names}
        for pid in self._names:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew

    def growth(self) -> dict[str, int]:
        grown = {pid: status(pid, "VmHWM") - before for pid, before in self._before.items()}
        return {f"{self._names[pid]} {pid}": size for pid, size in grown.items()}


def test_the_peak_of_a_process_shows_what_it_has_held_for_a_moment(tmp_path: Path) -> None:
    """Control: a client that sends a file from memory grows with it, here this very process."""
    before = status(pid := int(Path("/proc/self").readlink().name), "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    held = b"".join(content(100))
    del held
    assert status(pid, "VmHWM") - before > GROWTH_BYTES_MAX


def run(data_dir: Path, megabytes: int) -> None:
    arguments = ["--limit", "file_bytes_max=4 GiB"]
    with ServerProcess(data_dir, LABORATORY, arguments) as server:
        for _ in range(4):  # both gateways, and whatever they make when they are first asked
            warm = FileServer(server)
            warm.call("action", "copy", id=warm.upload(PIECE))
            warm.get(warm.upload(PIECE))
            warm.close()
        files = FileServer(server)
        peaks = Peaks(server)
        expected = hashlib.sha256()
        for piece in content(megabytes):
            expected.update(piece)
        storage_id = files.upload(content(megabytes), "application/octet-stream")
        received = hashlib.sha256()
        with files.http.stream("GET", files.url(storage_id)) as response:
            for data in response.iter_bytes():
                received.update(data)
        assert received.digest() == expected.digest()
        assert files.call("query", "metadata", id=storage_id)["sha256"] == expected.hexdigest()
        # Through an action too, out and in again.
        copied = files.call("action", "copy", id=storage_id)
        assert files.call("query", "metadata", id=copied)["sha256"] == expected.hexdigest()
        growth = peaks.growth()
        assert max(growth.values()) < GROWTH_BYTES_MAX, growth
        files.close()


def test_two_hundred_megabytes_raise_no_process_by_fifty(tmp_path: Path) -> None:
    run(tmp_path / "data", 200)


@pytest.mark.soak
def test_two_gigabytes_raise_no_process_by_fifty(tmp_path: Path) -> None:
    run(tmp_path / "data", 2048)
