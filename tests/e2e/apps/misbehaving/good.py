from rtdb import mutation, query


@query
def notes(ctx):
    return ctx.db.query("notes").collect()


@mutation
def increment(ctx):
    counter = ctx.db.query("counters").first()
    if counter is None:
        ctx.db.insert("counters", {"value": 1})
        return 1
    ctx.db.patch(counter["_id"], {"value": counter["value"] + 1})
    return counter["value"] + 1
