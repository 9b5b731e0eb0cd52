"""A mutation of a session is run once: the record of it is written in its own transaction."""

from __future__ import annotations

import msgspec

from rtdb.config import Limits
from rtdb.link.frames import SessionRequest
from rtdb.storage.system_tables import (
    SESSION_REQUESTS_TABLE,
    session_request_id,
)
from rtdb.transaction.snapshot import Snapshot
from tests.functions.conftest import MakeBench

COUNTER = """
@mutation
def add(ctx):
    print("adding")
    counter = ctx.db.query("counters").first()
    if counter is None:
        ctx.db.insert("counters", {"n": 1})
        return 1
    ctx.db.patch(counter["_id"], {"n": counter["n"] + 1})
    return counter["n"] + 1

@mutation
def fail(ctx): raise ValueError

@mutation
def look(ctx): return "seen"
"""


def test_a_resent_mutation_gives_the_recorded_answer_without_running(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    request = SessionRequest("s1", 7)
    first = app.execute("m:add", session=request)
    block = app.commit(first)
    again = app.execute("m:add", session=request)
    assert (again.result, again.log_lines) == (first.result, ["[LOG] adding"])
    assert again.replayed_ts == block.ts
    assert again.writes == []
    assert app.run("m:add", session=SessionRequest("s1", 8)) == 2.0


def test_the_record_is_in_the_mutations_own_writes_and_reads(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    request = SessionRequest("s1", 7)
    outcome, twin = app.execute("m:add", session=request), app.execute("m:add", session=request)
    internal = session_request_id("s1", 7)
    assert (SESSION_REQUESTS_TABLE, internal) in {(write.table, write.id) for write in outcome.writes}
    assert app.commit(outcome).losses == []
    assert len(app.commit(twin).losses) == 1
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        stored = snapshot.get(SESSION_REQUESTS_TABLE, internal)
    assert stored is not None
    record = msgspec.json.decode(stored.data)
    del record["_id"], record["_creationTime"]
    assert record == {"session": "s1", "request": 7.0, "result": "1.0", "logLines": ["[LOG] adding"]}


def test_a_mutation_over_a_session_is_recorded_even_when_it_only_looks(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    assert len(app.execute("m:look", session=SessionRequest("s1", 1)).writes) == 1
    assert app.execute("m:look").writes == []


def test_a_failed_mutation_leaves_no_record(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    app.error("m:fail", session=SessionRequest("s1", 1))
    assert app.run("m:look", session=SessionRequest("s1", 1)) == "seen"


def test_a_session_keeps_the_records_of_its_newest_requests(bench: MakeBench) -> None:
    app = bench(Limits(session_requests_max=3), m=COUNTER)
    for number in range(6):
        app.run("m:add", session=SessionRequest("s1", number))
    app.run("m:add", session=SessionRequest("s2", 0))
    table = app.committer.registry.table("_session_requests")
    assert table is not None
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        rows = snapshot.scan(table.by_creation_time, b"", b"\xff")
        records = [msgspec.json.decode(row.document.data) for row in rows]
    assert sorted((record["session"], record["request"]) for record in records) == [
        ("s1", 3),
        ("s1", 4),
        ("s1", 5),
        ("s2", 0),
    ]
    assert app.execute("m:add", session=SessionRequest("s1", 3)).replayed_ts is not None
    assert app.execute("m:add", session=SessionRequest("s1", 2)).replayed_ts is None


def test_a_request_whose_distant_predecessor_was_an_action_deletes_nothing(bench: MakeBench) -> None:
    app = bench(Limits(session_requests_max=2), m=COUNTER)
    app.run("m:look", session=SessionRequest("s1", 0))
    outcome = app.execute("m:look", session=SessionRequest("s1", 3))
    assert [write.value is None for write in outcome.writes] == [False]
