"""Runs a program of tests/differential/programs.py, with the steps that test_languages.py adds: the interpreter of
script.ts, statement by statement.

A module of an app: it is written into one, beside tests/differential/app/program.py, which has the steps of both.
"""

import json

from rtdb import ConvexError, mutation, query, v
from rtdb.errors import RtdbError
from rtdb.values.json_codec import decode, encode

from .program import (
    collect,
    delete,
    described,
    first,
    get,
    get_in,
    insert,
    normalize,
    patch,
    replace,
    take,
    unique,
)

MODULES = {"own": "snake", "other": "script"}


def page(ctx, step, ids):
    return described(ctx, step, ids).paginate({"cursor": None, **step["options"]})


def loop(ctx, step, ids):
    seen = []
    for row in described(ctx, step, ids):
        seen.append(row)
        if len(seen) == step["rows"]:
            break
        if step["write"] == "patch":
            ctx.db.patch(row["_id"], {"n": 7})
        if step["write"] == "delete":
            ctx.db.delete(row["_id"])
        if step["write"] == "insert":
            ids.append(["loose", ctx.db.insert("loose", {"n": len(seen)})])
    return seen


def together(ctx, step, ids):
    results = []
    for inner in step["steps"]:
        try:
            results.append(PERFORM[inner["op"]](ctx, inner, ids))
        except RtdbError as error:
            results.append(error.message)
    return results


def variable(ctx, step, ids):
    return ctx.env.get(step["name"])


def identity(ctx, step, ids):
    return ctx.auth.get_user_identity()


def now(ctx, step, ids):
    return ctx.now()


def metrics(ctx, step, ids):
    return ctx.meta.get_transaction_metrics()


def schedule(ctx, step, ids):
    return ctx.scheduler.run_after(step["delay"], f"{MODULES[step['language']]}:run", {"program": ""})


def nested(ctx, step, ids):
    program = json.dumps({**step["program"], "ids": ids})
    path = f"{MODULES[step['language']]}:run"
    inner = json.loads(ctx.run_mutation(path, {"program": program}, transaction_limits=step["limits"]))
    ids[:] = inner["ids"]
    return [decode(json.dumps(result)) for result in inner["results"]]


def ask(ctx, step, ids):
    program = json.dumps({**step["program"], "ids": ids})
    path = f"{MODULES[step['language']]}:look"
    inner = json.loads(ctx.run_query(path, {"program": program}, use_stale_snapshot=step["stale"]))
    return [decode(json.dumps(result)) for result in inner["results"]]


PERFORM = {
    function.__name__: function
    for function in (
        *(insert, patch, replace, delete, get, get_in, normalize, collect, take, first, unique, page, loop, together),
        *(variable, identity, now, metrics, schedule, nested, ask),
    )
}


def execute(ctx, program):
    plan = json.loads(program)
    ids, results = plan["ids"], []
    for step in plan["steps"]:
        try:
            value = PERFORM[step["op"]](ctx, step, ids)
            results.append(json.loads(encode(["ok", value])))
        except (KeyError, IndexError, AttributeError, TypeError):
            raise  # a mistake of ours
        except Exception as error:
            if plan["fails"] == "at once":
                raise
            data = json.loads(encode(error.data)) if isinstance(error, ConvexError) else None
            results.append(["error", str(error), data])
    if plan["fails"] == "in the end":
        raise ConvexError("as the program says")
    return json.dumps({"ids": ids, "results": results})


@mutation(args={"program": v.string()})
def run(ctx, program):
    return execute(ctx, program)


@query(args={"program": v.string()})
def look(ctx, program):
    return execute(ctx, program)
