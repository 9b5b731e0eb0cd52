"""A small HTTP interface: paths and prefixes, forms and JSON, streams, signatures, and what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.server_process import ServerProcess


@pytest.fixture(scope="module")
def site(demo: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.site_url) as client:
        yield client


def test_notes_are_made_listed_and_deleted(site: httpx.Client) -> None:
    made = site.post("/notes", json={"author": "ada", "text": "Fetch the café's keys"})
    assert made.status_code == 201
    note_id = made.json()["id"]
    assert made.headers["location"] == f"/notes/{note_id}"
    site.post("/notes", data={"author": "ada", "text": "100 % & more"})
    texts = [note["text"] for note in site.get("/notes", params={"author": "ada"}).json()]
    assert texts == ["Fetch the café's keys", "100 % & more"]
    assert site.delete(f"/notes/{note_id}").status_code == 204
    assert site.delete(f"/notes/{note_id}").status_code == 404
    assert site.delete("/notes/none").status_code == 404
    assert site.get("/notes").status_code == 400


def test_a_body_is_read_and_answered_piece_by_piece(site: httpx.Client) -> None:
    pieces = [f"line {number} of grüße\n".encode() for number in range(2_000)]
    with site.stream("POST", "/shout", content=iter(pieces)) as answer:
        assert answer.read() == b"".join(pieces).decode().upper().encode()


def test_a_signature_is_that_of_every_other_system(site: httpx.Client) -> None:
    body = bytes(range(256))
    expected = hmac.digest(b"the demo's secret", body, hashlib.sha256)
    assert base64.b64decode(site.post("/signed", content=body).content) == expected


def test_what_is_not_there_and_what_breaks(site: httpx.Client) -> None:
    assert site.get("/nowhere").status_code == 404
    assert site.post("/broken").status_code == 404
    broken = site.get("/broken")
    assert broken.status_code == 500
    assert "the handler gave up" in broken.json()["code"]
