import trio

from rtdb import ConvexError, Response, http_action, mutation, query, v


@query
def visits(ctx):
    return [visit["path"] for visit in ctx.db.query("visits").collect()]


@mutation(args={"path": v.string()})
def visit(ctx, path):
    ctx.db.insert("visits", {"path": path})


@http_action
async def hello(ctx, request):
    name = request.query.get("name", "you")
    print("hello", name)
    return Response(f"hello {name}", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])


@http_action
async def answer(ctx, request):
    return Response.json({"method": request.method, "url": request.url, "path": request.path})


@http_action
async def echo(ctx, request):
    return Response(request.__aiter__(), headers={"Content-Type": request.headers.get("Content-Type", "text/plain")})


@http_action
async def count(ctx, request):
    total = 0
    async for chunk in request:
        total += len(chunk)
    await ctx.run_mutation("pages:visit", {"path": request.path})
    return Response.json({"bytes": total, "visits": len(await ctx.run_query(visits))})


@http_action
async def fail(ctx, request):
    body = await request.json()
    raise ConvexError({"refused": body})


@http_action
async def broken(ctx, request):
    async def pieces():
        yield b"first"
        raise RuntimeError("out of order")

    return Response(pieces())


@http_action
async def wrong(ctx, request):
    return {"not": "a response"}


@http_action
async def identity(ctx, request):
    return Response.json(ctx.auth.get_user_identity())


@http_action
async def numbers(ctx, request):
    """As many bytes as the path says, in pieces; ``?wait`` is the pause between them."""
    total = int(request.path.rpartition("/")[2])
    wait = float(request.query.get("wait", 0))

    async def pieces():
        block = bytes(range(256)) * 256
        sent = 0
        try:
            while sent < total:
                yield block[: total - sent]
                sent += len(block)
                await trio.sleep(wait)
        finally:
            with trio.move_on_after(5, shield=True):
                await ctx.run_mutation("pages:visit", {"path": f"ended {request.path} {sent >= total}"})

    return Response(pieces(), headers={"Content-Length": str(total)} if "length" in request.query else {})


@http_action
async def keep(ctx, request):
    await ctx.run_mutation(visit, {"path": f"began {request.path}"})
    try:
        body = await request.bytes()
    except Exception as error:
        await ctx.run_mutation(visit, {"path": str(error)})
        raise
    return Response.json(len(body))


@http_action
async def slow(ctx, request):
    await ctx.run_mutation(visit, {"path": f"began {request.path}"})
    for _ in range(500):
        if request.is_disconnected:
            break
        await trio.sleep(0.01)
    await ctx.run_mutation(visit, {"path": f"done {request.path} {request.is_disconnected}"})
    return Response("nobody hears this")


@http_action
async def whole(ctx, request):
    return Response(bytes(int(request.path.rpartition("/")[2])))
