"""The routes of the official CLI's push: who may use them, how bodies are read, and what reaches the hub."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import brotli
import httpx
import msgspec
import pytest
import trio

from rtdb.config import Limits
from rtdb.link.frames import Answer, ExecutionError, PushStepRequest
from tests.gateway.scripted_hub import FIRST_TS, ScriptedHub
from tests.http.test_app import open_api

HASHES = "/api/get_config_hashes"
MIB = 1024 * 1024


def answering(result: bytes | None, error: ExecutionError | None = None) -> Callable[[PushStepRequest], Answer]:
    return lambda request: Answer(request.call, result, error, [], FIRST_TS)


async def post_compressed(hub: ScriptedHub, client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    headers = {"Authorization": f"Convex {hub.admin_key}", "Content-Encoding": "br"}
    return await client.post(HASHES, content=brotli.compress(content), headers=headers)


def reason(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_step_reaches_the_hub_as_it_was_before_it_was_compressed() -> None:
    """Through pieces smaller than what they become, and larger than one of the decompressor's."""
    body = msgspec.json.encode({"version": "1.48.0", "source": "x" * 3 * MIB})
    async with open_api() as (hub, client):
        hub.on_push_step = answering(b'{"moduleHashes":[]}')
        response = await post_compressed(hub, client, body)
        assert (response.status_code, response.json()) == (200, {"moduleHashes": []})
        (step,) = hub.push_steps
        assert (step.step, step.body) == ("hashes", body)


async def test_the_key_may_be_in_the_body() -> None:
    async with open_api() as (hub, client):
        hub.on_push_step = answering(b"{}")
        assert (await client.post(HASHES, json={"adminKey": hub.admin_key})).status_code == 200
        assert len(hub.push_steps) == 1


@pytest.mark.parametrize("body", [{}, {"adminKey": "happy-animal-1|00"}, {"adminKey": ""}])
async def test_nobody_else_reaches_the_hub(body: dict[str, str]) -> None:
    async with open_api() as (hub, client):
        refused = await client.post(HASHES, json=body)
        assert refused.status_code in (400, 401, 403)
        assert hub.push_steps == []


async def test_a_key_that_may_only_read_may_not_push() -> None:
    async with open_api() as (hub, client):
        for asked in (
            {"json": {"adminKey": hub.read_only_key}},
            {"json": {}, "headers": {"Authorization": f"Convex {hub.read_only_key}"}},
            {"json": {"adminKey": hub.admin_key}, "headers": {"Authorization": f"Convex {hub.read_only_key}"}},
        ):
            refused = await client.post(HASHES, **asked)  # type: ignore[arg-type]  # keywords of post
            assert reason(refused) == (403, "OperationNotPermitted")
        assert hub.push_steps == []


async def test_a_small_body_that_decompresses_to_a_huge_one_is_refused() -> None:
    """A bomb: a few hundred bytes that are a gigabyte. The next request is answered as if nothing had been."""
    async with open_api(limits=Limits(push_body_bytes_max=MIB)) as (hub, client):
        refused = await post_compressed(hub, client, b'"' + b" " * 256 * MIB + b'"')
        assert reason(refused) == (400, "BundleTooLarge")
        assert "push_body_bytes_max" in refused.json()["message"]
        hub.on_push_step = answering(b"{}")
        assert (await post_compressed(hub, client, b"{}")).status_code == 200


async def test_bodies_of_all_requests_together_have_a_bound() -> None:
    async with open_api(limits=Limits(received_bytes_max=MIB)) as (hub, client):
        refused = await post_compressed(hub, client, b"{" + b" " * 2 * MIB + b"}")
        assert reason(refused) == (429, "TooManyConcurrentRequests")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"{}", "br"),
        (brotli.compress(b"{}")[:-1], "br"),
        (brotli.compress(b"{}") + b"more", "br"),
        (b"", "br"),
        (brotli.compress(b"no json"), "br"),
        (brotli.compress(b"{}"), "gzip"),
        (b"{", "identity"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_bad_request(content: bytes, encoding: str) -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.admin_key}", "Content-Encoding": encoding}
        assert reason(await client.post(HASHES, content=content, headers=headers)) == (400, "BadJsonBody")
        assert hub.push_steps == []


async def test_a_failure_says_why() -> None:
    async with open_api(redact_errors=True) as (hub, client):
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        hub.on_push_step = answering(
            None, ExecutionError("InvalidSchema", "Hit an error while pushing:\nno", system=400)
        )
        refused = await client.post(HASHES, json={}, headers=headers)
        assert (refused.status_code, refused.json()) == (
            400,
            {"code": "InvalidSchema", "message": "Hit an error while pushing:\nno"},
        )
        hub.on_push_step = answering(None, ExecutionError("RaceDetected", "another", system=409))
        assert reason(await client.post(HASHES, json={}, headers=headers)) == (409, "RaceDetected")


async def test_a_report_is_taken_from_who_may_push_and_not_kept() -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        taken = await client.post("/api/deploy2/report_push_completed", json={"spans": []}, headers=headers)
        assert (taken.status_code, taken.json()) == (200, None)
        refused = await client.post("/api/deploy2/report_push_completed", json={"spans": []})
        assert refused.status_code in (401, 403)
        assert hub.push_steps == []


async def test_a_step_is_given_up_when_its_client_goes_away() -> None:
    async with open_api() as (hub, client):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.post, HASHES, json={"adminKey": hub.admin_key}))
            await hub.wait_until(lambda: len(hub.push_steps) == 1)
            nursery.cancel_scope.cancel()
        (step,) = hub.push_steps
        await hub.wait_until(lambda: hub.cancelled == [step.call])
