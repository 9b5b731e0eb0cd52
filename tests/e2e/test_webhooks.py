"""MemberPulse tells Symfony of events: a receiver of our own stands in Symfony's place, and checks what it is sent."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb import InvalidSignatureError, verify_webhook
from tests.e2e.conftest import MEMBERPULSE, THIS_MACHINE_ALLOWED
from tests.e2e.server_process import ServerProcess
from tests.e2e.webhook_receiver import Receiver, open_receiver

SECRET = "kept between us"
EVENT = {"event": "member.joined", "data": {"id": 7, "name": "Zoë"}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as receiver:
        yield receiver


def configure(server: ServerProcess, url: str | None, secret: str | None = SECRET) -> None:
    """Set the variables, or remove them."""
    values = {"SYMFONY_WEBHOOK_URL": url, "SYMFONY_WEBHOOK_SECRET": secret}
    response = httpx.post(
        f"{server.url}/api/update_environment_variables",
        json={"changes": [{"name": name, "value": value} for name, value in values.items()]},
        headers={"Authorization": f"Convex {server.admin_key}"},
    )
    assert response.status_code == 200, response.text


def send(server: ServerProcess, message: Any = EVENT) -> httpx.Response:
    return httpx.post(f"{server.site_url}/sync", content=json.dumps(message))


def test_an_event_is_forwarded_signed(shared_memberpulse: ServerProcess, receiver: Receiver) -> None:
    configure(shared_memberpulse, receiver.url)
    response = send(shared_memberpulse)
    assert (response.status_code, response.content) == (204, b"")
    ((path, headers, body),) = receiver.received
    assert path == "/webhooks/convex"
    assert json.loads(body) == EVENT
    assert headers["content-type"] == "application/json"
    signature = headers["x-convex-signature"]
    now = time.time_ns() // 1_000_000
    verify_webhook(body, signature, SECRET, now=now)
    for other, secret, later in ((body + b" ", SECRET, now), (body, "another", now), (body, SECRET, now + 400_000)):
        with pytest.raises(InvalidSignatureError):
            verify_webhook(other, signature, secret, now=later)
    # As somebody who does not have our helper checks it.
    parts = dict(part.split("=") for part in signature.split(","))
    digest = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert digest == parts["v1"]


def test_a_symfony_that_does_not_answer_in_time_is_a_504(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    shutil.copytree(MEMBERPULSE, functions)
    source = (functions / "sync.py").read_text()
    impatient = source.replace("UPSTREAM_SECONDS_MAX = 15", "UPSTREAM_SECONDS_MAX = 0.2")
    assert impatient != source
    (functions / "sync.py").write_text(impatient)
    # It takes connections in and reads nothing.
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        ServerProcess(tmp_path / "data", functions, THIS_MACHINE_ALLOWED) as server,
    ):
        configure(server, f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        response = send(server)
    assert (response.status_code, response.json()["code"]) == (504, "SymfonyTimedOut")


@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 422, 500, 503])
def test_the_status_is_passed_on(shared_memberpulse: ServerProcess, receiver: Receiver, status: int) -> None:
    configure(shared_memberpulse, receiver.url)
    receiver.status = status
    receiver.headers = {"Location": "http://127.0.0.1:1/elsewhere"}
    response = send(shared_memberpulse)
    assert (response.status_code, response.content) == (status, b"")
    assert len(receiver.received) == 1


def test_what_is_no_event_is_not_forwarded(shared_memberpulse: ServerProcess, receiver: Receiver) -> None:
    configure(shared_memberpulse, receiver.url)
    response = httpx.post(f"{shared_memberpulse.site_url}/sync", content=b"{not json")
    assert (response.status_code, response.json()["code"]) == (400, "InvalidJson")
    wrong: list[Any] = [[], {}, {"event": 5}, "text", None]
    for message in wrong:
        response = send(shared_memberpulse, message)
        assert (response.status_code, response.json()["code"]) == (400, "InvalidEvent")
    assert receiver.received == []


def test_a_symfony_that_is_down_is_a_502(shared_memberpulse: ServerProcess) -> None:
    with open_receiver() as gone:
        configure(shared_memberpulse, gone.url)
    response = send(shared_memberpulse)
    assert response.status_code == 502
    assert response.json() == {
        "code": "SymfonyUnreachable",
        "message": "Symfony could not be reached. Send the event again later.",
    }


def test_a_symfony_that_is_back_is_told_again(shared_memberpulse: ServerProcess, receiver: Receiver) -> None:
    with open_receiver() as gone:
        configure(shared_memberpulse, gone.url)
    assert send(shared_memberpulse).status_code == 502
    configure(shared_memberpulse, receiver.url)
    assert send(shared_memberpulse).status_code == 204


def test_variables_that_are_not_set_are_named(shared_memberpulse: ServerProcess, receiver: Receiver) -> None:
    for name, url, secret in (
        ("SYMFONY_WEBHOOK_URL", None, SECRET),
        ("SYMFONY_WEBHOOK_SECRET", receiver.url, None),
        ("SYMFONY_WEBHOOK_SECRET", receiver.url, ""),
    ):
        configure(shared_memberpulse, url, secret)
        response = send(shared_memberpulse)
        assert response.status_code == 503
        assert response.json() == {
            "code": "WebhookNotConfigured",
            "message": f"{name} is not set: rtdb env set {name} …",
        }
    assert receiver.received == []


def test_an_address_that_is_none_is_named(shared_memberpulse: ServerProcess) -> None:
    for url in ("not an address", "ftp://127.0.0.1/x", "http://"):
        configure(shared_memberpulse, url)
        response = send(shared_memberpulse)
        assert response.status_code in {502, 503}, response.text
        assert response.json()["code"] in {"WebhookNotConfigured", "SymfonyUnreachable"}


def test_an_address_of_the_servers_own_network_is_a_503_that_names_the_setting(
    shared_memberpulse: ServerProcess,
) -> None:
    configure(shared_memberpulse, "http://169.254.169.254/latest/meta-data")
    response = send(shared_memberpulse)
    assert (response.status_code, response.json()["code"]) == (503, "WebhookNotConfigured")
    assert "action_networks_allowed" in response.json()["message"]
