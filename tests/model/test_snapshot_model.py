"""A snapshot under layers and in the past, against a dict of documents that is sorted afresh for every row."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.index.scan import by_id_key
from rtdb.storage.check import check_environment
from rtdb.storage.documents import StoredDocument
from rtdb.testing.database import Database, document_bytes
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.values.json_codec import decode_canonical

pytestmark = pytest.mark.slow

Documents = dict[bytes, dict[str, Any]]
"""The model: internal id → fields, system fields included."""

ids = st.integers(0, 7).map(lambda number: (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16))
values = st.one_of(
    st.sampled_from([0.0, 1.0, "", "a"]),
    st.sampled_from([440, 441, 480, 900]).flatmap(
        lambda length: st.sampled_from("ab").map(lambda end: "x" * length + end)
    ),
)
fields = st.fixed_dictionaries({"a": values}, optional={"b": values})
changes = st.lists(st.tuples(ids, st.none() | fields), min_size=1, max_size=3)


class SnapshotModel(RuleBasedStateMachine):
    """Blocks are committed; at any time a stack of layers is built over any position still kept, and scanned while it
    changes."""

    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.directory.name))
        self.cache = SnapshotCache()
        declared = self.database.index("things", "by_a_b", ("a", "b"))
        table = self.database.table("things")
        self.table = table.number
        self.indexes = [declared, table.by_creation_time, table.by_id]
        self.history: dict[int, Documents] = {self.database_seq(): {}}

    def teardown(self) -> None:
        if hasattr(self, "database"):
            report = check_environment(self.database.environment)
            assert report.is_clean, report.problems
            self.database.close()
            self.directory.cleanup()

    def database_seq(self) -> int:
        with Snapshot(self.database.environment, self.cache) as snapshot:
            return snapshot.seq

    @rule(transactions=st.lists(changes, min_size=1, max_size=3))
    def commit(self, transactions: list[list[tuple[bytes, dict[str, Any] | None]]]) -> None:
        self.database.write(*[[(self.table, internal, new) for internal, new in changes] for changes in transactions])
        seq = self.database_seq()
        state = dict(self.history[seq - 1])
        for internal, new in (change for changes in transactions for change in changes):
            creation_time = state[internal]["_creationTime"] if internal in state else seq * 1000.0
            put(state, self.table, internal, new, creation_time)
        self.history[seq] = state

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.history)), label="position")
        state = dict(self.history[seq])
        overlays = [Overlay() for _ in range(data.draw(st.integers(0, 3), label="layers"))]
        with Snapshot(self.database.environment, self.cache) as newest:
            snapshot = newest.at(seq)
            for overlay in overlays:
                snapshot = snapshot.with_overlay(overlay)
                for internal, new in data.draw(st.lists(st.tuples(ids, st.none() | fields), max_size=3)):
                    self.write(overlay, state, internal, new)
            for internal in {*state, bytes(16)}:
                assert document_fields(snapshot.get(self.table, internal)) == state.get(internal)
            for _ in range(3):
                self.scan_while_writing(data, snapshot, overlays[-1:], state)

    def scan_while_writing(self, data: st.DataObject, snapshot: Snapshot, own: list[Overlay], state: Documents) -> None:
        """Row by row: the scan's next row must be the model's next key after the last one, as things are by then."""
        index = data.draw(st.sampled_from(self.indexes), label="index")
        descending = data.draw(st.booleans(), label="descending")
        bounds = st.sampled_from([b"", b"\xff", *(key for key, _ in model_rows(index, state))])
        start, stop = data.draw(bounds | st.just(b"")), data.draw(bounds | st.just(b"\xff"))
        rows = snapshot.scan(index, start, stop, descending)
        while True:
            ahead = [key for key in model_rows(index, state) if start <= key[0] < stop]
            row = next(rows, None)
            if row is None or not ahead:
                assert (row is None) == (not ahead)
                return
            assert (row.key, row.id) == (ahead[-1] if descending else ahead[0])
            assert document_fields(row.document) == state[row.id]
            start, stop = (start, row.key) if descending else (row.key + b"\0", stop)
            # A few rows are written while the scan waits; a bounded number, since rows written ahead are seen again.
            if own and data.draw(st.integers(0, 2)) == 0:
                self.write(own[0], state, data.draw(ids), data.draw(st.none() | fields))

    def write(self, overlay: Overlay, state: Documents, internal: bytes, new: dict[str, Any] | None) -> None:
        put(state, self.table, internal, new, 5.0)
        stored = state.get(internal)
        document = None if new is None or stored is None else document_bytes(self.table, internal, new, 5.0)
        overlay.put(self.table, internal, None if document is None else StoredDocument(0, 0, document))


def put(state: Documents, table: int, internal: bytes, new: dict[str, Any] | None, creation_time: float) -> None:
    if new is None:
        state.pop(internal, None)
    else:
        state[internal] = document_fields(StoredDocument(0, 0, document_bytes(table, internal, new, creation_time)))


def document_fields(document: StoredDocument | None) -> Any:
    return None if document is None else decode_canonical(document.data)


def model_rows(index: IndexDefinition, state: Documents) -> list[tuple[bytes, bytes]]:
    if index.is_by_id:
        return sorted((by_id_key(index.table, internal), internal) for internal in state)
    return sorted((full_key(index, document), internal) for internal, document in state.items())


TestSnapshotModel = SnapshotModel.TestCase
TestSnapshotModel.settings = settings(max_examples=25, stateful_step_count=12)
