"""Cron jobs that write down when they ran."""

from rtdb import internal_mutation, query


@internal_mutation
def run(ctx, cron):
    ctx.db.insert("runs", {"cron": cron, "at": ctx.now()})


@query
def runs(ctx):
    return [[row["cron"], row["at"]] for row in ctx.db.query("runs").collect()]
