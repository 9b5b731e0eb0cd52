"""Values there and back."""

from rtdb import query, v

from .counters import find


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


@query(args={"name": v.string()})
def large(ctx, name):
    """Six megabytes, and a number that changes."""
    counter = find(ctx, name)
    return ["ü" * 3_000_000, counter["count"] if counter else 0]
