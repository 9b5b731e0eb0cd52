"""kill -9 during uploads, deletions and collection, again and again.

Clients upload a few contents over and over, so that the same content is published, given up, collected and published
again all the time, and delete most of it. The collector waits for nothing: no grace, and a pass a second. Whatever is
killed, and whenever: a file that was acknowledged is there with its content until its deletion is asked for, and gone
when that was acknowledged; documents and disk agree; in the end nothing is left.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import httpx
import pytest
import trio

from rtdb.blobstore.check import check_blobs
from rtdb.storage.check import check
from tests.e2e.conftest import LABORATORY
from tests.e2e.file_server import FileServer
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX

CLIENTS = 4
STEPS_BETWEEN_MAX = 40
VICTIMS = ("serve", "rtdb-gateway", "rtdb-hub", "rtdb-gateway", "rtdb-committer", "rtdb-runner")
LIMITS = {"blob_grace_seconds": 0.001, "blob_pass_seconds": 1}
CONTENTS = [b"", b"small", bytes(70_000), bytes(range(256)) * 4096]

pytestmark = pytest.mark.slow


class Uploader:
    """One client. ``files`` are those it knows to be there, by their ids."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)
        self.files: dict[str, bytes] = {}
        self.gone: list[str] = []
        self.steps = 0
        self.stopping = False

    async def run(self, stepped: trio.MemorySendChannel[None]) -> None:
        async with httpx.AsyncClient(base_url=self._url) as http:
            while not self.stopping:
                try:
                    await self._step(http)
                    self.steps += 1
                    stepped.send_nowait(None)
                except httpx.HTTPError:
                    await trio.sleep(0.02)  # it was killed, and comes back

    async def _step(self, http: httpx.AsyncClient) -> None:
        choice = self._random.random()
        if choice < 0.4 or not self.files:
            await self._upload(http)
        elif choice < 0.8:
            await self._delete(http)
        else:
            await self._read(http, self._random.choice(list(self.files)))

    async def _upload(self, http: httpx.AsyncClient) -> None:
        content = self._random.choice(CONTENTS)
        url = await self._call(http, "mutation", "upload_url")
        if url is None:
            return
        response = await http.post(url, content=content)
        if response.status_code == 200:
            self.files[response.json()["storageId"]] = content
        else:
            assert is_dying(response), response.text

    async def _delete(self, http: httpx.AsyncClient) -> None:
        storage_id = self._random.choice(list(self.files))
        # From here on nobody knows, until it is acknowledged.
        del self.files[storage_id]
        if await self._call(http, "mutation", "delete", id=storage_id) == "null":
            self.gone.append(storage_id)

    async def _read(self, http: httpx.AsyncClient, storage_id: str) -> None:
        url = await self._call(http, "query", "url", id=storage_id)
        if url is not None:
            response = await http.get(url)
            if not is_dying(response):
                assert response.status_code == 200, f"{storage_id}: {response.text}"
                assert response.content == self.files[storage_id]

    async def _call(self, http: httpx.AsyncClient, kind: str, function: str, **arguments: str) -> str | None:
        """Return the value, ``"null"`` for null; None when the server was too busy dying."""
        body = {"path": f"files:{function}", "args": arguments, "format": "json"}
        response = await http.post(f"/api/{kind}", json=body)
        if response.status_code != 200:
            assert is_dying(response), response.text
            return None
        answer = response.json()
        if answer["status"] != "success":
            # The only thing a function can end with here: its process was the victim.
            assert "ended" in answer["errorMessage"], answer
            return None
        return "null" if answer["value"] is None else str(answer["value"])


def is_dying(response: httpx.Response) -> bool:
    """Whether this is the answer of a server, or its gateway's last word, that has been hit."""
    return response.status_code in {429, 503} or (response.status_code == 500 and not response.content)


async def run_rounds(data_dir: Path, rounds: int, seed: int) -> None:
    chosen = random.Random(seed)
    arguments = [text for name, value in LIMITS.items() for text in ("--limit", f"{name}={value}")]
    with ServerProcess(data_dir, LABORATORY, arguments) as server:
        uploaders = [Uploader(server.url, seed * 100 + number) for number in range(CLIENTS)]
        stepped, heard = trio.open_memory_channel[None](1_000_000)
        with trio.fail_after(60 + rounds * 20):
            async with trio.open_nursery() as nursery:
                for uploader in uploaders:
                    nursery.start_soon(uploader.run, stepped)
                for number in range(rounds):
                    for _ in range(chosen.randint(1, STEPS_BETWEEN_MAX)):
                        await heard.receive()
                    await trio.to_thread.run_sync(server.kill_one, VICTIMS[number % len(VICTIMS)], chosen)
                for _ in range(STEPS_BETWEEN_MAX):
                    await heard.receive()
                for uploader in uploaders:
                    uploader.stopping = True
        server.stop()
        assert check(data_dir).problems == []
        assert check_blobs(data_dir).problems == []
        server.start()
        files = FileServer(server)
        for uploader in uploaders:
            assert uploader.gone, "nothing was deleted"
            for storage_id, content in uploader.files.items():
                assert files.get(storage_id).content == content
            for storage_id in uploader.gone:
                assert files.url(storage_id) is None
        for document in files.call("query", "all"):
            files.delete(document["_id"])
        deadline = time.monotonic() + SECONDS_MAX
        while files.blobs() or files.incoming():
            assert time.monotonic() < deadline, f"left behind: {files.blobs()} {files.incoming()}"
            await trio.sleep(0.05)
        files.close()
        server.stop()
        report = check_blobs(data_dir)
        assert (report.problems, report.blobs, report.bytes) == ([], 0, 0)


async def test_no_acknowledged_file_is_lost_and_nothing_is_left_whatever_is_killed(tmp_path: Path) -> None:
    await run_rounds(tmp_path / "data", rounds=6, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 8))
async def test_no_acknowledged_file_is_lost_in_many_rounds(tmp_path: Path, seed: int) -> None:
    await run_rounds(tmp_path / "data", rounds=60, seed=seed)
