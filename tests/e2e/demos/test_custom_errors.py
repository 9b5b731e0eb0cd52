"""Errors with data reach the client with it, from queries, mutations and actions."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed, OfficialClient
from tests.e2e.server_process import ServerProcess


@pytest.fixture
def client(demo: ServerProcess, start_client: StartClient) -> OfficialClient:
    client = start_client(demo)
    for seat in ("A1", "A2"):
        client.mutation("seats:release", {"seat": seat})
    return client


def test_data_of_every_shape_arrives(client: OfficialClient) -> None:
    with pytest.raises(CallFailed) as refused:
        client.mutation("seats:reserve", {"seat": "the window", "holder": "ada"})
    assert (refused.value.name, refused.value.data) == ("ConvexError", "There is no such seat.")
    client.mutation("seats:reserve", {"seat": "A1", "holder": "grace"})
    with pytest.raises(CallFailed) as refused:
        client.mutation("seats:reserve", {"seat": "A1", "holder": "ada"})
    since = {"$integer": "AAAAAAABAAA="}
    assert refused.value.data == {"code": "SeatTaken", "seat": "A1", "holder": "grace", "since": since}
    with pytest.raises(CallFailed) as refused:
        client.mutation("seats:overbook")
    assert refused.value.data == {"code": "Overbooked", "by": 3}


def test_what_was_written_before_an_error_is_not(client: OfficialClient) -> None:
    client.mutation("seats:reserve", {"seat": "A1", "holder": "grace"})
    with pytest.raises(CallFailed, match="SeatTaken"):
        client.mutation("seats:reserve", {"seat": "A1", "holder": "ada"})
    assert client.query("seats:holder", {"seat": "A1"}) == "grace"


def test_an_action_catches_what_its_mutations_throw(client: OfficialClient) -> None:
    client.mutation("seats:reserve", {"seat": "A1", "holder": "grace"})
    taken = {"seats": ["A1", "nowhere", "A2"], "holder": "ada"}
    reserved = client.request("action", "seats:reserveAny", taken)
    assert reserved == {"seat": "A2", "refused": ["A1 is grace's", "There is no such seat."]}
    with pytest.raises(CallFailed) as refused:
        client.request("action", "seats:reserveAny", {"seats": ["A1", "A2"], "holder": "mei"})
    assert refused.value.data == {"code": "AllTaken", "refused": ["A1 is grace's", "A2 is ada's"]}


def test_a_query_that_fails_recovers_when_what_it_read_changes(client: OfficialClient) -> None:
    holder = client.subscribe("seats:holder", {"seat": "A2"})
    assert holder.wait_error().data == {"code": "SeatFree", "seat": "A2"}
    client.mutation("seats:reserve", {"seat": "A2", "holder": "ada"})
    holder.wait(lambda name: name == "ada")


def test_any_other_error_says_what_and_where(client: OfficialClient) -> None:
    with pytest.raises(CallFailed) as failed:
        client.query("seats:trip")
    assert failed.value.data is None
    assert "Uncaught TypeError: Cannot read properties of null (reading 'holder')" in failed.value.message
    assert "at handler (../convex/seats.ts:" in failed.value.message
