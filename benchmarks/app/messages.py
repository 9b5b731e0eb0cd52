"""A chat channel: the query that thousands subscribe to."""

from rtdb import mutation, query, v


@query(args={"channel": v.string(), "count": v.optional(v.number())})
def list(ctx, channel, count=20):
    rows = ctx.db.query("messages").with_index("by_channel", lambda q: q.eq("channel", channel))
    return rows.order("desc").take(count)


@mutation(args={"channel": v.string(), "body": v.string()}, returns=v.id("messages"))
def send(ctx, channel, body):
    return ctx.db.insert("messages", {"channel": channel, "body": body})


@mutation(args={"channels": v.array(v.string()), "body": v.string()})
def send_to_all(ctx, channels, body):
    for channel in channels:
        ctx.db.insert("messages", {"channel": channel, "body": body})


@mutation(args={"channel": v.string(), "body": v.string()})
def replace(ctx, channel, body):
    newest = ctx.db.query("messages").with_index("by_channel", lambda q: q.eq("channel", channel)).order("desc").first()
    ctx.db.patch(newest["_id"], {"body": body})
