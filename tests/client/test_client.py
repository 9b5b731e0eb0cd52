"""The trio client against sessions of the real server core, over a socket."""

from __future__ import annotations

import gc
from functools import partial

import pytest
import trio
import trio.lowlevel
import trio.testing

from rtdb.client import ClientError, ConvexError, FunctionError, Subscription, open_client
from tests.client.sync_server import open_server
from tests.waiting import SECONDS_MAX


async def test_a_query_returns_its_result() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            assert await client.query("q:get", {"key": 0}) == {"value": 0.0, "who": None}


async def test_a_subscription_sees_a_mutation_by_the_time_it_returns() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with (
            open_server() as server,
            open_client(server.address) as client,
            client.subscribe("q:get", {"key": 1}) as results,
        ):
            assert await anext(results) == {"value": 0.0, "who": None}
            value = await client.mutation("m:set", {"key": 1})
            assert results.changed.is_set()
            assert await anext(results) == {"value": value, "who": None}


async def test_two_readers_of_one_subscription_are_both_woken_and_share_its_results() -> None:
    """The second to wait used to leave the first behind with an event that nobody would set."""
    taken: list[object] = []

    async def take_one(results: Subscription) -> None:
        taken.append(await anext(results))

    with trio.fail_after(SECONDS_MAX):
        async with (
            open_server() as server,
            open_client(server.address) as client,
            client.subscribe("q:get", {"key": 1}) as results,
        ):
            await anext(results)
            async with trio.open_nursery() as readers:
                readers.start_soon(take_one, results)
                readers.start_soon(take_one, results)
                await trio.testing.wait_all_tasks_blocked(0.01)
                server.write(1)
                while not taken:
                    await trio.lowlevel.checkpoint()
                server.write(1)
    assert taken == [{"value": 1.0, "who": None}, {"value": 2.0, "who": None}]


async def test_a_result_that_nobody_took_does_not_outlive_its_subscription() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            results = client.subscribe("q:get", {"key": 1})
            async with results:
                await anext(results)
                await client.mutation("m:set", {"key": 1})
            server.write(1)
            async with results:
                assert await anext(results) == {"value": 2.0, "who": None}


@pytest.mark.filterwarnings("error::ResourceWarning")
async def test_a_server_that_does_not_speak_tls_costs_no_socket() -> None:
    closed = trio.Event()

    async def answer(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        while await stream.receive_some():
            pass
        closed.set()

    with trio.fail_after(SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
            port = listeners[0].socket.getsockname()[1]
            async with open_client(f"https://127.0.0.1:{port}"):
                await closed.wait()
                gc.collect()
            nursery.cancel_scope.cancel()


class NoLuck:
    """Draws the longest pause every time."""

    def bytes(self, count: int) -> bytes:
        return b"\xff" * count


async def test_a_connection_that_was_good_is_replaced_soon_also_if_nothing_was_asked_of_it() -> None:
    """Each loss used to double the pause, until something was asked: here to 25 s together, now 0.8 s."""
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address, random=NoLuck()):
            for count in range(1, 9):
                await trio.testing.wait_all_tasks_blocked(0.02)
                while server.connections < count:
                    await trio.testing.wait_all_tasks_blocked(0.02)
                await server.drop_connections()


async def test_an_application_error_carries_its_payload() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            with pytest.raises(ConvexError, match="no such key") as caught:
                await client.mutation("m:set", {"key": 99})
            assert caught.value.data == "no"


async def test_a_lost_connection_is_replaced_without_gap_or_repeat() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with (
            open_server() as server,
            open_client(server.address) as client,
            client.subscribe("q:get", {"key": 0}) as results,
        ):
            assert await anext(results) == {"value": 0.0, "who": None}
            await server.drop_connections()
            await client.query("q:get", {"key": 3})
            assert server.connections == 2
            server.write(0)
            assert await anext(results) == {"value": 1.0, "who": None}


async def test_a_mutation_whose_answer_is_lost_is_applied_once() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            await client.query("q:get", {"key": 0})
            server.hold_answers = True
            async with trio.open_nursery() as nursery:

                async def mutate() -> None:
                    assert await client.mutation("m:set", {"key": 0}) == 1.0

                nursery.start_soon(mutate)
                while not server.hub.applied:
                    await trio.lowlevel.checkpoint()
                await server.drop_connections()
                server.hold_answers = False
            assert len(server.hub.applied) == 1
            assert await client.query("q:get", {"key": 0}) == {"value": 1.0, "who": None}


async def test_an_action_in_flight_fails_with_its_connection() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client, trio.open_nursery() as nursery:

            async def act() -> None:
                with pytest.raises(FunctionError, match="Connection lost while action was in flight"):
                    await client.action("a:wait")

            await client.query("q:get", {"key": 0})
            nursery.start_soon(act)
            while not server.actions:
                await trio.lowlevel.checkpoint()
            await server.drop_connections()


async def test_queries_run_as_the_user_that_was_set() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            await client.set_auth("ann")
            assert await client.query("q:get", {"key": 0}) == {"value": 0.0, "who": "ann"}
            client.clear_auth()
            assert await client.query("q:get", {"key": 0}) == {"value": 0.0, "who": None}


async def test_a_refused_token_is_fetched_anew() -> None:
    asked = []

    async def fetch_token(fresh: bool) -> str:
        await trio.lowlevel.checkpoint()
        asked.append(fresh)
        return "new" if fresh else "old"

    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            server.refused.add("old")
            await client.set_auth(fetch_token)
            assert await client.query("q:get", {"key": 0}) == {"value": 0.0, "who": "new"}
            assert asked == [False, True]


async def test_calls_fail_when_the_server_ends_the_session_for_good() -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_server() as server, open_client(server.address) as client:
            with pytest.raises(ClientError, match="Received Invalid JSON on websocket"):
                await client.query("no-path")
            with pytest.raises(ClientError, match="The server ended the session"):
                await client.mutation("m:set", {"key": 0})


async def test_a_client_waits_for_a_server_that_is_not_there_yet() -> None:
    with trio.move_on_after(0.05) as scope:
        async with open_client("http://127.0.0.1:9") as client:
            await client.query("q:get", {"key": 0})
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"]
)
async def test_a_client_tries_again_at_a_server_that_does_not_take_it(answer: bytes) -> None:
    attempts = 0
    second_attempt = trio.Event()

    async def turn_away(stream: trio.SocketStream) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            second_attempt.set()
        await stream.receive_some()
        await stream.send_all(answer)
        await stream.aclose()

    with trio.fail_after(SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, turn_away, 0, host="127.0.0.1"))
            async with open_client(f"http://127.0.0.1:{listener.socket.getsockname()[1]}"):
                await second_attempt.wait()
            nursery.cancel_scope.cancel()


async def test_an_error_of_the_block_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with open_client("http://127.0.0.1:9"):
            raise KeyError


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ClientError, match="Not the address of a deployment"):
        async with open_client("ftp://somewhere"):
            pass
