"""Money that moves and never changes its sum."""

from rtdb import mutation, query, v


@mutation(args={"accounts": v.number(), "balance": v.number()})
def open_accounts(ctx, accounts, balance):
    for number in range(int(accounts)):
        ctx.db.insert("accounts", {"owner": str(number), "balance": balance})


def account(ctx, owner):
    return ctx.db.query("accounts").with_index("by_owner", lambda q: q.eq("owner", owner)).unique()


@mutation(args={"source": v.string(), "target": v.string(), "amount": v.number()})
def transfer(ctx, source, target, amount):
    giver, taker = account(ctx, source), account(ctx, target)
    ctx.db.patch(giver["_id"], {"balance": giver["balance"] - amount})
    ctx.db.patch(taker["_id"], {"balance": taker["balance"] + amount})


@query(args={"first": v.string(), "last": v.string()})
def sum_between(ctx, first, last):
    """The sum of the accounts from ``first`` up to, and not including, ``last``."""
    accounts = ctx.db.query("accounts").with_index("by_owner", lambda q: q.gte("owner", first).lt("owner", last))
    return sum(account["balance"] for account in accounts)


@query
def total(ctx):
    return sum(account["balance"] for account in ctx.db.query("accounts"))
