"""Client names and versions, and what they change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError
from rtdb.http.client_version import Support, parse_client_header, parse_path_version


@pytest.mark.parametrize(
    ("header", "name", "release", "prerelease"),
    [
        ("npm-1.48.0", "npm", (1, 48, 0), False),
        ("npm-cli-1.48.0", "npm-cli", (1, 48, 0), False),
        ("npm-1.28.0-alpha.1", "npm", (1, 28, 0), True),
        ("python-convex-0.7.0+build", "python-convex", (0, 7, 0), False),
        ("streaming-import-1.2.3-rc.1-x", "streaming-import", (1, 2, 3), True),
        ("npm-nonsense", "npm", (-1, -1, -1), False),
        ("npm-cli-nonsense", "npm-cli", (-1, -1, -1), False),
        ("other-nonsense", "other", (0, 0, 0), False),
    ],
)
def test_the_longest_suffix_that_is_a_version_is_the_version(
    header: str, name: str, release: tuple[int, int, int], prerelease: bool
) -> None:
    client = parse_client_header(header)
    assert (client.name, client.release, client.prerelease) == (name, release, prerelease)


@pytest.mark.parametrize("header", ["", "npm", "1.2.3"])
def test_a_header_without_two_parts_is_refused(header: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        parse_client_header(header)
    assert refused.value.code == "InvalidClientVersion"


@pytest.mark.parametrize(
    ("header", "support"),
    [
        ("npm-0.19.1", Support.UNSUPPORTED),
        ("npm-0.19.2-alpha.0", Support.SUPPORTED),
        ("npm-0.19.1-alpha.0", Support.UNSUPPORTED),
        ("npm-nonsense", Support.UNSUPPORTED),
        ("actions-0.19.1", Support.UNSUPPORTED),
        ("python-0.0.2", Support.UNSUPPORTED),
        ("python-0.0.3", Support.UPGRADE_REQUIRED),
        ("python-0.2.0", Support.UPGRADE_REQUIRED),
        ("python-0.2.1", Support.SUPPORTED),
        ("rust-0.0.1", Support.UNSUPPORTED),
        ("rust-0.0.2", Support.SUPPORTED),
        ("swift-0.0.0", Support.SUPPORTED),
    ],
)
def test_old_versions_are_refused_or_told(header: str, support: Support) -> None:
    client = parse_client_header(header)
    assert client.support is support
    assert bool(client.deprecation_headers) is (support is not Support.SUPPORTED)
    if support is Support.UNSUPPORTED:
        with pytest.raises(BadRequestError) as refused:
            client.require_supported()
        assert refused.value.code == "ClientVersionUnsupported"
    else:
        client.require_supported()


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("npm-1.28.0", True),
        ("npm-1.48.0", True),
        ("npm-1.29.0-alpha.0", True),
        ("npm-1.28.0-alpha.1", False),
        ("npm-1.27.9", False),
        ("rust-1.48.0", False),
        ("python-1.48.0", False),
        ("rtdb-1.48.0", False),
    ],
)
def test_transitions_come_in_chunks_only_for_clients_that_know_them(header: str, accepts: bool) -> None:
    assert parse_client_header(header).accepts_transition_chunks is accepts


@given(st.text(max_size=60))
def test_any_header_is_understood_or_refused(header: str) -> None:
    try:
        client = parse_client_header(header)
    except BadRequestError:
        return
    for _, value in client.deprecation_headers:
        assert value.isascii()
        assert b"\n" not in value


@given(st.text(max_size=60).filter(lambda text: not text[:1].isdigit()))
def test_a_path_segment_that_is_no_version_is_refused(segment: str) -> None:
    with pytest.raises(BadRequestError):
        parse_path_version(segment)
