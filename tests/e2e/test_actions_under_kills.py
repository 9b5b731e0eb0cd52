"""Actions on a real server whose processes are killed one after the other: done at most once, and reported truly.

The app is the simulation's: each errand leaves a document for every step it has taken (`tests/simulation`).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb.storage.check import check
from tests.e2e.server_process import REPOSITORY, ServerProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ERRANDS = REPOSITORY / "tests" / "simulation" / "apps" / "errands"
CLIENTS = 6
VICTIMS = ["rtdb-actions"] * 10 + ["rtdb-runner"] * 3 + ["rtdb-gateway"] * 3 + ["rtdb-committer"] * 2
"""With the committer goes the whole server but its outermost process, which does not start it for ever."""


class Errands:
    """Clients that ask for errands, one after the other, and note what they were told. Nothing is asked for twice."""

    def __init__(self, server: ServerProcess) -> None:
        self.told: dict[str, tuple[str, int, Any]] = {}
        """By errand: the action, the number of steps, and the result, None if it is not known or failed."""
        self._server = server
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _work(self, client: int) -> None:
        chance = random.Random(client)
        number = 0
        while not self._ended.is_set():
            number += 1
            errand = f"{client}-{number}"
            path = chance.choice(["errands:run", "errands:run_at_once"])
            count = chance.randrange(6)
            self.told[errand] = path, count, None
            body = {"path": path, "args": {"errand": errand, "count": count}, "format": "json"}
            with suppress(httpx.TransportError):
                response = httpx.post(f"{self._server.url}/api/action", json=body)
                if response.status_code == 200:
                    self.told[errand] = path, count, response.json().get("value")

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def kill(server: ServerProcess, name: str, chance: random.Random) -> None:
    """Kill one of the processes of this name, as soon as there is one."""
    pids: list[int] = []

    def is_there() -> bool:
        pids[:] = [pid for pid, found in server.descendants().items() if found == name]
        return bool(pids)

    wait_until(is_there)
    with suppress(ProcessLookupError):
        os.kill(chance.choice(pids), signal.SIGKILL)


def test_errands_under_kills_are_done_at_most_once_and_those_told_to_be_done_are(tmp_path: Path) -> None:
    chance = random.Random(7)
    with ServerProcess(tmp_path / "data", ERRANDS) as server:
        errands = Errands(server)
        for name in chance.sample(VICTIMS, len(VICTIMS)):
            time.sleep(chance.uniform(0.2, 0.8))  # the load goes on meanwhile: this is how far apart deaths are
            kill(server, name, chance)
        errands.end()
        wait_until(server.is_ready)
        done = 0
        for errand, (path, count, result) in errands.told.items():
            body = {"path": "errands:steps", "args": {"errand": errand}, "format": "json"}
            steps = httpx.post(f"{server.url}/api/query", json=body).json()["value"]
            asked = list(range(count))
            assert len(steps) == len(set(steps)), f"a step of {errand} was taken twice: {steps}"
            if path == "errands:run":
                assert steps == asked[: len(steps)], f"{errand} went another way: {steps}"
            if result is not None:
                done += 1
                assert result == steps == asked, f"{errand} was told to be done"
        assert done > 10
        assert server.stop() == 0
    assert check(tmp_path / "data").problems == []
