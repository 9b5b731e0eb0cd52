"""The whole data model against sorted lists, on a real server that is deployed to and killed among the steps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from rtdb.cli.deploy_client import DeployError
from rtdb.link.frames import RequestKind
from rtdb.storage.check import check
from rtdb.values.json_codec import canonicalize, encode
from tests.e2e.deploys import deploy
from tests.e2e.server_process import REPOSITORY, ServerProcess
from tests.model.database_machine import DatabaseMachine, DeployFailed

APP = REPOSITORY / "tests" / "e2e" / "apps" / "steps"
JSON = {"Content-Type": "application/json"}


class RealServer:
    """The app on a server process, called over HTTP."""

    def __init__(self, directory: Path, schema: str) -> None:
        self._app = directory / "app"
        shutil.copytree(APP, self._app)
        self._process = ServerProcess(directory / "data").start()
        self.deploy(schema)

    def call(self, kind: RequestKind, path: str, args: Any) -> bytes | None:
        # The arguments as the clients encode them, and results in the same form.
        body = {"path": path, "args": msgspec.Raw(encode(args)), "format": "convex_encoded_json"}
        response = httpx.post(f"{self._process.url}/api/{kind}", content=msgspec.json.encode(body), headers=JSON)
        assert response.status_code in (200, 560), response.text
        answer = msgspec.json.decode(response.content, type=_Answer)
        return None if answer.status == "error" else canonicalize(bytes(answer.value))

    def deploy(self, schema: str) -> None:
        (self._app / "schema.py").write_text(schema)
        try:
            deploy(self._process, self._app)
        except DeployError as error:
            raise DeployFailed(str(error)) from error

    def crash(self) -> None:
        self._process.kill()
        self._process.start()

    def close(self) -> list[str]:
        assert self._process.stop() == 0
        return check(self._process.data_dir).problems


class _Answer(msgspec.Struct):
    status: str
    value: msgspec.Raw = msgspec.Raw(b"null")


class RealMachine(DatabaseMachine):
    """See the module."""

    def new_server(self, directory: Path, schema: str) -> RealServer:
        return RealServer(directory, schema)


@pytest.mark.parametrize(("examples", "steps"), [(1, 15), pytest.param(20, 40, marks=pytest.mark.soak)])
def test_a_real_server_returns_what_sorted_lists_return(examples: int, steps: int) -> None:
    # Each step takes as long as it takes: a failure is shown as it was found.
    found = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate]
    )
    run_state_machine_as_test(RealMachine, settings=found)
