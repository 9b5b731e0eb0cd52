"""Functions that take as long as they are told to."""

import os
import time

from rtdb import mutation, query, v


@query(args={"seconds": v.number()})
def nap(ctx, seconds):
    time.sleep(seconds)
    return seconds


@mutation(args={"seconds": v.number()})
def slow_write(ctx, seconds):
    os.write(2, b"slow_write has begun\n")
    time.sleep(seconds)
    ctx.db.insert("marks", {"seconds": seconds})


@mutation
def add(ctx):
    ctx.db.insert("marks", {"seconds": 0})


@query
def count(ctx):
    return len(ctx.db.query("marks").collect())


@mutation
def increment(ctx):
    counter = ctx.db.query("counters").first()
    if counter is None:
        ctx.db.insert("counters", {"n": 1})
        return 1
    ctx.db.patch(counter["_id"], {"n": counter["n"] + 1})
    return counter["n"] + 1


@query
def counted(ctx):
    counter = ctx.db.query("counters").first()
    return counter["n"] if counter else 0
