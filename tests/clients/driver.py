"""Drives the official Python client from a test: the same lines of JSON as ``driver.mjs``.

A process of its own keeps the client's runtime, and whatever a killed server does to it, out of the test process.
Subscriptions are read with ``anext``: the blocking ``next`` of this client holds the interpreter's lock while it waits,
so that another thread could not even send a mutation.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from convex import ConvexClient, ConvexError, convex_to_json, json_to_convex

following: set[asyncio.Task[None]] = set()


# Functions' logs are printed by the client; on standard output a line is an event.
events = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def say(event: dict[str, Any]) -> None:
    print(json.dumps(event), file=events)


def say_error(number: int, error: Exception) -> None:
    details: dict[str, Any] = {"name": type(error).__name__, "message": str(error)}
    if isinstance(error, ConvexError):
        details["data"] = convex_to_json(error.data)
    say({"id": number, "error": details})


async def follow(number: int, subscription: Any) -> None:
    while True:
        try:
            value = await anext(subscription)
        except StopAsyncIteration:
            return
        except Exception as error:
            say_error(number, error)
        else:
            say({"id": number, "value": convex_to_json(value)})


def perform(client: ConvexClient, command: dict[str, Any]) -> None:
    number, path = command["id"], command.get("path", "")
    args: Any = json_to_convex(command.get("args", {}))
    match command["op"]:
        case "subscribe":
            subscription = client.subscribe(path, args)
            following.add(asyncio.get_running_loop().create_task(follow(number, subscription)))
            return
        case "query":
            value = client.query(path, args)
        case "mutation":
            value = client.mutation(path, args)
        case "action":
            value = client.action(path, args)
        case "admin":
            client.set_admin_auth(command["key"])
            value = None
        case unknown:
            raise ValueError(f"the Python client has no {unknown}")
    say({"id": number, "value": convex_to_json(value)})


async def main() -> None:
    client = ConvexClient(sys.argv[1])
    say({"ready": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        try:
            perform(client, command)
        except Exception as error:
            say_error(command["id"], error)


if __name__ == "__main__":
    asyncio.run(main())
