"""Actions that do what they should not."""

import os
import re
import time

import trio

from rtdb import action, v


@action(args={"seconds": v.number()})
async def wait(ctx, seconds):
    """The well-behaved one: it only waits."""
    await trio.sleep(seconds)
    return "waited"


@action(args={"name": v.string(), "seconds": v.number()})
async def wait_and_record(ctx, name, seconds):
    await ctx.run_mutation("tasks:add", {"name": f"{name} began"})
    await trio.sleep(seconds)
    await ctx.run_mutation("tasks:add", {"name": f"{name} ended"})
    return "recorded"


@action
async def sleep_blocking(ctx):
    time.sleep(60)  # noqa: ASYNC251  # that is what is evil about it


def nap():
    time.sleep(1.5)


@action
async def blocks_for_a_moment(ctx):
    nap()
    return "awake"


@action
async def compute(ctx):
    while True:
        pass


@action
async def backtrack(ctx):
    re.match("(a+)+$", "a" * 64 + "b")


@action
async def ignores_cancellation(ctx):
    with trio.CancelScope(shield=True):
        await trio.sleep(60)


@action
async def cleans_up(ctx):
    try:
        await trio.sleep(60)
    finally:
        with trio.move_on_after(2, shield=True):
            await ctx.run_mutation("tasks:add", {"name": "cleaned up"})


@action
async def end_process(ctx):
    os._exit(3)


@action
async def leave(ctx):
    raise SystemExit(4)


@action
async def allocate(ctx):
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


@action
async def return_too_much(ctx):
    return "x" * (17 << 20)


@action
async def log_too_much(ctx):
    for number in range(1000):
        print(number, "x" * 100_000)


@action
async def raise_in_nursery(ctx):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 10)
        raise ValueError("on purpose")


@action
async def raise_twice_in_nursery(ctx):
    async def fail(error):
        raise error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, ValueError("one"))
        nursery.start_soon(fail, KeyError("two"))


@action
async def recurse(ctx):
    return await ctx.run_action("evil:recurse")


@action
async def calls_system_function(ctx):
    return await ctx.run_query("_system/deployments:current")


@action(args={"url": v.string()})
async def get(ctx, url):
    response = await ctx.fetch(url, headers={"X-Test": "yes"})
    return {"status": response.status_code, "body": response.json()}
