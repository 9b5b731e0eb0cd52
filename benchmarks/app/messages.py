"""A chat channel: the query that thousands subscribe to."""

from rtdb import mutation, query, v


@query(args={"channel": v.string()})
def list(ctx, channel):
    return ctx.db.query("messages").with_index("by_channel", lambda q: q.eq("channel", channel)).order("desc").take(20)


@mutation(args={"channel": v.string(), "body": v.string()}, returns=v.id("messages"))
def send(ctx, channel, body):
    return ctx.db.insert("messages", {"channel": channel, "body": body})
