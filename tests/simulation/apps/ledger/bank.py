"""Money that moves and never changes its sum, counters, and books of numbered entries.

``ledger_model.py`` says what each mutation must return when they are run one after the other.
"""

from rtdb import ConvexError, mutation, query, v

OPENING = 100


def account(ctx, owner):
    found = ctx.db.query("accounts").with_index("by_owner", lambda q: q.eq("owner", owner)).unique()
    if found is None:
        ctx.db.insert("accounts", {"owner": owner, "balance": OPENING})
        return account(ctx, owner)
    return found


@mutation(args={"source": v.string(), "target": v.string(), "amount": v.number()})
def transfer(ctx, source, target, amount):
    giver = account(ctx, source)
    if giver["balance"] < amount:
        raise ConvexError({"short": amount - giver["balance"]})
    ctx.db.patch(giver["_id"], {"balance": giver["balance"] - amount})
    taker = account(ctx, target)
    ctx.db.patch(taker["_id"], {"balance": taker["balance"] + amount})
    return [account(ctx, source)["balance"], account(ctx, target)["balance"]]


@mutation(args={"first": v.string(), "last": v.string()})
def level(ctx, first, last):
    """Give the accounts of a range equal parts, the rest to the first; a slow one, for the pool."""
    accounts = ctx.db.query("accounts").with_index("by_owner", lambda q: q.gte("owner", first).lt("owner", last))
    found = accounts.collect()
    if not found:
        return 0
    total = sum(one["balance"] for one in found)
    share, rest = divmod(total, len(found))
    for place, one in enumerate(found):
        ctx.db.patch(one["_id"], {"balance": share + (rest if place == 0 else 0)})
    return total


@mutation(args={"name": v.string()})
def increment(ctx, name):
    counter = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    if counter is None:
        ctx.db.insert("counters", {"name": name, "count": 1})
        return 1
    ctx.db.patch(counter["_id"], {"count": counter["count"] + 1})
    return counter["count"] + 1


def last_number(ctx, book):
    entry = ctx.db.query("entries").with_index("by_book", lambda q: q.eq("book", book)).order("desc").first()
    return 0 if entry is None else entry["number"]


@mutation(args={"book": v.string(), "text": v.string()})
def append(ctx, book, text):
    """Add an entry with the next number; two that read the same last one conflict."""
    number = last_number(ctx, book) + 1
    ctx.db.insert("entries", {"book": book, "number": number, "text": text})
    return number


@mutation(args={"book": v.string()})
def strike(ctx, book):
    """Delete the last entry; say which it was."""
    entry = ctx.db.query("entries").with_index("by_book", lambda q: q.eq("book", book)).order("desc").first()
    if entry is None:
        return None
    ctx.db.delete(entry["_id"])
    return entry["text"]


@query(args={"owner": v.string()})
def balance(ctx, owner):
    found = ctx.db.query("accounts").with_index("by_owner", lambda q: q.eq("owner", owner)).unique()
    return None if found is None else found["balance"]


@query
def total(ctx):
    """The sum over all accounts, and how many there are."""
    found = ctx.db.query("accounts").collect()
    return [sum(one["balance"] for one in found), len(found)]


@query
def total_slowly(ctx):
    found = ctx.db.query("accounts").collect()
    return [sum(one["balance"] for one in found), len(found)]


@query(args={"name": v.string()})
def count(ctx, name):
    counter = ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()
    return 0 if counter is None else counter["count"]


@query(args={"book": v.string(), "newest": v.number()})
def page(ctx, book, newest):
    entries = ctx.db.query("entries").with_index("by_book", lambda q: q.eq("book", book)).order("desc").take(newest)
    return [[entry["number"], entry["text"]] for entry in entries]


@query(args={"book": v.string()})
def must_have_entries(ctx, book):
    """Fails while a book is empty."""
    if last_number(ctx, book) == 0:
        raise ConvexError({"empty": book})
    return last_number(ctx, book)
