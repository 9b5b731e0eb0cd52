"""Runs a program of tests/differential/programs.py, with the steps that test_languages.py adds: the interpreter of
script.ts, statement by statement.

A module of an app: it is written into one and imports nothing but what an app does.
"""

import json

from rtdb import UNDEFINED, ConvexError, mutation, query, v
from rtdb.errors import RtdbError
from rtdb.values.json_codec import decode, encode

MODULES = {"own": "snake", "other": "script"}


def named(ids, target):
    """Return a document's id by its table and number; whatever the number, there is one. ``ids`` are of both."""
    table, number = target
    those = [id for of, id in ids if of == table]
    return those[number % len(those)]


def given(value, ids):
    if isinstance(value, dict):
        if "$undefined" in value:
            return UNDEFINED
        if "$doc" in value:
            return named(ids, value["$doc"])
    return decode(json.dumps(value))


def fields_of(fields, ids):
    return {name: given(value, ids) for name, value in fields.items()}


def condition(q, node, ids):
    operator, *operands = node
    if operator == "field":
        return q.field(operands[0])
    if operator == "value":
        return given(operands[0], ids)
    name = {"and": "and_", "or": "or_", "not": "not_"}.get(operator, operator)
    return getattr(q, name)(*(condition(q, operand, ids) for operand in operands))


def described(ctx, step, ids):
    query = ctx.db.query(step["table"])
    if step["index"] is not None:

        def index_range(q):
            for operator, field, value in step["range"]:
                q = getattr(q, operator)(field, given(value, ids))
            return q

        query = query.with_index(step["index"], index_range)
    if step["order"] is not None:
        query = query.order(step["order"])
    for node in step["filters"]:
        query = query.filter(lambda q, node=node: condition(q, node, ids))
    return query


def insert(ctx, step, ids):
    ids.append([step["table"], ctx.db.insert(step["table"], fields_of(step["fields"], ids))])


def patch(ctx, step, ids):
    ctx.db.patch(named(ids, step["target"]), fields_of(step["fields"], ids))


def replace(ctx, step, ids):
    ctx.db.replace(named(ids, step["target"]), fields_of(step["fields"], ids))


def delete(ctx, step, ids):
    ctx.db.delete(named(ids, step["target"]))


def get(ctx, step, ids):
    return ctx.db.get(named(ids, step["target"]))


def get_in(ctx, step, ids):
    return ctx.db.get(step["table"], named(ids, step["target"]))


def normalize(ctx, step, ids):
    return ctx.db.normalize_id(step["table"], named(ids, step["target"]))


def collect(ctx, step, ids):
    return described(ctx, step, ids).collect()


def take(ctx, step, ids):
    return described(ctx, step, ids).take(step["n"])


def first(ctx, step, ids):
    return described(ctx, step, ids).first()


def unique(ctx, step, ids):
    return described(ctx, step, ids).unique()


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
        *(variable, identity, now, schedule, nested, ask),
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
            data = json.loads(encode(error.data)) if isinstance(error, ConvexError) else None
            results.append(["error", str(error), data])
    if plan["fails"]:
        raise ConvexError("as the program says")
    return json.dumps({"ids": ids, "results": results})


@mutation(args={"program": v.string()})
def run(ctx, program):
    return execute(ctx, program)


@query(args={"program": v.string()})
def look(ctx, program):
    return execute(ctx, program)
