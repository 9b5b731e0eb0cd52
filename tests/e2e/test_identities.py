"""Sessions that share queries and differ in who they are, while both change."""

from __future__ import annotations

import pytest
import trio

from rtdb.client import Client, FunctionError, Subscription, open_client
from rtdb.values.value import Value
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX

PEOPLE = ("ann", "ben", None)


def become(client: Client, key: str, name: str | None) -> None:
    if name is None:
        client.clear_auth()
    else:
        client.set_admin_auth(key, acting_as={"issuer": "https://i", "subject": name})


async def wait_for(results: Subscription, expected: Value, never: Value = "") -> None:
    """Wait until this is the result; fail if ``never`` comes first."""
    async for value in results:
        assert value != never
        if value == expected:
            return


async def test_nobody_is_shown_the_result_of_another_while_sharing_begins_and_ends(laboratory: ServerProcess) -> None:
    """The query reads the identity only while a counter is odd: with every write its sharing ends, or begins again."""
    args = {"name": "greetings"}
    with trio.fail_after(SECONDS_MAX):
        async with (
            open_client(laboratory.url) as writer,
            open_client(laboratory.url) as first,
            open_client(laboratory.url) as second,
            open_client(laboratory.url) as third,
        ):
            clients = (first, second, third)
            for client, name in zip(clients, PEOPLE, strict=True):
                become(client, laboratory.admin_key, name)
            async with (
                first.subscribe("people:greeting", args) as one,
                second.subscribe("people:greeting", args) as two,
                third.subscribe("people:greeting", args) as three,
            ):
                names = ["ann", "ben", "nobody"]
                for count in range(1, 13):
                    # Each becomes who the next one was, while the write is under way.
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(writer.mutation, "counters:increment", args)
                        for place, client in enumerate(clients):
                            become(client, laboratory.admin_key, PEOPLE[(place + count) % 3])
                    names = [*names[1:], names[0]]
                    for place, results in enumerate((one, two, three)):
                        # Not who it is, nor who it was before: whose result it could only be by mistake.
                        stranger = names[(place + 1) % 3]
                        expected: Value = [float(count), names[place] if count % 2 else None]
                        await wait_for(results, expected, [float(count), stranger])


async def test_a_user_who_leaves_takes_the_result_along(laboratory: ServerProcess) -> None:
    with trio.fail_after(SECONDS_MAX):
        async with open_client(laboratory.url) as client, open_client(laboratory.url) as other:
            become(other, laboratory.admin_key, "ann")
            async with client.subscribe("people:me") as mine, other.subscribe("people:me") as hers:
                ann: Value = {"issuer": "https://i", "subject": "ann", "tokenIdentifier": "https://i|ann"}
                await wait_for(hers, ann)
                await wait_for(mine, None)
                become(client, laboratory.admin_key, "ann")
                await wait_for(mine, ann)
                become(client, laboratory.admin_key, None)
                await wait_for(mine, None)


async def test_claims_of_any_shape_are_shown_or_an_error_of_the_function(laboratory: ServerProcess) -> None:
    person = {"issuer": "https://i", "subject": "eve"}
    with trio.fail_after(SECONDS_MAX):
        async with open_client(laboratory.url) as client:
            client.set_admin_auth(laboratory.admin_key, acting_as={**person, "level": 4, "tags": ["a", None, 1.5]})
            shown = await client.query("people:me")
            assert isinstance(shown, dict)
            assert (shown["level"], shown["tags"]) == (4.0, ["a", None, 1.5])
            client.set_admin_auth(laboratory.admin_key, acting_as={**person, "$reserved": 1})
            with pytest.raises(FunctionError):
                await client.query("people:me")
            # The session goes on.
            assert await client.query("counters:get", {"name": "claims"}) == 0.0
