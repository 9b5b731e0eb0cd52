from rtdb import mutation, query, v


@mutation(args={"client": v.number(), "number": v.number()})
def add(ctx, client, number):
    ctx.db.insert("entries", {"client": client, "number": number})


@query(args={"client": v.number()})
def last(ctx, client):
    row = ctx.db.query("entries").with_index("by_client", lambda q: q.eq("client", client)).order("desc").first()
    return None if row is None else row["number"]


@query(args={"client": v.number(), "start": v.number(), "count": v.number()})
def page(ctx, client, start, count):
    rows = ctx.db.query("entries").with_index("by_client", lambda q: q.eq("client", client).gte("number", start))
    return [row["number"] for row in rows.take(count)]
