"""A list that is shown in pages."""

from rtdb import mutation, pagination_options_validator, pagination_result_validator, query, v


def entries(ctx, room):
    return ctx.db.query("entries").with_index("by_rank", lambda q: q.eq("room", room)).order("desc")


@query(
    args={"room": v.string(), "paginationOpts": pagination_options_validator},
    returns=pagination_result_validator(v.any()),
)
def pages(ctx, room, paginationOpts):
    return entries(ctx, room).paginate(paginationOpts)


@query(args={"room": v.string()})
def everything(ctx, room):
    return entries(ctx, room).collect()


@mutation(args={"room": v.string(), "ranks": v.array(v.number())})
def add(ctx, room, ranks):
    for rank in ranks:
        ctx.db.insert("entries", {"room": room, "rank": rank, "text": f"entry {rank}"})


@mutation(args={"room": v.string(), "ranks": v.array(v.number())})
def remove(ctx, room, ranks):
    for entry in entries(ctx, room):
        if entry["rank"] in ranks:
            ctx.db.delete(entry["_id"])


@mutation(args={"room": v.string(), "old": v.number(), "new": v.number()})
def move(ctx, room, old, new):
    for entry in entries(ctx, room).collect():
        if entry["rank"] == old:
            ctx.db.patch(entry["_id"], {"rank": new})
