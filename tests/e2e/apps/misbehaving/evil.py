"""Functions that do what functions must not."""

import os
import re

from rtdb import mutation, query


class Unknown:
    pass


@query
def loop(ctx):
    while True:
        pass


@query
def backtrack(ctx):
    """Loop inside C code, where no signal handler or watchdog thread gets a turn."""
    return bool(re.match(r"(a+)+$", "a" * 64 + "b"))


@mutation
def loop_after_write(ctx):
    ctx.db.insert("notes", {"body": "must never be seen"})
    while True:
        pass


@query
def allocate(ctx):
    kept = []
    while True:
        kept.append(bytes(16 * 1024 * 1024))  # not touched, so that a busy machine meets the bound in time too


@mutation
def raise_after_write(ctx):
    ctx.db.insert("notes", {"body": "must never be seen"})
    raise ValueError("on purpose")


@query
def unknown_type(ctx):
    return {"inner": [Unknown()]}


@query
def end_process(ctx):
    os._exit(3)


@mutation
def end_process_after_write(ctx):
    ctx.db.insert("notes", {"body": "must never be seen"})
    os._exit(3)


@query
def recurse(ctx):
    return _deeper(0)


def _deeper(depth):
    return _deeper(depth + 1)
