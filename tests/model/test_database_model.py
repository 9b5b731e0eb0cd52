"""The whole data model against sorted lists, on LMDB, the committer and a runner joined by hand.

To what the machine does anyway are added the recent past, mutations that have read the same position and meet in one
block, deploys that stand still half-way while writes go on, the committer's steps between blocks, and crashes in the
middle of a commit or of a deploy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from rtdb.index import backfill
from rtdb.transaction.transaction import Transaction
from rtdb.transaction.write_log import WriteLog
from tests.e2e.server_process import REPOSITORY
from tests.model.database_machine import DatabaseMachine, DeployFailed, draw_ask, schemas
from tests.model.local_server import LocalServer
from tests.model.naive_database import NaiveDatabase, Schema

APP = REPOSITORY / "tests" / "e2e" / "apps" / "steps"
PAST_POSITIONS_MAX = 20


class LocalMachine(DatabaseMachine):
    """See the module."""

    server: LocalServer

    @initialize()
    def begin(self) -> None:
        self.past: dict[int, NaiveDatabase] = {}
        self.deploying: Schema | None = None

    def new_server(self, directory: Path, schema: str) -> LocalServer:
        return LocalServer(directory, APP, schema)

    def has_changed(self) -> None:
        if self.past and next(iter(self.past.values())).schema is not self.database.schema:
            # Positions before a switch are another app's to read.
            self.past.clear()
        self.past[self.server.seq] = self.database.copy()
        for seq in sorted(self.past)[:-PAST_POSITIONS_MAX]:
            del self.past[seq]

    @rule(data=st.data())
    def two_mutations_read_the_same_and_meet_in_one_block(self, data: st.DataObject) -> None:
        first, second = (self.draw_steps(data) for _ in range(2))
        before = self.database.copy()
        outcomes = [self.server.execute("mutation", "steps:act", {"steps": steps}) for steps in (first, second)]
        self.agree(self.database, first, outcomes[0].result)
        to_commit = [outcome for outcome in outcomes if outcome.error is None]
        block = self.server.commit(*to_commit)
        lost = {loss.call for loss in block.losses}
        assert outcomes[0].call not in lost
        if outcomes[1].call in lost or outcomes[1].error is not None:
            # What failed has read too, and may succeed after the other.
            self.agree(self.database, second, self.server.call("mutation", "steps:act", {"steps": second}))
        else:
            # One that has written nothing happened where it read.
            self.agree(self.database if outcomes[1].writes else before, second, outcomes[1].result)
        self.has_changed()

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        """Read a recent position: from the before-images, whatever has happened since."""
        seq = data.draw(st.sampled_from(sorted(self.past)))
        database = self.past[seq]
        steps = [["read", draw_ask(data, database), "collect"]]
        outcome = self.server.execute("query", "steps:look", {"steps": steps}, seq)
        self.agree(database.copy(), steps, outcome.result, writable=False)

    @precondition(lambda self: self.deploying is None)
    @rule(schema=schemas())
    def begin_deploy(self, schema: Schema) -> None:
        fits = self.database.fits(schema)
        self.database.declare(schema)
        if not fits:
            with pytest.raises(DeployFailed):
                self.server.begin_deploy(schema.source())
        else:
            self.server.begin_deploy(schema.source())
            self.deploying = schema

    @precondition(lambda self: self.deploying is not None)
    @rule()
    def finish_deploy(self) -> None:
        schema, self.deploying = self.deploying, None
        assert schema is not None
        if not self.database.fits(schema):
            # Something was written meanwhile.
            with pytest.raises(DeployFailed):
                self.server.finish_deploy()
            return
        self.server.finish_deploy()
        self.database.schema = schema
        self.has_changed()

    @rule(steps=st.integers(1, 3))
    def maintain(self, steps: int) -> None:
        self.server.maintain(steps)

    @precondition(lambda self: self.deploying is None)
    @rule(schema=schemas())
    def deploy(self, schema: Schema) -> None:
        super().deploy(schema)

    @rule()
    def crash(self) -> None:
        self.server.crash()
        self.deploying = None

    @rule(data=st.data())
    def crash_in_a_commit(self, data: st.DataObject) -> None:
        outcome = self.server.execute("mutation", "steps:act", {"steps": self.draw_steps(data)})
        self.server.crash(*([outcome] if outcome.error is None else []))
        self.deploying = None


LocalMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestDatabaseModel = pytest.mark.slow(LocalMachine.TestCase)


@pytest.mark.soak
def test_the_database_model_at_depth() -> None:
    run_state_machine_as_test(LocalMachine, settings=settings(max_examples=1500, stateful_step_count=60, deadline=None))


# --- controls: mistakes planted on purpose ----------------------------------------------------------------------------


def nothing_conflicts(*_: Any) -> None:
    """In place of the write log's judgement."""


def nothing_is_undone(*_: Any) -> None:
    """In place of the roll-back of a nested call."""


def a_document_is_left_out(txn: Any, prefix: bytes, after: bytes, documents_max: int) -> list[tuple[bytes, bytes]]:
    """In place of the next documents that an index is built over."""
    return DOCUMENTS_AFTER(txn, prefix, after, documents_max)[1:]


DOCUMENTS_AFTER = backfill._documents_after


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        (WriteLog, "conflict", nothing_conflicts),
        (Transaction, "roll_back", nothing_is_undone),
        (backfill, "_documents_after", a_document_is_left_out),
    ],
    ids=["no conflicts", "no roll-back", "an incomplete index"],
)
def test_a_planted_mistake_is_noticed(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, instead: Callable[..., Any]
) -> None:
    monkeypatch.setattr(place, name, instead)
    quickly = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
    )
    with pytest.raises((AssertionError, DeployFailed)):
        run_state_machine_as_test(LocalMachine, settings=quickly)
