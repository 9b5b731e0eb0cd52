"""What the official server has and this one has not: refused at once, with the reason, to who may know."""

from __future__ import annotations

import pytest

from tests.http.test_app import open_api


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", "/api/export/request/zip?includeStorage=false", "npx convex data"),
        ("POST", "/api/import/start_upload", "npx convex run"),
        ("GET", "/api/v1/list_usage_limits", "GET /metrics"),
        ("GET", "/api/v1/get_current_usage", "GET /metrics"),
        ("POST", "/api/v1/create_usage_limit", "GET /metrics"),
        ("POST", "/api/prepare_schema", "npm install convex@latest"),
    ],
)
async def test_a_route_that_is_not_there_is_refused_in_a_way_that_nobody_asks_again(
    method: str, path: str, instead: str
) -> None:
    async with open_api() as (hub, client):
        assert (await client.request(method, path)).json()["code"] == "BadDeployKey"
        refused = await client.request(method, path, headers={"Authorization": f"Convex {hub.admin_key}"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "NotSupported"
        assert instead in refused.json()["message"]
        assert hub.calls == []
