"""Many clients and few documents: sums stay exact and nobody sees a conflict."""

from __future__ import annotations

import random
from typing import Any

import httpx
import trio

from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess

CLIENTS = 50
INCREMENTS = 8
ACCOUNTS = 10
BALANCE = 100.0


async def call(client: httpx.AsyncClient, kind: str, path: str, args: dict[str, Any]) -> Any:
    response = await client.post(f"/api/{kind}", json={"path": path, "args": args, "format": "json"})
    answer = response.json()
    assert answer.get("status") == "success", (response.status_code, answer)
    return answer["value"]


async def test_fifty_clients_increment_one_counter_and_the_sum_is_exact(laboratory: ServerProcess) -> None:
    results: list[float] = []

    async def increment() -> None:
        async with httpx.AsyncClient(base_url=laboratory.url) as client:
            for _ in range(INCREMENTS):
                results.append(await call(client, "mutation", "counters:increment", {"name": "shared"}))

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(increment)
        async with httpx.AsyncClient(base_url=laboratory.url) as client:
            assert await call(client, "query", "counters:get", {"name": "shared"}) == CLIENTS * INCREMENTS
    # Each saw a number of its own: no two increments read the same state.
    assert sorted(results) == list(range(1, CLIENTS * INCREMENTS + 1))


async def test_queries_of_one_query_set_are_of_one_moment_under_a_storm_of_transfers(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    """Goal: no transition shows a total that never was. Method: the total is added up by the client from two queries,
    each of half the accounts, so that it is right only if both are of one timestamp.
    """
    writer = start_node(laboratory)
    writer.mutation("bank:open_accounts", {"accounts": ACCOUNTS, "balance": BALANCE})
    readers = [start_node(laboratory) for _ in range(3)]
    halves = [
        {"path": "bank:sum_between", "args": {"first": "0", "last": "5"}},
        {"path": "bank:sum_between", "args": {"first": "5", "last": ":"}},
    ]
    watching = [reader.subscribe_together(halves) for reader in readers]
    for each in watching:
        each.wait(lambda values: sum(values) == ACCOUNTS * BALANCE)
    generator = random.Random(1)
    seconds = 4.0

    async def storm() -> None:
        async with httpx.AsyncClient(base_url=laboratory.url) as client:
            while trio.current_time() < end:
                low, high = str(generator.randrange(5)), str(generator.randrange(5, 10))
                source, target = (low, high) if generator.random() < 0.5 else (high, low)
                await call(client, "mutation", "bank:transfer", {"source": source, "target": target, "amount": 1})

    end = trio.current_time() + seconds
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(storm)
    for each in watching:
        totals = {sum(values) for values in each.values}
        assert totals == {ACCOUNTS * BALANCE}
        assert len(each.values) >= 5 * seconds
