"""The two-account transfer: read both, write both."""

from rtdb import mutation, query, v


@mutation(args={"first": v.number(), "count": v.number(), "balance": v.number()}, returns=v.array(v.id("accounts")))
def create(ctx, first, count, balance):
    return [ctx.db.insert("accounts", {"number": first + offset, "balance": balance}) for offset in range(int(count))]


@mutation(args={"amount": v.number(), "from_id": v.id("accounts"), "to_id": v.id("accounts")})
def transfer(ctx, amount, from_id, to_id):
    source = ctx.db.get(from_id)
    target = ctx.db.get(to_id)
    ctx.db.patch(from_id, {"balance": source["balance"] - amount})
    ctx.db.patch(to_id, {"balance": target["balance"] + amount})


@query(args={"first": v.number(), "count": v.number()}, returns=v.number())
def total(ctx, first, count):
    rows = ctx.db.query("accounts").with_index(
        "by_number", lambda q: q.gte("number", first).lt("number", first + count)
    )
    return sum(row["balance"] for row in rows)
