"""The app that runs a program of `tests/differential/programs.py`: the interpreter of convex_test.mjs once more.

A module of an app: it is written into one and imports nothing but what an app does.
"""

import json

from rtdb import UNDEFINED, mutation, query, v
from rtdb.values.json_codec import decode, encode


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
    result = described(ctx, step, ids).paginate(step["options"])
    return {name: result[name] for name in ("page", "isDone", "continueCursor")}


def nested(ctx, step, ids):
    inner = json.loads(ctx.run_mutation("program:run", {"program": json.dumps({**step["program"], "ids": ids})}))
    ids[:] = inner["ids"]
    return [decode(json.dumps(result)) for result in inner["results"]]


PERFORM = {
    function.__name__: function
    for function in (insert, patch, replace, delete, get, get_in, normalize, collect, take, first, unique, page, nested)
}


def execute(ctx, program):
    plan = json.loads(program)
    ids, results = plan["ids"], []
    for step in plan["steps"]:
        try:
            value = PERFORM[step["op"]](ctx, step, ids)
            results.append(json.loads(encode(["ok", value])))
        except (KeyError, IndexError, AttributeError):
            raise  # a mistake of ours
        except Exception:
            results.append(["error"])
    if plan["fails"]:
        raise ValueError("as the program says")
    return json.dumps({"ids": ids, "results": results})


@mutation(args={"program": v.string()})
def run(ctx, program):
    return execute(ctx, program)


@query(args={"program": v.string()})
def look(ctx, program):
    return execute(ctx, program)
