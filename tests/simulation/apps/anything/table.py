"""One query and one mutation that do whatever their arguments say, over a schema made for the occasion."""

from rtdb import UNDEFINED, mutation, query, v


def value_of(box):
    """A value travels in a list; an empty one stands for no value at all."""
    return box[0] if box else UNDEFINED


def narrowed(q, steps):
    for step in steps:
        q = getattr(q, step["op"])(step["field"], value_of(step["value"]))
    return q


def rows_of(ctx, ask):
    table = ctx.db.query(ask["table"])
    if ask["index"] is None:
        rows = table.full_table_scan()
    else:
        rows = table.with_index(ask["index"], lambda q: narrowed(q, ask["range"]))
    rows = rows.order(ask["order"])
    if ask["filter"] is not None:
        name, box = ask["filter"]
        rows = rows.filter(lambda q: q.eq(q.field(name), value_of(box)))
    return rows


@query(args={"ask": v.any()})
def read(ctx, ask):
    rows = rows_of(ctx, ask)
    match ask["how"]:
        case "collect":
            return rows.collect()
        case "take":
            return rows.take(2)
        case "until":
            # Stops in the middle of the range: what follows has not been read.
            seen = []
            for row in rows:
                seen.append(row["_id"])
                if "a" in row:
                    break
            return seen
        case "get":
            first = rows.first()
            return None if first is None else ctx.db.get(first["_id"])
        case "join":
            found = []
            for row in rows.take(3):
                other = ctx.db.query(ask["table"]).filter(lambda q, row=row: q.eq(q.field("b"), row.get("a")))
                found.append([row["_id"], len(other.collect())])
            return found


@mutation(args={"writes": v.any()})
def write(ctx, writes):
    for one in writes:
        if one["op"] == "insert":
            ctx.db.insert(one["table"], one["document"])
            continue
        rows = ctx.db.query(one["table"]).take(one["nth"] + 1)
        if not rows:
            continue
        chosen = rows[-1]["_id"]
        if one["op"] == "delete":
            ctx.db.delete(chosen)
        elif one["op"] == "patch":
            ctx.db.patch(chosen, {name: value_of(box) for name, box in one["fields"].items()})
        else:
            ctx.db.replace(chosen, one["document"])
