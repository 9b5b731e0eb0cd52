"""What the ledger's mutations do, as plain Python on dictionaries: the serial history that the real one must equal."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import msgspec

from rtdb.testing.simulation import Chance, Committed, SimulatedClient, World

__all__ = ["OWNERS", "QUERIES", "Ledger", "check_requests", "encoded", "random_mutation", "use_ledger"]

OPENING = 100
OWNERS = ("ann", "bob", "cid", "dot")
NAMES = ("red", "blue")
BOOKS = ("log", "diary")

QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("bank:total", {}),
    ("bank:total_slowly", {}),
    *(("bank:balance", {"owner": owner}) for owner in OWNERS),
    *(("bank:count", {"name": name}) for name in NAMES),
    *(("bank:page", {"book": book, "newest": newest}) for book in BOOKS for newest in (1, 3)),
    *(("bank:must_have_entries", {"book": book}) for book in BOOKS),
]


def encoded(args: dict[str, Any]) -> bytes:
    return msgspec.json.encode(args)


def random_mutation(chance: random.Random) -> tuple[str, bytes]:
    """Return a mutation's path and arguments."""
    match chance.randrange(8):
        case 0 | 1:
            return "bank:increment", encoded({"name": chance.choice(NAMES)})
        case 2 | 3:
            source, target = chance.choice(OWNERS), chance.choice(OWNERS)
            return "bank:transfer", encoded({"source": source, "target": target, "amount": chance.randrange(60)})
        case 4:
            return "bank:level", encoded({"first": chance.choice(OWNERS), "last": "zed"})
        case 5 | 6:
            return "bank:append", encoded({"book": chance.choice(BOOKS), "text": chance.choice("abcdef")})
        case _:
            return "bank:strike", encoded({"book": chance.choice(BOOKS)})


class Ledger:
    """The tables as dictionaries. Every method returns what the mutation of its name returns."""

    def __init__(self) -> None:
        self.accounts: dict[str, int] = {}
        self.counters: dict[str, int] = {}
        self.books: dict[str, list[tuple[int, str]]] = {}

    def run(self, path: str, args: bytes) -> Any:
        return getattr(self, path.removeprefix("bank:"))(**msgspec.json.decode(args))

    def transfer(self, source: str, target: str, amount: int) -> list[int]:
        assert self.accounts.setdefault(source, OPENING) >= amount, "a transfer that is too large does not commit"
        self.accounts[source] -= amount
        self.accounts[target] = self.accounts.get(target, OPENING) + amount
        return [self.accounts[source], self.accounts[target]]

    def level(self, first: str, last: str) -> int:
        owners = sorted(owner for owner in self.accounts if first <= owner < last)
        if not owners:
            return 0
        total = sum(self.accounts[owner] for owner in owners)
        share, rest = divmod(total, len(owners))
        for place, owner in enumerate(owners):
            self.accounts[owner] = share + (rest if place == 0 else 0)
        return total

    def increment(self, name: str) -> int:
        self.counters[name] = self.counters.get(name, 0) + 1
        return self.counters[name]

    def append(self, book: str, text: str) -> int:
        entries = self.books.setdefault(book, [])
        number = entries[-1][0] + 1 if entries else 1
        entries.append((number, text))
        return number

    def strike(self, book: str) -> str | None:
        entries = self.books.get(book)
        return entries.pop()[1] if entries else None

    def query(self, path: str, args: dict[str, Any]) -> Any:
        """Return what a query must say, None where it must fail."""
        match path.removeprefix("bank:"):
            case "total" | "total_slowly":
                return [sum(self.accounts.values()), len(self.accounts)]
            case "balance":
                return self.accounts.get(args["owner"])
            case "count":
                return self.counters.get(args["name"], 0)
            case "page":
                entries = self.books.get(args["book"], [])
                return [[number, text] for number, text in reversed(entries[-args["newest"] :])]
            case _:
                entries = self.books.get(args["book"], [])
                return entries[-1][0] if entries else None


def use_ledger(world: World, *, clients: int, mutation_every: float) -> None:
    """Have clients watch some of the queries and mutate, each at its own pace, until the world is calm."""
    for _ in range(clients):
        client = world.add_client()
        for path, args in world.chance.sample(QUERIES, 4):
            client.subscribe(path, encoded(args))
        world.every(mutation_every, partial(_mutate, client, world.chance))


def _mutate(client: SimulatedClient, chance: Chance) -> None:
    # A user who waits for answers: what is sent again after a loss of connection stays within reason.
    if client.unfinished < 8:
        client.mutate(*random_mutation(chance))


def check_requests(world: World) -> None:
    """The committed history equals a serial one, holds everything acknowledged, and everything at most once."""
    committed = world.history.committed
    by_request = {(one.session, one.request): one for one in committed}
    assert len(by_request) == len(committed), "a mutation is applied once, however often it is sent"
    ledger = _check_serial(world, committed)
    for client in world.clients:
        session = str(client.core.session_id)
        for number, request in client.requests.items():
            one = by_request.get((session, number))
            assert request.outcome is not None
            if request.outcome.failure is None:
                assert one is not None, f"{session} {number} was acknowledged and is not there"
                # A mutation sent again while its first attempt is still pending in the lane is answered a little later.
                assert one.ts <= request.ts, f"{session} {number} is said to be at {request.ts}, but is at {one.ts}"
                assert one.result == request.outcome.value
            else:
                assert one is None, f"{session} {number} was told to have failed and is there"
                failure = request.outcome.failure
                assert failure.data is not None, f"only the app fails mutations here: {failure.message}"
        # One that fails leaves no record: if the news of that is lost, it is tried again, after those behind it.
        sure = [one.request for one in committed if one.session == session and one.source != "bank:transfer"]
        assert sure == sorted(sure), "a session's mutations happen in the order they were asked for"
    for path, args in QUERIES:
        outcome = world.history.execute(path, encoded(args))
        left = None if outcome.result is None else msgspec.json.decode(outcome.result)
        assert left == ledger.query(path, args), f"{path} {args} says {left} at the end, not {ledger.query(path, args)}"


def _check_serial(world: World, committed: list[Committed]) -> Ledger:
    clients = {str(client.core.session_id): client for client in world.clients}
    ledger = Ledger()
    for place, one in enumerate(committed):
        request = clients[one.session].requests[one.request]
        serial = ledger.run(request.path, request.args)
        assert msgspec.json.decode(one.result) == serial, (
            f"{request.path} {request.args.decode()}, the {place + 1}th mutation, returned {one.result.decode()}; run "
            f"after those before it, it returns {serial}"
        )
    return ledger
