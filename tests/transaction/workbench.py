"""A committer over a temporary data directory, and short ways to say what is committed."""

from __future__ import annotations

from pathlib import Path
from random import Random as PythonRandom
from typing import Any

from rtdb.config import Config, Limits
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import BlockApplied, Commit, ReadRange, Write
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import (
    INDEXES_TABLE,
    TABLES_TABLE,
    index_document_id,
    table_document_id,
)
from rtdb.transaction.group_commit import Committer, open_committer
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.ordering import encode_key

MESSAGES = 10001
"""The table that :class:`Workbench` creates, with the index `by_author`."""
BY_AUTHOR = index_number(MESSAGES, 2)

START_NS = 1_700_000_000_000_000_000


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now


class SeededRandom:
    """Replayable bytes."""

    def __init__(self, seed: int = 0) -> None:
        self._random = PythonRandom(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def internal_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def document(table: int, internal: bytes, fields: dict[str, Any], created_ms: float = START_NS / 1e6) -> bytes:
    """Return a document's canonical JSON, system fields included."""
    return encode({"_creationTime": created_ms, "_id": encode_id(table, internal), **fields})


def put(number: int, **fields: Any) -> Write:
    """A write of message ``number``."""
    return Write(MESSAGES, internal_id(number), document(MESSAGES, internal_id(number), fields))


def delete(number: int) -> Write:
    return Write(MESSAGES, internal_id(number), None)


def read_id(number: int) -> ReadRange:
    """The read of a ``db.get``."""
    key = encode_key(encode_id(MESSAGES, internal_id(number)))
    return prefix_range(index_number(MESSAGES, BY_ID), key)


def read_author(author: str) -> ReadRange:
    """The read of a query with ``q.eq("author", author)``."""
    return prefix_range(BY_AUTHOR, encode_key(author))


def create_table(name: str, number: int) -> Write:
    internal = table_document_id(name)
    return Write(TABLES_TABLE, internal, document(TABLES_TABLE, internal, {"name": name, "number": float(number)}))


def write_index(table_name: str, name: str, number: int, fields: list[str], state: str = "ready") -> Write:
    internal = index_document_id(table_name, name, number)
    content = {"table": float(number // 128), "name": name, "number": float(number), "fields": fields, "state": state}
    return Write(INDEXES_TABLE, internal, document(INDEXES_TABLE, internal, content))


def new_config(data_dir: Path, limits: Limits | None = None) -> Config:
    return Config(data_dir=data_dir, limits=limits or Limits())


class Workbench:
    """A committer with a table of messages, indexed by author."""

    def __init__(self, data_dir: Path, limits: Limits | None = None) -> None:
        self.config = new_config(data_dir, limits)
        self.clock = ManualClock()
        self.committer: Committer = open_committer(self.config, clock=self.clock, random=SeededRandom())
        self._calls = 0
        if self.committer.registry.table("messages") is None:
            self.commit(
                self.transaction(
                    create_table("messages", MESSAGES), write_index("messages", "by_author", BY_AUTHOR, ["author"])
                )
            )

    @property
    def seq(self) -> int:
        return self.committer.position.seq

    def transaction(
        self,
        *writes: Write,
        reads: list[ReadRange] | None = None,
        begin: int | None = None,
        lane: int = 0,
        pending: int = 0,
        source: str = "messages:send",
    ) -> Commit:
        """Describe a transaction that begins now, unless said otherwise."""
        self._calls += 1
        begin = self.seq if begin is None else begin
        return Commit(self._calls, begin, lane, pending, source, reads or [], list(writes))

    def commit(self, *transactions: Commit) -> BlockApplied:
        return self.committer.commit(transactions)

    def close(self) -> None:
        self.committer.environment.close()
