"""Everybody writes the same document."""

from rtdb import action, mutation, query, v


def find(ctx, name):
    return ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()


@query(args={"name": v.string()})
def get(ctx, name):
    counter = find(ctx, name)
    return counter["count"] if counter else 0


@mutation(args={"name": v.string()}, returns=v.number())
def increment(ctx, name):
    counter = find(ctx, name)
    if counter is None:
        ctx.db.insert("counters", {"name": name, "count": 1})
        return 1
    ctx.db.patch(counter["_id"], {"count": counter["count"] + 1})
    return counter["count"] + 1


@action(args={"name": v.string(), "times": v.number()})
async def increment_often(ctx, name, times):
    return [await ctx.run_mutation(increment, {"name": name}) for _ in range(int(times))]
