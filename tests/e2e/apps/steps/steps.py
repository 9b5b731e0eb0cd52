"""A query and a mutation that do whatever their arguments say. ``tests/model/naive_database.py`` says what that is.

A value that may be absent travels in a list; an empty one stands for no value at all.
"""

from rtdb import UNDEFINED, ConvexError, mutation, query, v


def value_of(box):
    return box[0] if box else UNDEFINED


def expression(q, tree):
    what, *operands = tree
    match what:
        case "field":
            return q.field(operands[0])
        case "value":
            return value_of(operands[0])
        case "and" | "or" | "not":
            return getattr(q, what + "_")(*(expression(q, operand) for operand in operands))
        case _:
            return getattr(q, what)(*(expression(q, operand) for operand in operands))


def narrowed(q, bounds):
    for operator, field, box in bounds:
        q = getattr(q, operator)(field, value_of(box))
    return q


def rows_of(ctx, ask):
    rows = ctx.db.query(ask["table"])
    if ask["index"] is None:
        rows = rows.full_table_scan()
    else:
        rows = rows.with_index(ask["index"], lambda q: narrowed(q, ask["range"]))
    rows = rows.order(ask["order"])
    for what, operand in ask["stages"]:
        rows = rows.limit(operand) if what == "limit" else rows.filter(lambda q, tree=operand: expression(q, tree))
    return rows


def carry_out(ctx, steps):
    inserted = []

    def document_id(reference):
        return reference if isinstance(reference, str) else inserted[int(reference)]

    def one(step):
        match step:
            case ["insert", table, fields]:
                inserted.append(ctx.db.insert(table, fields))
                return [inserted[-1], ctx.db.get(inserted[-1])["_creationTime"]]
            case ["patch", reference, boxes]:
                return ctx.db.patch(document_id(reference), {name: value_of(box) for name, box in boxes.items()})
            case ["replace", reference, fields]:
                return ctx.db.replace(document_id(reference), fields)
            case ["delete", reference]:
                return ctx.db.delete(document_id(reference))
            case ["get", reference]:
                return ctx.db.get(document_id(reference))
            case ["normalize", table, reference]:
                return ctx.db.normalize_id(table, document_id(reference))
            case ["raise", data]:
                raise ConvexError(data)
            case ["read", ask, "collect"]:
                return rows_of(ctx, ask).collect()
            case ["read", ask, "first"]:
                return rows_of(ctx, ask).first()
            case ["read", ask, "unique"]:
                return rows_of(ctx, ask).unique()
            case ["look", inner]:
                return ctx.run_query("steps:look", {"steps": inner})
            case ["nested", inner]:
                return ctx.run_mutation("steps:act", {"steps": inner})
            case ["try", inner]:
                try:
                    return one(inner)
                except ConvexError as error:
                    return {"raised": error.data}
                except Exception:
                    return "failed"
            case _:
                raise ValueError(f"asked to fail: {step}")

    return [one(step) for step in steps]


@query(args={"steps": v.array(v.any())})
def look(ctx, steps):
    return carry_out(ctx, steps)


@mutation(args={"steps": v.array(v.any())})
def act(ctx, steps):
    return carry_out(ctx, steps)


@query(args={"ask": v.any(), "options": v.any()})
def page(ctx, ask, options):
    return rows_of(ctx, ask).paginate(options)
