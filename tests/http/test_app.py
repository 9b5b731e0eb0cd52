"""The HTTP API over real sockets: requests in, answers and what reached the hub out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio.testing

from rtdb.config import Limits
from rtdb.http import service_routes
from rtdb.link.frames import Answer, CallRequest, ExecutionError
from rtdb.sync.messages import encode_timestamp
from tests.gateway.scripted_hub import FIRST_TS, ScriptedHub, open_gateway

CALL = {"path": "messages:list", "args": {"channel": "general"}, "format": "convex_encoded_json"}


@asynccontextmanager
async def open_api(
    *, limits: Limits | None = None, redact_errors: bool = False
) -> AsyncIterator[tuple[ScriptedHub, httpx.AsyncClient]]:
    async with (
        open_gateway(limits=limits, redact_errors=redact_errors) as hub,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client,
    ):
        yield hub, client


def failing(error: ExecutionError, log_lines: list[str] | None = None) -> Any:
    return lambda request: Answer(request.call, None, error, log_lines or [], FIRST_TS)


def succeeding(value: bytes, log_lines: list[str] | None = None) -> Any:
    return lambda request: Answer(request.call, value, None, log_lines or [], FIRST_TS)


@pytest.mark.parametrize("kind", ["mutation", "action"])
async def test_a_call_reaches_the_hub_with_its_arguments_as_they_were_sent(kind: str) -> None:
    async with open_api() as (hub, client):
        body = b'{"path":"messages.js:list","args":{"a": 1.0,"b":[{"$integer":"AQAAAAAAAAA="}]}}'
        response = await client.post(f"/api/{kind}", content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200
        (call,) = hub.calls
        assert call.kind == kind
        assert call.path == "messages:list"
        assert call.args == b'{"a": 1.0,"b":[{"$integer":"AQAAAAAAAAA="}]}'
        assert call.identity is None
        assert not call.internal
        assert call.session is None
        assert call.at_ts is None


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ('{"b": [{"$integer":"AQAAAAAAAAA="}], "a" : 1}', b'{"a":1.0,"b":[{"$integer":"AQAAAAAAAAA="}]}'),
        ('{"$a": 1}', b'{"$a": 1}'),
    ],
)
async def test_a_query_reaches_the_hub_with_its_arguments_in_the_form_that_results_are_kept_under(
    sent: str, received: bytes
) -> None:
    async with open_api() as (hub, client):
        body = '{"path":"messages:list","args":' + sent + "}"
        response = await client.post("/api/query", content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200
        assert hub.calls[0].args == received


@pytest.mark.parametrize(
    ("sent", "received"),
    [("[]", b"{}"), ('[{"a":1}]', b'{"a":1.0}'), ('[{"a":1},2]', b'[{"a":1},2]'), ("{}", b"{}")],
)
async def test_positional_arguments_are_unwrapped(sent: str, received: bytes) -> None:
    async with open_api() as (hub, client):
        await client.post(
            "/api/query",
            content='{"path":"a:b","args":' + sent + "}",
            headers={"content-type": "application/json; charset=utf-8"},
        )
        assert hub.calls[0].args == received


async def test_a_result_is_written_in_the_format_asked_for() -> None:
    value = b'{"bytes":{"$bytes":"aGk="},"int":{"$integer":"AQAAAAAAAAA="},"nan":{"$float":"AAAAAAAA+H8="}}'
    async with open_api() as (hub, client):
        hub.on_call = succeeding(value)

        async def ask(**changed: str) -> Any:
            body = {"path": "a:b", "args": {}, **changed}
            return (await client.post("/api/query", json=body)).json()["value"]

        encoded = msgspec.json.decode(value)
        clean = {"bytes": "aGk=", "int": "1", "nan": "NaN"}
        assert await ask(format="convex_encoded_json") == encoded
        assert await ask(format="convex_json") == encoded
        assert await ask(format="json") == clean
        assert await ask(format="convex_clean_json") == clean
        assert await ask() == clean
        exported = {"bytes": {"$bytes": "aGk="}, "int": 1, "nan": {"$float": "AAAAAAAA+H8="}}
        assert await ask(format="export_json") == exported


async def test_old_clients_get_the_encoded_format_by_default() -> None:
    async with open_api() as (hub, client):
        hub.on_call = succeeding(b'{"$integer":"AQAAAAAAAAA="}')
        for header, expected in [
            ("npm-1.4.0", {"$integer": "AQAAAAAAAAA="}),
            ("npm-1.4.1", "1"),
            ("npm-cli-1.4.0", {"$integer": "AQAAAAAAAAA="}),
            ("python-0.4.9", {"$integer": "AQAAAAAAAAA="}),
            ("python-0.5.0", "1"),
            ("swift-0.1.0", "1"),
        ]:
            response = await client.post(
                "/api/query", json={"path": "a:b", "args": {}}, headers={"Convex-Client": header}
            )
            assert response.json()["value"] == expected, header


async def test_an_unknown_format_is_refused_before_anything_runs() -> None:
    async with open_api() as (hub, client):
        response = await client.post("/api/mutation", json={**CALL, "format": "yaml"})
        assert response.status_code == 400
        assert response.json() == {
            "code": "BadFormat",
            "message": "format param must be one of [`json`]. Got yaml",
        }
        assert hub.calls == []


async def test_log_lines_are_there_only_when_there_are_some() -> None:
    async with open_api() as (hub, client):
        hub.on_call = succeeding(b"1.0")
        assert (await client.post("/api/query", json=CALL)).json() == {"status": "success", "value": 1.0}
        hub.on_call = succeeding(b"1.0", ["[LOG] 'hi'"])
        assert (await client.post("/api/query", json=CALL)).json() == {
            "status": "success",
            "value": 1.0,
            "logLines": ["[LOG] 'hi'"],
        }


async def test_a_failed_function_is_an_outcome() -> None:
    error = ExecutionError("x", "Uncaught ValueError: no", "    at f (m.py:3)\n")
    async with open_api() as (hub, client):
        hub.on_call = failing(error, ["[LOG] 'x'"])
        response = await client.post("/api/mutation", json=CALL, headers={"Convex-Request-Id": "4c1f"})
        assert response.status_code == 200
        assert response.json() == {
            "status": "error",
            "errorMessage": "[Request ID: 4c1f] Server Error\nUncaught ValueError: no\n    at f (m.py:3)\n",
            "logLines": ["[LOG] 'x'"],
        }


async def test_redaction_hides_messages_and_logs_but_never_error_data() -> None:
    error = ExecutionError("x", "Uncaught ConvexError: secret", data=b'{"n":{"$integer":"AQAAAAAAAAA="}}')
    async with open_api(redact_errors=True) as (hub, client):
        hub.on_call = failing(error, ["[LOG] 'secret'"])
        response = await client.post("/api/mutation", json={**CALL, "format": "json"})
        answer = response.json()
        assert answer["errorData"] == {"n": "1"}
        assert "logLines" not in answer
        assert re.fullmatch(r"\[Request ID: [0-9a-f]{16}\] Server Error", answer["errorMessage"])


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BadThing"), (403, "SystemIdentityRequired"), (429, "TooManyConcurrentRequests"), (503, "Overloaded")],
)
async def test_a_system_failure_answers_its_status(status: int, code: str) -> None:
    async with open_api() as (hub, client):
        hub.on_call = failing(ExecutionError(code, "try again", system=status))
        response = await client.post("/api/action", json=CALL)
        assert response.status_code == status
        assert response.json() == {"code": code, "message": "try again"}


async def test_an_internal_failure_tells_nothing() -> None:
    async with open_api() as (hub, client):
        hub.on_call = failing(ExecutionError("Whatever", "a secret detail", system=500))
        response = await client.post("/api/query", json=CALL)
        assert response.status_code == 500
        assert response.json() == {
            "code": "InternalServerError",
            "message": "Your request couldn't be completed. Try again later.",
        }


@pytest.mark.parametrize(
    ("content", "content_type", "beginning"),
    [
        (b"{}", "text/plain", "Expected request with `Content-Type: application/json`"),
        (b"{}", None, "Expected request with `Content-Type: application/json`"),
        (b"{", "application/json", "Failed to deserialize the JSON body into the target type"),
        (b'{"args":{}}', "application/json", "Failed to deserialize the JSON body into the target type"),
        (b'{"path":"a:b"}', "application/json", "Failed to deserialize the JSON body into the target type"),
        (b'{"path":1,"args":{}}', "application/vnd.x+json", "Failed to deserialize the JSON body"),
        (b'{"path":"\xff","args":{}}', "application/json", "Failed to deserialize the JSON body"),
        (b"[" * 200_000, "application/json", "Failed to deserialize the JSON body"),
        (b'{"path":"a:b","args":' + b"[" * 200_000, "application/json", "Failed to deserialize the JSON body"),
        (b" " * 3_000_000, "application/json", "Failed to buffer the request body"),
    ],
)
async def test_a_bad_body_is_a_bad_request(content: bytes, content_type: str | None, beginning: str) -> None:
    async with open_api(limits=Limits(http_body_bytes_max=1_000_000)) as (hub, client):
        headers = {} if content_type is None else {"content-type": content_type}
        response = await client.post("/api/mutation", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json()["code"] == "BadJsonBody"
        assert response.json()["message"].startswith(beginning)
        assert hub.calls == []


async def test_a_bad_path_is_a_bad_request() -> None:
    async with open_api() as (_hub, client):
        response = await client.post("/api/query", json={**CALL, "path": "no-hyphens:list"})
        assert response.status_code == 400
        assert response.json()["code"] == "BadConvexFunctionIdentifier"
        assert response.json()["message"].startswith("no-hyphens:list is not a valid path to a Convex function. ")
        response = await client.post("/api/query", json={**CALL, "path": "a/" * 100_000 + "b"})
        assert response.status_code == 400
        assert response.json()["code"] == "BadConvexFunctionIdentifier"
        assert len(response.content) < 1000


async def test_get_query_takes_its_call_from_the_query_string() -> None:
    async with open_api() as (hub, client):
        response = await client.get(
            "/api/query", params={"path": "a:b", "args": '{"x":"ü"}', "format": "convex_encoded_json"}
        )
        assert response.json() == {"status": "success", "value": {"x": "ü"}}
        assert hub.calls[0].kind == "query"
        for parameters in ({"path": "a:b"}, {"args": "{}"}, {"path": "a:b", "args": "{"}):
            response = await client.get("/api/query", params=parameters)
            assert response.status_code == 400
            assert response.json()["code"] == "BadQueryArgs"


async def test_a_query_at_a_timestamp_reads_there() -> None:
    async with open_api() as (hub, client):
        ts = (await client.post("/api/query_ts", headers={"content-type": "application/json"})).json()["ts"]
        assert ts == encode_timestamp(FIRST_TS)
        response = await client.post("/api/query_at_ts", json={**CALL, "ts": ts})
        assert response.status_code == 200
        assert hub.calls[0].at_ts == FIRST_TS
        for impossible in ("AAAA", "?", encode_timestamp(FIRST_TS + 1)):
            response = await client.post("/api/query_at_ts", json={**CALL, "ts": impossible})
            assert response.status_code == 400
            assert response.json()["code"] == "BadTimestamp"


async def test_a_batch_reads_at_one_timestamp_and_answers_in_order() -> None:
    def answer(request: CallRequest) -> Answer:
        if request.path == "a:fails":
            return Answer(request.call, None, ExecutionError("x", "no"), [], FIRST_TS)
        return Answer(request.call, b'"' + request.path.encode() + b'"', None, [], FIRST_TS)

    async with open_api() as (hub, client):
        hub.on_call = answer
        queries: list[dict[str, Any]] = [{"path": path, "args": {}} for path in ("a:one", "a:fails", "a:three")]
        response = await client.post("/api/query_batch", json={"queries": queries})
        first, second, third = response.json()["results"]
        assert first == {"status": "success", "value": "a:one"}
        assert second["status"] == "error"
        assert third == {"status": "success", "value": "a:three"}
        assert {call.at_ts for call in hub.calls} == {FIRST_TS}

        hub.on_call = failing(ExecutionError("Overloaded", "busy", system=503))
        assert (await client.post("/api/query_batch", json={"queries": queries})).status_code == 503
        bad_format = [*queries, {"path": "a:b", "args": {}, "format": "yaml"}]
        assert (await client.post("/api/query_batch", json={"queries": bad_format})).json()["code"] == "BadFormat"
        assert (await client.post("/api/query_batch", json={"queries": []})).json() == {"results": []}


async def test_run_takes_the_function_from_the_path() -> None:
    async with open_api() as (hub, client):
        response = await client.post("/api/run/dir/messages/list", json={"args": {"a": 1}})
        assert response.json() == {"status": "success", "value": {"a": 1}}
        (call,) = hub.calls
        assert (call.kind, call.path, call.internal) == ("any", "dir/messages:list", False)
        response = await client.post("/api/run/alone", json={"args": {}})
        assert response.status_code == 400
        assert response.json()["code"] == "MissingIdentifier"
        response = await client.post("/api/run/a%2Fb/c", json={"args": {}})
        assert hub.calls[-1].path == "a/b:c"


async def test_function_is_for_admins() -> None:
    async with open_api() as (hub, client):
        response = await client.post("/api/function", json=CALL)
        assert response.status_code == 403
        assert response.json()["code"] == "BadDeployKey"
        assert response.json()["message"].startswith("The provided deploy key was invalid for this deployment")
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        response = await client.post("/api/function", json=CALL, headers=headers)
        assert response.json()["status"] == "success"
        assert (hub.calls[0].kind, hub.calls[0].internal) == ("any", True)
        response = await client.post("/api/function", json={**CALL, "componentPath": "x"}, headers=headers)
        assert response.json()["status"] == "error"
        assert len(hub.calls) == 1


async def test_credentials_decide_what_the_hub_is_told() -> None:
    identity = "eyJpc3N1ZXIiOiJodHRwczovL2lkcCIsInN1YmplY3QiOiJ1MSIsInJvbGUiOiJ4In0="
    attributes = b'{"issuer":"https://idp","role":"x","subject":"u1","tokenIdentifier":"https://idp|u1"}'
    async with open_api() as (hub, client):
        for header, expected in [
            (f"Convex {hub.admin_key}", (None, True)),
            (f"convex prod:{hub.admin_key}", (None, True)),
            (f"Convex {hub.admin_key}:{identity}", (attributes, True)),
        ]:
            await client.post("/api/query", json=CALL, headers={"Authorization": header})
            call = hub.calls.pop()
            assert (call.identity, call.internal) == expected, header
        await client.post("/api/query", json=CALL, params={"adminKey": hub.admin_key})
        assert hub.calls.pop().internal


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("x", 400, "InvalidHeaderFailure"),
        ("Basic dXNlcjpwYXNz", 400, "InvalidAdminKey"),
        ("Convex nonsense", 401, "BadAdminKey"),
        ("Convex happy-animal-1|00", 401, "BadAdminKey"),
        ("Convex happy-animal-1|zz", 401, "BadAdminKey"),
        ("Bearer nonsense", 401, "InvalidAuthHeader"),
        ("Bearer a.b.c", 401, "NoAuthProvider"),
    ],
)
async def test_bad_credentials_are_refused(header: str, status: int, code: str) -> None:
    async with open_api() as (hub, client):
        response = await client.post("/api/query", json=CALL, headers={"Authorization": header})
        assert response.status_code == status
        assert response.json()["code"] == code
        assert hub.calls == []


async def test_unusable_attributes_to_act_as_are_a_bad_request() -> None:
    async with open_api() as (hub, client):
        for attributes in ("e30=", "!", "W10=", ""):
            header = {"Authorization": f"Convex {hub.admin_key}:{attributes}"}
            response = await client.post("/api/query", json=CALL, headers=header)
            assert response.status_code == 400
            assert response.json()["code"] == "HeaderParseFailure"


async def test_a_read_only_key_may_only_query() -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.read_only_key}"}
        assert (await client.post("/api/query", json=CALL, headers=headers)).json()["status"] == "success"
        mutation = (await client.post("/api/mutation", json=CALL, headers=headers)).json()
        assert "Operation mutation not permitted" in mutation["errorMessage"]
        response = await client.post("/api/action", json=CALL, headers=headers)
        assert response.status_code == 403
        assert response.json()["code"] == "OperationNotPermitted"
        assert len(hub.calls) == 1


async def test_a_read_only_key_calls_any_function_for_a_query() -> None:
    async with open_api() as (hub, client):
        headers = {"Authorization": f"Convex {hub.read_only_key}"}
        assert (await client.post("/api/function", json=CALL, headers=headers)).json()["status"] == "success"
        assert [(call.kind, call.internal) for call in hub.calls] == [("query", True)]
        wrong = ExecutionError("WrongFunctionKind", "Trying to execute it as Query, but it is a Mutation.")
        hub.on_call = lambda request: Answer(request.call, None, wrong, [], hub.ts)
        refused = (await client.post("/api/function", json=CALL, headers=headers)).json()
        assert "the admin key is read-only, and messages:list is not a query." in refused["errorMessage"]


async def test_system_functions_are_for_admins() -> None:
    call = {**CALL, "path": "_system/cli:tables"}
    async with open_api() as (hub, client):
        assert "Operation query not permitted" in (await client.post("/api/query", json=call)).text
        response = await client.post("/api/action", json=call)
        assert response.status_code == 403
        assert response.json()["code"] == "SystemIdentityRequired"
        assert hub.calls == []
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        assert (await client.post("/api/query", json=call, headers=headers)).json()["status"] == "success"


async def test_client_versions_are_checked() -> None:
    async with open_api() as (_hub, client):

        async def ask(header: str) -> httpx.Response:
            return await client.post("/api/query", json=CALL, headers={"Convex-Client": header})

        assert (await ask("npm-1.48.0")).status_code == 200
        assert (await ask("npm")).json()["code"] == "InvalidClientVersion"
        old = await ask("npm-0.19.1")
        assert old.status_code == 400
        assert old.json()["code"] == "ClientVersionUnsupported"
        assert old.headers["x-convex-deprecation-state"] == "Unsupported"
        aging = await ask("python-0.2.0")
        assert aging.status_code == 200
        assert aging.headers["x-convex-deprecation-state"] == "UpgradeRequired"
        assert "x-convex-deprecation-message" in aging.headers


async def test_cors_echoes_the_origin_and_answers_preflights() -> None:
    async with open_api() as (_hub, client):
        response = await client.post("/api/query", json=CALL, headers={"Origin": "http://localhost:5173"})
        assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
        assert response.headers["access-control-allow-credentials"] == "true"
        vary = "origin, access-control-request-method, access-control-request-headers"
        assert response.headers["vary"] == vary
        plain = await client.post("/api/query", json={})
        assert "access-control-allow-origin" not in plain.headers
        assert plain.headers["vary"] == vary
        for path, client_version in (
            ("/api/mutation", "npm-1.48.0"),
            ("/api/1.48.0/sync", "npm-0.1.0"),
            ("/api/anything", "nonsense"),
        ):
            preflight = await client.options(
                path,
                headers={
                    "Convex-Client": client_version,
                    "Origin": "http://x",
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "content-type,convex-client",
                },
            )
            assert preflight.status_code == 200
            assert preflight.content == b""
            assert preflight.headers["access-control-allow-origin"] == "http://x"
            assert preflight.headers["access-control-allow-methods"] == "GET,POST,OPTIONS,PATCH,DELETE,PUT"
            assert preflight.headers["access-control-allow-headers"] == "content-type,convex-client"
            assert preflight.headers["access-control-max-age"] == "86400"


async def test_an_echo_has_a_limit_whether_or_not_its_length_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_routes, "ECHO_BYTES_MAX", 100_000)

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 10_000

    async with open_api() as (_hub, client):
        assert (await client.post("/echo", content=b"x" * 100_001)).status_code == 413
        assert len((await client.post("/echo", content=pieces(10))).content) == 100_000
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/echo", content=pieces(11))


async def test_service_endpoints_answer() -> None:
    async with open_api() as (hub, client):
        for path, text in [
            ("/instance_name", "happy-animal-1"),
            ("/livez", "ok"),
            ("/readyz", "ok"),
            ("/", "This rtdb deployment is running."),
        ]:
            response = await client.get(path)
            assert (response.status_code, response.text) == (200, text)
        assert (await client.get("/version")).text == (await client.get("/instance_version")).text
        assert "vary" not in (await client.get("/version")).headers
        assert (await client.post("/echo", content=b"\x00" * 100_000)).content == b"\x00" * 100_000
        await client.post("/api/query", json=CALL)
        metrics = (await client.get("/metrics")).text
        assert re.search(r'^rtdb_gateway_calls_total\{process="\d+"\} 1.0$', metrics, re.MULTILINE)
        assert re.search(r'^rtdb_gateway_http_requests\{process="\d+"\} 1.0$', metrics, re.MULTILINE), "this one"
        assert 'status="200"' in metrics
        assert (await client.get("/api/check_admin_key")).status_code == 403
        headers = {"Authorization": f"Convex {hub.admin_key}"}
        assert (await client.get("/api/check_admin_key", headers=headers)).json() == {
            "success": True,
            "allowedOps": [],
            "isReadOnly": False,
        }
        read_only = (
            await client.get("/api/check_admin_key", headers={"Authorization": f"Convex {hub.read_only_key}"})
        ).json()
        assert read_only["isReadOnly"]
        assert "ViewData" in read_only["allowedOps"]
        assert (await client.get("/api/v1/get_canonical_urls", headers=headers)).json() == {
            "convexCloudUrl": f"http://127.0.0.1:{hub.port}",
            "convexSiteUrl": f"http://127.0.0.1:{hub.site_port}",
        }


@pytest.mark.parametrize(
    ("host", "cloud", "site"),
    [
        ("db.lan:{port}", "http://db.lan:{port}", "http://db.lan:{site_port}"),
        ("[::1]:{port}", "http://[::1]:{port}", "http://[::1]:{site_port}"),
        # Something passes the main port on under another number; whether the site port too, nobody knows.
        ("localhost:13210", "http://localhost:13210", "http://localhost:13210/http"),
        ("db.example.org", "http://db.example.org", "http://db.example.org/http"),
    ],
)
async def test_http_actions_are_where_the_client_finds_them(host: str, cloud: str, site: str) -> None:
    async with open_api() as (hub, client):
        ports = {"port": hub.port, "site_port": hub.site_port}
        headers = {"Authorization": f"Convex {hub.admin_key}", "Host": host.format(**ports)}
        assert (await client.get("/api/v1/get_canonical_urls", headers=headers)).json() == {
            "convexCloudUrl": cloud.format(**ports),
            "convexSiteUrl": site.format(**ports),
        }


async def test_unknown_paths_and_methods_get_an_empty_answer() -> None:
    async with open_api() as (_hub, client):
        response = await client.get("/nowhere")
        assert (response.status_code, response.content) == (404, b"")
        response = await client.get("/api/mutation")
        assert (response.status_code, response.content) == (405, b"")
        response = await client.post("/api/debug_event", json={"event": "LongWebsocketDisconnect"})
        assert response.status_code == 404


async def test_a_doubled_slash_before_api_is_forgiven() -> None:
    async with open_api() as (_hub, client):
        response = await client.post(f"{client.base_url}//api/query", json=CALL)
        assert response.json()["status"] == "success"


async def test_a_request_that_takes_too_long_gets_an_empty_408_and_the_hub_is_told() -> None:
    async with open_api(limits=Limits(request_seconds_max=0.2)) as (hub, client):
        hub.on_call = lambda _request: None
        response = await client.post("/api/action", json=CALL)
        assert (response.status_code, response.content) == (408, b"")
        await hub.wait_until(lambda: hub.cancelled == [hub.calls[0].call])


async def test_one_request_too_many_is_refused() -> None:
    async with open_api(limits=Limits(http_requests_max=1)) as (hub, client):
        hub.on_call = lambda _request: None
        async with trio.open_nursery() as nursery:

            async def first() -> None:
                response = await client.post("/api/query", json=CALL)
                assert response.status_code == 200

            nursery.start_soon(first)
            await hub.wait_until(lambda: len(hub.calls) == 1)
            response = await client.post("/api/query", json=CALL)
            assert response.status_code == 429
            assert response.json()["code"] == "TooManyConcurrentRequests"
            hub.send(Answer(hub.calls[0].call, b"null", None, [], FIRST_TS))


async def test_a_large_answer_reaches_a_client_that_reads_slowly() -> None:
    async with open_api() as (hub, client):
        value = b'"' + b"x" * 10_000_000 + b'"'
        hub.on_call = succeeding(value)
        async with client.stream("POST", "/api/query", json=CALL) as response:
            await trio.testing.wait_all_tasks_blocked()
            received = b"".join([chunk async for chunk in response.aiter_bytes()])
        assert received == b'{"status":"success","value":' + value + b"}"


@pytest.mark.slow
async def test_a_client_that_does_not_read_its_answer_is_let_go() -> None:
    async with open_gateway(limits=Limits(send_seconds_max=0.1)) as hub:
        hub.on_call = succeeding(b'"' + b"x" * 16_000_000 + b'"')
        stream = await trio.open_tcp_stream("127.0.0.1", hub.port)
        body = msgspec.json.encode(CALL)
        head = b"POST /api/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        await stream.send_all(head % len(body) + body)
        # Sending fails once the other side has closed; nothing is read meanwhile.
        with pytest.raises(trio.BrokenResourceError):
            await send_forever(stream)
        await stream.aclose()


async def send_forever(stream: trio.SocketStream) -> None:
    while True:
        await stream.send_all(b"x")


async def test_a_connection_serves_request_after_request_in_one_packet_each() -> None:
    async with open_gateway() as hub, await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
        for path in (b"/livez", b"/nowhere", b"/livez"):
            await stream.send_all(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await stream.receive_some()
            head, _, body = bytes(answer).partition(b"\r\n\r\n")
            assert b"content-length: %d" % len(body) in head
            assert body == (b"ok" if path == b"/livez" else b"")


async def test_a_head_that_does_not_end_is_not_waited_for_for_ever() -> None:
    async with (
        open_gateway(limits=Limits(head_seconds_max=0.1)) as hub,
        await trio.open_tcp_stream("127.0.0.1", hub.port) as stream,
    ):
        await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        while await stream.receive_some():
            pass


async def test_http_2_is_not_spoken() -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    async with open_api() as (hub, _client):
        for request, status in [
            (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n", b"200"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"40"),
        ]:
            async with await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
                await stream.send_all(request)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 " + status)


async def test_an_early_refusal_does_not_cost_the_connection() -> None:
    body = msgspec.json.encode(CALL)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: %d\r\n\r\n"
    async with open_gateway() as hub, await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
        for path, status in [(b"/api/query", 400), (b"/api/run/x", 400), (b"/nowhere", 404), (b"/api/query_ts", 200)]:
            await stream.send_all(head % (path, len(body)))
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(body)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 %d " % status)


async def test_a_connection_without_requests_is_closed_after_its_idle_time() -> None:
    async with (
        open_gateway(limits=Limits(keep_alive_seconds_max=0.1)) as hub,
        await trio.open_tcp_stream("127.0.0.1", hub.port) as stream,
    ):
        await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        while await stream.receive_some():
            pass
