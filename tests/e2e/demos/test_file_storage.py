"""Pictures by an upload address, by an HTTP action and by an action."""

from __future__ import annotations

import os
from uuid import uuid4

import httpx

from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess


def test_what_is_uploaded_is_seen_read_and_deleted(demo: ServerProcess, start_client: StartClient) -> None:
    client = start_client(demo)
    author = str(uuid4())
    pictures = client.subscribe("pictures:of", {"author": author})
    pictures.wait(lambda shown: shown == [])
    content = os.urandom(100_000)
    url = client.mutation("pictures:uploadUrl")
    storage_id = httpx.post(url, content=content, headers={"Content-Type": "image/webp"}).json()["storageId"]
    picture_id = client.mutation("pictures:save", {"storageId": storage_id, "author": author})
    (picture,) = pictures.wait(lambda shown: len(shown) == 1)
    assert (picture["_id"], picture["storageId"]) == (picture_id, storage_id)
    assert (picture["size"], picture["type"]) == (len(content), "image/webp")
    got = httpx.get(picture["url"])
    assert (got.content, got.headers["content-type"]) == (content, "image/webp")
    client.mutation("pictures:remove", {"pictureId": picture_id})
    pictures.wait(lambda shown: shown == [])
    assert httpx.get(picture["url"]).status_code == 404


def test_an_http_action_stores_what_it_is_sent_and_sends_what_is_stored(
    demo: ServerProcess, start_node: StartClient
) -> None:
    site, content = demo.site_url, os.urandom(1_000_000)
    sent = httpx.post(f"{site}/pictures?author=grace", content=content, headers={"Content-Type": "image/png"})
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, "*")
    storage_id = sent.json()["storageId"]
    got = httpx.get(f"{site}/pictures/{storage_id}")
    assert (got.status_code, got.headers["content-type"], got.content) == (200, "image/png", content)
    (picture,) = start_node(demo).query("pictures:of", {"author": "grace"})
    assert picture["size"] == len(content)
    asked = httpx.options(f"{site}/pictures", headers={"Access-Control-Request-Method": "POST"})
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "POST")


def test_an_action_reads_back_what_it_stores(demo: ServerProcess, start_node: StartClient) -> None:
    drawn = start_node(demo).request("action", "pictures:draw", {"label": "Zoë"})
    text = '<svg xmlns="http://www.w3.org/2000/svg"><text>Zoë</text></svg>'
    assert (drawn["text"], drawn["size"], drawn["type"]) == (text, len(text.encode()), "image/svg+xml")
    assert httpx.get(drawn["url"]).text == text
