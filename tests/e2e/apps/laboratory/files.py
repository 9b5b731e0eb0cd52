"""Files without anything around them."""

from rtdb import Response, action, http_action, mutation, query


@mutation
def upload_url(ctx):
    return ctx.storage.generate_upload_url()


@query
def url(ctx, id):
    return ctx.storage.get_url(id)


@query
def metadata(ctx, id):
    return ctx.storage.get_metadata(id)


@query
def document(ctx, id):
    return ctx.db.system.get(id)


@query
def all(ctx):
    return ctx.db.system.query("_storage").collect()


@mutation
def delete(ctx, id):
    ctx.storage.delete(id)


@mutation
def delete_and_fail(ctx, id):
    ctx.storage.delete(id)
    raise ValueError("after all, no")


@mutation
def delete_by_hand(ctx, id):
    ctx.db.delete(id)


@action
async def copy(ctx, id):
    return await ctx.storage.store(await ctx.storage.get(id))


@action
async def count(ctx, id):
    """The number of bytes that are not zero: what a client has sent, read where functions run."""
    blob = await ctx.storage.get(id)
    if blob is None:
        return None
    found = 0
    async for piece in blob:
        found += len(piece) - piece.count(0)
    return found


@http_action
async def upload(ctx, request):
    return Response.json(await ctx.storage.store(request, request.headers.get("Content-Type")))


@http_action
async def download(ctx, request):
    blob = await ctx.storage.get(request.path.removeprefix("/files/"))
    if blob is None:
        return Response("no such file", 404)
    return Response(blob, headers={"Content-Type": blob.content_type})
