"""Functions that fail as functions do."""

from rtdb import mutation, query, v


@query
def raises(ctx):
    raise ValueError("the cupboard is bare")


@mutation(args={"name": v.string()})
def writes_and_raises(ctx, name):
    ctx.db.insert("counters", {"name": name, "count": 1})
    raise ValueError("none of this happened")
