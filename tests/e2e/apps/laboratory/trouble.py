"""Functions that fail as functions do."""

from rtdb import ConvexError, mutation, query, v


@query
def raises(ctx):
    raise ValueError("the cupboard is bare")


@mutation(args={"name": v.string()})
def writes_and_raises(ctx, name):
    ctx.db.insert("counters", {"name": name, "count": 1})
    raise ValueError("none of this happened")


@mutation
def raises_in_mutation(ctx):
    raise ValueError("the cupboard is bare")


@mutation
def raises_convex_error(ctx):
    raise ConvexError({"kind": "full"})
