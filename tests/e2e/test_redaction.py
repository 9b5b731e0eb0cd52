"""What a server that redacts errors, as it does unless told otherwise, lets out to any client on any way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import LABORATORY, StartClient
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess

REDACTED = re.compile(r"\[Request ID: [0-9a-f]{16}\] Server Error(\n  Called by client)?$")
"""The npm client adds where it was called, and before it which function."""
REQUEST_ID = re.compile(r"\[Request ID: ([0-9a-f]{16})\]")


@pytest.fixture(scope="module")
def redacting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("redacting") / "data"
    with ServerProcess(data, LABORATORY, ["--redact-errors"]) as server:
        yield server


@pytest.mark.parametrize("path", ["trouble:raises", "no:such_function"])
def test_why_a_query_failed_is_not_told(redacting: ServerProcess, start_client: StartClient, path: str) -> None:
    with pytest.raises(CallFailed) as caught:
        start_client(redacting).query(path)
    assert REDACTED.search(caught.value.message)


def test_why_a_mutation_failed_is_not_told_unless_the_app_says_it(
    redacting: ServerProcess, start_client: StartClient
) -> None:
    client = start_client(redacting)
    with pytest.raises(CallFailed) as caught:
        client.mutation("trouble:raises_in_mutation")
    assert REDACTED.search(caught.value.message)
    with pytest.raises(CallFailed) as caught:
        client.mutation("trouble:raises_convex_error")
    assert "ConvexError" not in caught.value.message.splitlines()[0]
    assert caught.value.data == {"kind": "full"}


def test_http_tells_no_more(redacting: ServerProcess) -> None:
    def ask(path: str, **headers: str) -> httpx.Response:
        return httpx.post(f"{redacting.url}/api/query", json={"path": path, "args": {}}, headers=headers)

    failed = ask("trouble:raises").json()
    assert failed.keys() == {"status", "errorMessage"}
    assert REDACTED.fullmatch(failed["errorMessage"])
    assert ask("values:logged").json() == {"status": "success", "value": "logged"}
    refused = ask("values:logged", Authorization="Bearer a.b.c")
    assert refused.status_code == 401
    assert refused.json()["message"] == "No auth provider found matching the given token"
    by_admin = ask("trouble:raises", Authorization=f"Convex {redacting.admin_key}").json()
    assert REDACTED.fullmatch(by_admin["errorMessage"])


def test_administrators_are_told_on_the_ways_that_only_they_have(
    redacting: ServerProcess, start_client: StartClient
) -> None:
    headers = {"Authorization": f"Convex {redacting.admin_key}"}
    body = {"path": "trouble:raises", "args": {}}
    told = httpx.post(f"{redacting.url}/api/function", json=body, headers=headers).json()
    assert "Uncaught " in told["errorMessage"]
    assert "(trouble.py:" in told["errorMessage"]
    assert httpx.post(f"{redacting.url}/api/function", json=body).status_code == 403
    with pytest.raises(CallFailed) as refused:
        start_client(redacting).query("_system/deployments:current")
    assert "Operation query not permitted" in refused.value.message
    assert "administrators" in refused.value.message


def test_the_log_says_what_stands_behind_each_request_id(redacting: ServerProcess, start_client: StartClient) -> None:
    def logged(message: str) -> dict[str, str]:
        request = REQUEST_ID.search(message)
        assert request is not None
        lines: list[dict[str, str]] = [json.loads(line) for line in redacting.log.splitlines() if request[1] in line]
        assert len(lines) == 1
        return lines[0]

    client = start_client(redacting)
    with pytest.raises(CallFailed) as query:
        client.query("trouble:raises")
    with pytest.raises(CallFailed) as mutation:
        client.mutation("trouble:raises_in_mutation")
    body = {"path": "trouble:raises", "args": {}}
    over_http = httpx.post(f"{redacting.url}/api/query", json=body).json()["errorMessage"]
    for message, path in (
        (query.value.message, "trouble:raises"),
        (mutation.value.message, "trouble:raises_in_mutation"),
        (over_http, "trouble:raises"),
    ):
        line = logged(message)
        assert line["function"].replace(".js", "") == path
        assert line["error"] == "Uncaught ValueError: the cupboard is bare"
        assert "(trouble.py:" in line["at"]
