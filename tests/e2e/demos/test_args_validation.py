"""Arguments of every type go through validators; what does not fit is refused, and said why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed, OfficialClient, node_client
from tests.e2e.server_process import ServerProcess

GOOD: dict[str, Any] = {
    "text": "Zoë 🎉",
    "number": 1.5,
    "whole": {"$integer": "/////////38="},  # 2**63 - 1, and one more is -2**63
    "flag": True,
    "nothing": None,
    "bytes": {"$bytes": "AAEC/w=="},
    "list": ["a", 1.0],
    "record": {"x": True, "y": False},
    "shape": {"kind": "box", "sides": [1.0, 2.0]},
    "whatever": {"nested": [{"$float": "AAAAAAAA+H8="}]},
}


@pytest.fixture(scope="module")
def client(demo: ServerProcess) -> Iterator[OfficialClient]:
    with node_client(demo.url) as client:
        yield client


def test_every_type_arrives_and_comes_back(demo: ServerProcess, start_client: StartClient) -> None:
    client = start_client(demo)
    arguments = {**GOOD, "whole": {"$integer": "KQAAAAAAAAA="}, "maybe": "yes"}
    assert client.query("values:echo", arguments) == {**arguments, "whole": {"$integer": "KgAAAAAAAAA="}, "size": 4}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": 1}, "Path: .text\nValue: 1.0\nValidator: v.string()"),
        ({"whole": 1}, "Path: .whole\nValue: 1.0\nValidator: v.int64()"),
        ({"list": ["a", False]}, "Path: .list[1]\nValue: false\nValidator: v.union(v.string(), v.float64())"),
        ({"record": {"x": "yes"}}, 'Path: .record.values()\nValue: "yes"\nValidator: v.boolean()'),
        ({"maybe": None}, "Path: .maybe\nValue: null\nValidator: v.string()"),
        ({"extra": 1}, "Object contains extra field `extra` that is not in the validator."),
        ({"text": ...}, "Object is missing the required field `text`."),
        ({"shape": {"kind": "line"}}, "Path: .shape"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    client: OfficialClient, change: dict[str, Any], reason: str
) -> None:
    arguments = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    with pytest.raises(CallFailed) as refused:
        client.query("values:echo", arguments)
    assert "ArgumentValidationError: " in refused.value.message
    assert reason in refused.value.message


def test_literals_choose_the_shape(client: OfficialClient) -> None:
    assert client.query("values:area", {"shape": {"kind": "box", "sides": [2, 3, 4]}}) == 24
    assert client.query("values:area", {"shape": {"kind": "circle", "radius": 0}}) == 0
    with pytest.raises(CallFailed, match="ArgumentValidationError"):
        client.query("values:area", {"shape": {"kind": "box", "radius": 1}})


def test_results_are_held_to_what_was_promised(client: OfficialClient) -> None:
    assert client.query("values:promise", {"value": 7}) == 7
    with pytest.raises(CallFailed, match="ReturnsValidationError"):
        client.query("values:promise", {"value": "seven"})


def test_without_a_validator_anything_goes(client: OfficialClient) -> None:
    assert client.mutation("values:anything", {"b": [None], "a": {"$bytes": ""}}) == ["a", "b"]
