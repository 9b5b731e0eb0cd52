"""A disk without space: writes are refused with a reason, nothing is half written, and all goes on when there is space.

The limit on file sizes (``RLIMIT_FSIZE``) of the committer process stands in for the end of the disk: its writes fail
where they would make the database's file longer, in whatever step of a commit that is.
"""

from __future__ import annotations

import resource
from pathlib import Path
from random import Random

import httpx
import pytest

from rtdb.link.frames import Commit
from rtdb.storage.check import check
from tests.crash.committer_process import CommitterProcess, Load, acknowledged, problems
from tests.crash.test_server_kill import APP
from tests.e2e.conftest import LABORATORY
from tests.e2e.file_server import FileServer, code_of
from tests.e2e.official_client import CallFailed, node_client
from tests.e2e.server_process import ServerProcess

pytestmark = pytest.mark.slow


def limit_file_size(pid: int, size: int) -> None:
    _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


class Writer:
    """Sends groups to a committer and waits until all of each is answered."""

    def __init__(self, process: CommitterProcess) -> None:
        self._process = process
        self.load = Load()
        self.seq = process.wait_ready().seq
        self.confirmed: set[int] = set()
        self.refused: set[int] = set()
        self.commit(self.load.tables(self.seq))

    def commit(self, group: list[Commit]) -> bool:
        """Return whether all of it happened."""
        self._process.link.send(group)
        answered = 0
        rejected = False
        while answered < len(group):
            for answer in self._process.answers():
                self.seq = answer.seq or self.seq
                self.confirmed |= acknowledged([answer])
                answered += len(answer.committed) + len(answer.rejections)
                for rejection in answer.rejections:
                    rejected = True
                    self.refused.add(rejection.call)
                    assert (rejection.error.code, rejection.error.system) == ("WriteFailed", 503)
                    assert "Nothing was changed" in rejection.error.message
        return not rejected

    def commit_until_refused(self) -> None:
        while self.commit(self.load.group(self.seq)):
            pass


def test_writes_are_refused_while_there_is_no_space_and_happen_when_there_is(tmp_path: Path) -> None:
    process, random = CommitterProcess(tmp_path), Random(5)
    try:
        writer = Writer(process)
        for _ in range(10):
            # The end of the disk lies somewhere within the next pages, not even at the end of one.
            size = (tmp_path / "db" / "data.mdb").stat().st_size
            limit_file_size(process.process.pid, size + random.randrange(40_000))
            writer.commit_until_refused()
            assert list(problems(tmp_path, writer.confirmed)) == []
            limit_file_size(process.process.pid, resource.RLIM_INFINITY)
            assert writer.commit(writer.load.group(writer.seq))
        # Whoever was refused may try again, and finds nothing of the first attempt.
        assert writer.commit([writer.load.transaction(number, writer.seq) for number in sorted(writer.refused)])
    finally:
        process.kill()
    assert writer.refused <= writer.confirmed
    assert list(problems(tmp_path, writer.confirmed)) == []


def test_full_server_refuses_mutations_answers_queries_and_can_be_restarted(tmp_path: Path) -> None:
    def call(kind: str, path: str, **args: object) -> httpx.Response:
        body = {"path": path, "args": args, "format": "json"}
        return httpx.post(f"{server.url}/api/{kind}", json=body)

    def limit_committer(size: int) -> None:
        (pid,) = (pid for pid, name in server.descendants().items() if name == "rtdb-committer")
        limit_file_size(pid, size)

    data_file = tmp_path / "data" / "db" / "data.mdb"
    with ServerProcess(tmp_path / "data", APP) as server:
        assert call("mutation", "entries:add", client=1, number=0).json()["status"] == "success"
        limit_committer(data_file.stat().st_size)
        written = 1
        while True:
            answer = call("mutation", "entries:add", client=1, number=written)
            if answer.status_code == 503:
                break
            written += 1
        assert answer.json()["code"] == "WriteFailed"
        assert "writes are refused" in server.log
        with node_client(server.url) as client, pytest.raises(CallFailed, match="Nothing was changed; reads go on"):
            client.mutation("entries:add", {"client": 1, "number": written})
        page = call("query", "entries:page", client=1, start=0, count=10_000).json()["value"]
        assert page == list(range(written))
        limit_committer(resource.RLIM_INFINITY)
        assert call("mutation", "entries:add", client=1, number=written).json()["status"] == "success"
        limit_committer(data_file.stat().st_size)
        server.kill()
        server.start()
        page = call("query", "entries:page", client=1, start=0, count=10_000).json()["value"]
        assert page == list(range(written + 1))
        assert server.stop() == 0
    assert check(tmp_path / "data").is_clean


def test_an_upload_that_the_disk_has_no_room_for_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", LABORATORY) as server:
        files = FileServer(server)
        kept = files.upload(b"small enough")
        gateways = [pid for pid, name in server.descendants().items() if name == "rtdb-gateway"]
        for pid in gateways:
            limit_file_size(pid, 100_000)
        for size in (100_001, 5_000_000):
            assert code_of(files.http.post(files.upload_url(), content=bytes(size))) == (507, "DiskFull")
        assert files.incoming() == []
        assert len(files.blobs()) == 1
        assert files.get(kept).content == b"small enough"
        for pid in gateways:
            limit_file_size(pid, resource.RLIM_INFINITY)
        assert files.get(files.upload(bytes(5_000_000))).content == bytes(5_000_000)
        files.close()
