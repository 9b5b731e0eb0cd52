"""The addresses that apps are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdb.config import Config
from rtdb.public_origins import public_origins

CLOUD, SITE = "https://db.example.org", "https://hooks.example.org"


@pytest.mark.parametrize(
    ("host", "site_port", "cloud_origin", "site_origin", "expected"),
    [
        ("127.0.0.1", 3211, None, None, ("http://127.0.0.1:3210", "http://127.0.0.1:3211")),
        ("127.0.0.1", 0, None, None, ("http://127.0.0.1:3210", "http://127.0.0.1:3210/http")),
        ("0.0.0.0", 3211, None, None, ("http://127.0.0.1:3210", "http://127.0.0.1:3211")),
        ("::", 3211, None, None, ("http://[::1]:3210", "http://[::1]:3211")),
        ("127.0.0.1", 3211, CLOUD, None, (CLOUD, f"{CLOUD}/http")),
        ("127.0.0.1", 3211, CLOUD, SITE, (CLOUD, SITE)),
        ("127.0.0.1", 3211, None, SITE, ("http://127.0.0.1:3210", SITE)),
    ],
)
def test_an_app_is_told_where_it_can_be_reached(
    host: str, site_port: int, cloud_origin: str | None, site_origin: str | None, expected: tuple[str, str]
) -> None:
    config = Config(data_dir=Path("unused"), cloud_origin=cloud_origin, site_origin=site_origin)
    assert public_origins(config, host, 3210, site_port) == expected
