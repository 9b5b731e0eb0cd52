"""Results that depend on who asks: always, or only at times."""

from rtdb import query, v

from .counters import find


@query
def me(ctx):
    return ctx.auth.get_user_identity()


@query(args={"name": v.string()})
def greeting(ctx, name):
    """The same for everybody while the counter is even, and a greeting by name while it is odd."""
    counter = find(ctx, name)
    count = counter["count"] if counter else 0
    if count % 2 == 0:
        return [count, None]
    identity = ctx.auth.get_user_identity()
    return [count, identity["subject"] if identity else "nobody"]
