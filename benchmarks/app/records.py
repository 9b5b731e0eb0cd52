"""Records in groups: what queries, pages and larger mutations are measured with."""

from rtdb import mutation, pagination_options_validator, query, v

GROUP_SIZE = 50


@mutation(args={"first": v.number(), "count": v.number(), "body": v.string()})
def insert(ctx, first, count, body):
    for number in range(int(first), int(first + count)):
        record = {"number": number, "group": f"group{number // GROUP_SIZE}", "body": body, "read": False}
        ctx.db.insert("records", record)


@query(args={"group": v.string()})
def of_group(ctx, group):
    return ctx.db.query("records").with_index("by_group", lambda q: q.eq("group", group)).collect()


@query(args={"count": v.number()}, returns=v.number())
def count_read(ctx, count):
    rows = ctx.db.query("records").with_index("by_number").take(count)
    return sum(row["read"] for row in rows)


@query(args={"paginationOpts": pagination_options_validator})
def pages(ctx, paginationOpts):
    return ctx.db.query("records").with_index("by_number").paginate(paginationOpts)
