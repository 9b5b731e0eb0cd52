"""Functions that are scheduled, and those that schedule them."""

import trio

from rtdb import ConvexError, action, internal_action, internal_mutation, mutation, query


@mutation
def plan(ctx, batch, numbers, kind="write", delay=0.0):
    """Schedule one job for each number, and write down which."""
    for number in numbers:
        job = ctx.scheduler.run_after(delay, f"jobs:{kind}", {"batch": batch, "number": number})
        ctx.db.insert("plans", {"batch": batch, "number": number, "job": job, "kind": kind})


@action
async def plan_by_action(ctx, batch, number, fail=False):
    job = await ctx.scheduler.run_after(0, "jobs:write", {"batch": batch, "number": number})
    if fail:
        raise ConvexError("failed after scheduling")
    return job


@action
async def cancel_by_action(ctx, job):
    await ctx.scheduler.cancel(job)


@mutation
def cancel(ctx, job):
    ctx.scheduler.cancel(job)


@internal_mutation
def write(ctx, batch, number):
    ctx.db.insert("runs", {"batch": batch, "number": number, "at": ctx.now()})


@internal_mutation
def chain(ctx, batch, number):
    """Write, and schedule the next one."""
    write(ctx, batch=batch, number=number)
    if number > 0:
        ctx.scheduler.run_after(0, chain, {"batch": batch, "number": number - 1})


@internal_mutation
def refuse(ctx, batch, number):
    write(ctx, batch=batch, number=number)
    raise ConvexError({"refused": number})


@internal_mutation
def who(ctx, batch, number):
    if ctx.auth.get_user_identity() is None:
        write(ctx, batch=batch, number=number)


@internal_action
async def act(ctx, batch, number):
    await ctx.run_mutation(write, {"batch": batch, "number": number})


@internal_action
async def dawdle(ctx, batch, number):
    """Write, wait for long, and schedule something."""
    await ctx.run_mutation(write, {"batch": batch, "number": number})
    await trio.sleep(1.0)
    await ctx.scheduler.run_after(0, "jobs:write", {"batch": f"{batch}, later", "number": number})


@internal_action
async def linger(ctx, batch, number):
    """Write, wait until the number after it is written too, and schedule something."""
    await ctx.run_mutation(write, {"batch": batch, "number": number})
    while number + 1 not in await ctx.run_query(ran, {"batch": batch}):  # noqa: ASYNC110  # nobody here could set an event
        await trio.sleep(0.02)
    await ctx.scheduler.run_after(0, "jobs:write", {"batch": f"{batch}, later", "number": number})


@query
def ran(ctx, batch):
    """The numbers that have been written, in order, as often as they were."""
    rows = ctx.db.query("runs").with_index("by_number", lambda q: q.eq("batch", batch)).collect()
    return [row["number"] for row in rows]


@query
def planned(ctx, batch, after=-1, count=1000):
    """Numbers, kinds and states of jobs that were planned, some at a time."""
    rows = (
        ctx.db.query("plans")
        .with_index("by_number", lambda q: q.eq("batch", batch).gt("number", after))
        .take(int(count))
    )
    return [[row["number"], row["kind"], ctx.db.system.get(row["job"])["state"]["kind"]] for row in rows]


@query
def job(ctx, batch, number):
    row = ctx.db.query("plans").with_index("by_number", lambda q: q.eq("batch", batch).eq("number", number)).unique()
    return ctx.db.system.get(row["job"])


@query
def states(ctx):
    return [job["state"]["kind"] for job in ctx.db.system.query("_scheduled_functions").take(1000)]


@internal_mutation
def tick(ctx, cron):
    ctx.db.insert("ticks", {"cron": cron, "at": ctx.now()})


@internal_action
async def tick_by_action(ctx, cron):
    await ctx.run_mutation(tick, {"cron": cron})


@query
def ticks(ctx, cron):
    rows = ctx.db.query("ticks").with_index("by_cron", lambda q: q.eq("cron", cron)).order("desc").take(1000)
    return [row["at"] for row in rows]


@mutation
def cancel_number(ctx, batch, number):
    """Cancel the job that was planned under a number, if there is one."""
    row = ctx.db.query("plans").with_index("by_number", lambda q: q.eq("batch", batch).eq("number", number)).unique()
    if row is not None:
        ctx.scheduler.cancel(row["job"])


@query
def unfinished(ctx):
    """How many jobs have not ended, among the newest thousand."""
    jobs = ctx.db.system.query("_scheduled_functions").order("desc").take(1000)
    return sum(job["state"]["kind"] in ("pending", "inProgress") for job in jobs)
