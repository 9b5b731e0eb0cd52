"""Inline queries: who may send one, and what becomes of it."""

from __future__ import annotations

import msgspec

from tests.http.test_app import open_api

PATH = "/api/run_test_function"
BODY = {"args": {}, "bundle": {"path": "testQuery.js", "source": "export default 1"}, "format": "convex_encoded_json"}


async def test_an_inline_query_is_one_call_for_who_may_look() -> None:
    async with open_api() as (hub, client):
        for headers, body in (
            ({"Authorization": f"Convex {hub.admin_key}"}, BODY),
            ({"Authorization": f"Convex {hub.read_only_key}"}, BODY),
            ({}, {**BODY, "adminKey": hub.admin_key}),
        ):
            answer = (await client.post(PATH, json=body, headers=headers)).json()
            assert answer["status"] == "success"
            call = hub.calls.pop()
            assert (call.kind, call.path, call.internal) == ("query", "_system/repl:evaluate", True)
            assert msgspec.json.decode(call.args) == {"source": "export default 1"}


async def test_nobody_else_may_send_one() -> None:
    async with open_api() as (hub, client):
        assert (await client.post(PATH, json=BODY)).status_code == 403
        wrong = await client.post(PATH, json={**BODY, "adminKey": "happy-animal-1|00"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "BadAdminKey")
        assert hub.calls == []


async def test_there_is_no_component_to_query_in() -> None:
    async with open_api() as (hub, client):
        body = {**BODY, "adminKey": hub.admin_key, "componentId": "k17"}
        refused = await client.post(PATH, json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, "ComponentPathNotFound")
        assert (await client.post(PATH, json={"adminKey": hub.admin_key})).json()["code"] == "BadJsonBody"
        assert hub.calls == []
