"""Actions, and what they call."""

import trio

from rtdb import ConvexError, action, internal_action, internal_mutation, internal_query, mutation, query, v


@internal_mutation(args={"name": v.string()}, returns=v.id("notes"))
def add(ctx, name):
    return ctx.db.insert("notes", {"name": name})


@query(args={})
def names(ctx):
    return sorted(note["name"] for note in ctx.db.query("notes").collect())


@internal_query(args={"prefix": v.string()})
def count(ctx, prefix):
    return sum(1 for note in ctx.db.query("notes").collect() if note["name"].startswith(prefix))


@mutation(args={"name": v.string()})
def refuse(ctx, name):
    ctx.db.insert("notes", {"name": name})
    raise ConvexError({"refused": name})


@action(args={"name": v.string()}, returns=v.object({"before": v.number(), "after": v.number(), "id": v.id("notes")}))
async def record(ctx, name):
    """Read, write, and read what was written."""
    before = await ctx.run_query("tasks:count", {"prefix": name})
    id = await ctx.run_mutation(add, {"name": name})
    after = await ctx.run_query(count, {"prefix": name})
    return {"before": before, "after": after, "id": id}


@action(args={"name": v.string()})
async def chatter(ctx, name):
    print("this is", name)
    ctx.log.warn(f"that was {name}")


@action(args={"names": v.array(v.string())})
async def record_all(ctx, names):
    """Write many at once."""
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(ctx.run_mutation, "tasks:add", {"name": name})
    return len(names)


@internal_action(args={"name": v.string()})
async def hidden(ctx, name):
    await ctx.run_mutation(add, {"name": name})
    return f"hidden {name}"


@action(args={"name": v.string()})
async def outer(ctx, name):
    return await ctx.run_action("tasks:hidden", {"name": name})


@action(args={"name": v.string()})
async def try_to_write(ctx, name):
    """Go on after a mutation that fails."""
    try:
        await ctx.run_mutation("tasks:refuse", {"name": name})
    except ConvexError as error:
        return error.data
    return None


@action(args={"name": v.string()})
async def write_then_raise(ctx, name):
    await ctx.run_mutation("tasks:add", {"name": name})
    raise ConvexError({"gone wrong": name})


@action
async def who(ctx):
    return ctx.auth.get_user_identity()


@action(args={"note": v.id("notes")}, name="takeNote")
async def take_note(ctx, note):
    return note


@action(args={"n": v.number()}, returns=v.string())
async def wrong_result(ctx, n):
    return n


@action(args={})
async def forgets_to_await(ctx):
    ctx.run_mutation("tasks:add", {"name": "forgotten"})
    return "done"
