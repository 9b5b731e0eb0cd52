"""The routes of environment variables: who may use them, what they ask of the hub, and what they answer."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.link.frames import Answer, ExecutionError
from tests.gateway.scripted_hub import FIRST_TS
from tests.http.test_app import failing, open_api, succeeding

UPDATE = "/api/update_environment_variables"
CHANGES = {"changes": [{"name": "A", "value": "sesame"}, {"name": "B", "value": None}, {"name": "C"}]}


@pytest.mark.parametrize("path", [UPDATE, "/api/v1/update_environment_variables"])
async def test_changes_go_to_the_hub_together_and_are_answered_with_nothing(path: str) -> None:
    async with open_api() as (hub, client):
        hub.on_call = succeeding(b"null")
        response = await client.post(path, json=CHANGES, headers={"Authorization": f"Convex {hub.admin_key}"})
        assert (response.status_code, response.content) == (200, b"")
        (call,) = hub.calls
        assert (call.kind, call.path, call.internal) == ("mutation", "_system/environment_variables:update", True)
        assert msgspec.json.decode(call.args) == {
            "changes": [{"name": "A", "value": "sesame"}, {"name": "B", "value": None}, {"name": "C", "value": None}]
        }


@pytest.mark.parametrize("path", ["/api/list_environment_variables", "/api/v1/list_environment_variables"])
async def test_all_variables_are_listed(path: str) -> None:
    async with open_api() as (hub, client):
        hub.on_call = succeeding(b'[{"_creationTime":1.0,"_id":"x","name":"A","value":"1"}]')
        response = await client.get(path, headers={"Authorization": f"Convex {hub.read_only_key}"})
        assert response.json() == {"environmentVariables": {"A": "1"}}


async def test_what_the_function_refuses_is_a_bad_request() -> None:
    async with open_api(redact_errors=True) as (hub, client):
        hub.on_call = failing(ExecutionError("EnvVarLimitMet", "The environment variable limit (512) has been met."))
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        response = await client.post(UPDATE, json=CHANGES, headers=headers)
        assert response.status_code == 400
        assert response.json() == {
            "code": "EnvVarLimitMet",
            "message": "The environment variable limit (512) has been met.",
        }
        hub.on_call = failing(ExecutionError("Overloaded", "Try again later.", system=503))
        assert (await client.post(UPDATE, json=CHANGES, headers=headers)).status_code == 503


async def test_only_administrators_may_look_and_only_full_keys_may_change() -> None:
    async with open_api() as (hub, client):
        assert (await client.get("/api/list_environment_variables")).status_code == 403
        assert (await client.post(UPDATE, json=CHANGES)).status_code == 403
        response = await client.post(UPDATE, json=CHANGES, headers={"Authorization": f"Convex {hub.read_only_key}"})
        assert response.status_code == 403
        assert response.json()["message"] == (
            "You do not have permission to perform this operation (WriteEnvironmentVariables)."
        )
        assert hub.calls == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"changes":{}}', b'{"changes":[{"name":"A","value":1}]}'])
async def test_a_body_of_another_form_is_refused_without_repeating_it(body: bytes) -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.admin_key}", "Content-Type": "application/json"}
        response = await client.post(UPDATE, content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["code"] == "BadJsonBody"
        assert hub.calls == []


async def test_errors_of_the_servers_own_functions_are_not_hidden_from_administrators() -> None:
    error = ExecutionError("EnvironmentVariableUnreadable", "sealed with another secret")
    async with open_api(redact_errors=True) as (hub, client):
        hub.on_call = lambda request: Answer(request.call, None, error, [], FIRST_TS)
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        for path, is_told in (("_system/cli/queryEnvironmentVariables:get", True), ("app:query", False)):
            answer = await client.post("/api/query", json={"path": path, "args": {}}, headers=headers)
            assert ("sealed with another secret" in answer.json()["errorMessage"]) is is_told
