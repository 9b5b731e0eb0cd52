"""Actions that leave a trace of every step, so that one that was done twice, or is missing, can be seen."""

import trio

from rtdb import action, internal_action, internal_mutation, query, v


@internal_mutation(args={"errand": v.string(), "step": v.number()})
def note(ctx, errand, step):
    ctx.db.insert("steps", {"errand": errand, "step": step})


@query(args={"errand": v.string()})
def steps(ctx, errand):
    found = ctx.db.query("steps").with_index("by_errand", lambda q: q.eq("errand", errand)).collect()
    return [one["step"] for one in found]


@query
def total(ctx):
    return len(ctx.db.query("steps").collect())


@action(args={"errand": v.string(), "count": v.number()})
async def run(ctx, errand, count):
    """Take so many steps, one after the other, and say which are there."""
    for step in range(int(count)):
        await ctx.run_mutation(note, {"errand": errand, "step": step})
        await trio.sleep(ctx.random.random() * 0.05)
    return await ctx.run_query(steps, {"errand": errand})


@internal_action(args={"errand": v.string(), "step": v.number()})
async def take_step(ctx, errand, step):
    await ctx.run_mutation("errands:note", {"errand": errand, "step": step})


@action(args={"errand": v.string(), "count": v.number()})
async def run_at_once(ctx, errand, count):
    """Take all steps at the same time."""
    async with trio.open_nursery() as nursery:
        for step in range(int(count)):
            nursery.start_soon(ctx.run_action, take_step, {"errand": errand, "step": step})
    return await ctx.run_query(steps, {"errand": errand})
