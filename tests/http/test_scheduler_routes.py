"""The routes that cancel scheduled functions: who may use them, and what they ask of the hub."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtdb.link.frames import ExecutionError
from tests.http.test_app import failing, open_api, succeeding


async def test_one_job_is_cancelled() -> None:
    async with open_api() as (hub, client):
        hub.on_call = succeeding(b"null")
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        response = await client.post("/api/cancel_job", json={"id": "kc1", "componentId": None}, headers=headers)
        assert (response.status_code, response.content) == (200, b"")
        (call,) = hub.calls
        assert (call.kind, call.path, call.internal) == ("mutation", "_system/scheduler:cancel", True)
        assert msgspec.json.decode(call.args) == {"id": "kc1"}


async def test_all_jobs_are_cancelled_a_part_at_a_time() -> None:
    async with open_api() as (hub, client):
        answers = [b'{"canceled":2.0,"next":"beef"}', b'{"canceled":0.0,"next":null}']

        def answer(call: Any) -> Any:
            return succeeding(answers.pop(0))(call)

        hub.on_call = answer
        asked = {"udfPath": "jobs.js:send", "startNextTs": 5_000_000, "endNextTs": 7_000_000}
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        response = await client.post("/api/cancel_all_jobs", json=asked, headers=headers)
        assert (response.status_code, response.content) == (200, b"")
        assert [msgspec.json.decode(call.args) for call in hub.calls] == [
            {"after": "", "path": "jobs.js:send", "start": 5.0, "stop": 7.0},
            {"after": "beef", "path": "jobs.js:send", "start": 5.0, "stop": 7.0},
        ]


async def test_what_the_function_refuses_is_a_bad_request() -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        hub.on_call = failing(ExecutionError("InvalidArgument", "Invalid scheduled function ID."))
        response = await client.post("/api/cancel_job", json={"id": "x"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (400, "InvalidArgument")
        hub.on_call = failing(ExecutionError("Overloaded", "Try again later.", system=503))
        assert (await client.post("/api/cancel_all_jobs", json={}, headers=headers)).status_code == 503


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/api/cancel_job", {}, "BadJsonBody"),
        ("/api/cancel_job", {"id": 5}, "BadJsonBody"),
        ("/api/cancel_job", {"id": "x", "componentId": "y"}, "ComponentPathNotFound"),
        ("/api/cancel_all_jobs", {"startNextTs": "soon"}, "BadJsonBody"),
        ("/api/cancel_all_jobs", {"componentPath": "y"}, "ComponentPathNotFound"),
    ],
)
async def test_a_body_of_another_form_is_refused(path: str, body: Any, code: str) -> None:
    async with open_api() as (hub, client):
        response = await client.post(path, json=body, headers={"Authorization": f"Convex {hub.admin_key}"})
        assert (response.status_code, response.json()["code"]) == (400, code)
        assert hub.calls == []


@pytest.mark.parametrize("path", ["/api/cancel_job", "/api/cancel_all_jobs"])
async def test_only_administrators_with_full_keys_may_cancel(path: str) -> None:
    async with open_api() as (hub, client):
        assert (await client.post(path, json={"id": "x"})).status_code == 403
        headers = {"Authorization": f"Convex {hub.read_only_key}"}
        assert (await client.post(path, json={"id": "x"}, headers=headers)).status_code == 403
        assert hub.calls == []
