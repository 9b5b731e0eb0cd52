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


@query
def query_raises_convex_error(ctx):
    raise ConvexError({"kind": "full"})


@mutation
def passes_on(ctx):
    return ctx.run_mutation("trouble:raises_convex_error")


@mutation(args={"name": v.string()})
def carries_on(ctx, name):
    """Count, and go on counting after a nested mutation has failed."""
    ctx.run_mutation("counters:increment", {"name": name})
    try:
        ctx.run_mutation("trouble:writes_and_raises", {"name": name})
    except Exception as error:
        ctx.run_mutation("counters:increment", {"name": name})
        return [ctx.run_query("counters:get", {"name": name}), "none of this happened" in str(error)]
