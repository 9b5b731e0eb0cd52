"""Values there and back."""

from rtdb import query, v


@query(args={"value": v.any()})
def echo(ctx, value):
    return value


@query(args={"word": v.union(v.literal("yes"), v.literal("no"))}, returns=v.string())
def strict(ctx, word):
    return word


@query
def logged(ctx):
    print("one", 2)
    return "logged"
