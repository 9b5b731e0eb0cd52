"""Lists that numbers are appended to, several in one transaction.

Those whose name begins with "a" are arrays in a document of their own; the others are rows, numbered within their list,
so that reading one reads a range.
"""

from contextlib import suppress

from rtdb import ConvexError, mutation, query, v

Steps = v.array(v.any())


def array(ctx, key):
    return ctx.db.query("arrays").with_index("by_key", lambda q: q.eq("key", key)).first()


def rows(ctx, key):
    return ctx.db.query("rows").with_index("by_key", lambda q: q.eq("key", key))


def values(ctx, key):
    if key.startswith("a"):
        found = array(ctx, key)
        return [] if found is None else found["values"]
    return [row["value"] for row in rows(ctx, key)]


def append(ctx, key, value):
    if not key.startswith("a"):
        last = rows(ctx, key).order("desc").first()
        ctx.db.insert("rows", {"key": key, "place": 0 if last is None else last["place"] + 1, "value": value})
        return
    found = array(ctx, key)
    if found is None:
        ctx.db.insert("arrays", {"key": key, "values": [value]})
    else:
        ctx.db.patch(found["_id"], {"values": [*found["values"], value]})


def carry_out(ctx, steps):
    """``["append", key, value]``, ``["read", key]``, ``["work", rounds]``, and ``["undo", steps]``: a nested call that
    fails. Return what was read, in order."""
    seen = []
    for what, *rest in steps:
        match what:
            case "append":
                append(ctx, *rest)
            case "read":
                seen.append(values(ctx, *rest))
            case "work":
                for _ in range(int(rest[0])):
                    pass
            case "undo":
                with suppress(ConvexError):
                    ctx.run_mutation("lists:transact", {"steps": [*rest[0], ["fail"]]})
            case "fail":
                raise ConvexError("as asked")
    return seen


@mutation(args={"steps": Steps})
def transact(ctx, steps):
    return carry_out(ctx, steps)


@mutation(args={"steps": Steps})
def transact_slowly(ctx, steps):
    """For the pool: what is known to be fast runs in the lane."""
    return carry_out(ctx, steps)


@query(args={"keys": v.array(v.string())})
def show(ctx, keys):
    return [[key, values(ctx, key)] for key in keys]
