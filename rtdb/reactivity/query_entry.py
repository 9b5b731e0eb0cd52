"""What is known of one query: a shared execution, who watches it, and where it is filed.

A *key* is what clients ask for. Whether two identities that ask for the same key may share an execution is known only
from running it, so a key has a *slot* of entries:

    slot of (path, args, journal, internal)
    ├── shared                 while no execution has read the caller's identity (also: nothing ran yet)
    └── by_identity            otherwise: one entry for each identity that asks
          ├── alice → entry
          └── None  → entry    anonymous

An *entry* has at most one version, the newest: what the function returned at position ``seq``, exact for the timestamps
in ``[ts, dirty_ts)``, and in ``[ts, now]`` while ``dirty_ts`` is 0.

These are records; the rules for changing them are in ``query_table.py`` and ``reactor.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from blake3 import blake3

from rtdb.link.frames import ExecutionError, Outcome, ReadRange

if TYPE_CHECKING:
    from rtdb.reactivity.rounds import Execution

__all__ = ["QueryAnswer", "QueryEntry", "QueryKey", "QuerySlot", "Watcher", "answer_of"]

ENTRY_OVERHEAD_BYTES = 512
"""What an entry's body weighs besides its texts; keeps many tiny results from counting as nothing."""

_encoder = msgspec.msgpack.Encoder()


class QueryKey(NamedTuple):
    """What makes two requests the same but for their identity. ``args`` is canonical encoded JSON."""

    path: str
    args: bytes
    journal: str | None
    internal: bool


class QueryAnswer(msgspec.Struct, frozen=True, gc=False):
    """What a client is shown of an execution, and its ``journal``, which the client gives back."""

    result: bytes | None
    error: ExecutionError | None
    log_lines: list[str]
    journal: str | None
    request: str = ""
    """The id of the execution, which is shown with its error and makes no difference."""

    @property
    def body_bytes(self) -> int:
        """An estimate of the memory this holds."""
        size = ENTRY_OVERHEAD_BYTES + len(self.result or b"") + sum(map(len, self.log_lines))
        if self.error is not None:
            size += len(self.error.message) + len(self.error.frames) + len(self.error.data or b"")
        return size

    def digest(self) -> bytes:
        """Return a hash that is equal for answers between which a client sees no difference."""
        return blake3(_encoder.encode((self.result, self.error, self.log_lines, self.journal))).digest(16)


def answer_of(outcome: Outcome, request: str) -> QueryAnswer:
    """Return the part of an outcome that clients are shown."""
    return QueryAnswer(outcome.result, outcome.error, outcome.log_lines, outcome.journal, request)


class Watcher:
    """A gateway's interest in a query on behalf of an identity.

    ``entry`` changes when the slot is split or merged. ``delivered`` is the digest of the answer sent last, None before
    the first; what equals it is sent as *unchanged*.
    """

    __slots__ = ("delivered", "entry", "gateway", "identity", "number")

    def __init__(self, gateway: int, number: int, identity: bytes | None, entry: QueryEntry) -> None:
        self.gateway = gateway
        self.number = number
        self.identity = identity
        self.entry = entry
        self.delivered: bytes | None = None


class QuerySlot:
    """All entries of a key. ``depends_on_identity`` says which of the two places they are in."""

    __slots__ = ("by_identity", "depends_on_identity", "key", "shared")

    def __init__(self, key: QueryKey, *, depends_on_identity: bool = False) -> None:
        self.key = key
        self.depends_on_identity = depends_on_identity
        self.shared: QueryEntry | None = None
        self.by_identity: dict[bytes | None, QueryEntry] = {}

    def find(self, identity: bytes | None) -> QueryEntry | None:
        """Return the entry that answers for this identity."""
        return self.by_identity.get(identity) if self.depends_on_identity else self.shared


class QueryEntry:
    """One execution shared by all its watchers.

    * ``slot``, ``identity``: where it is filed; ``identity`` means nothing while it is the slot's shared entry. Changed
      by splitting, merging and refiling.
    * ``watchers``: in order of arrival. Empty: the entry lingers, and is dropped when it becomes dirty.
    * ``seq``, ``ts``: position of the newest version, -1 and 0 before the first; ``read_ns`` the hub's time at which it
      was registered, ``reads`` what it read (registered with the invalidator), ``read_time`` whether it looked at a
      clock.
    * ``dirty_ts``: set to the start of the first block that changed what was read, cleared by the next version.
    * ``answer``: the version's body. None before the first version, and after it was evicted: then only ``digest`` is
      left, which is enough to tell watchers whether the next version differs.
    * ``journal``: the version's, to run again with; None as long as the function returned none.
    * ``run``: the execution under way. ``queued``: waits to be executed, in a round or for a retry.
    * ``failures``: executions in a row that ended without an outcome; cleared by the next outcome.
    * ``dropped``: no longer filed; whatever still refers to it forgets it.
    """

    __slots__ = (
        "answer",
        "digest",
        "dirty_ts",
        "dropped",
        "failures",
        "identity",
        "journal",
        "queued",
        "read_ns",
        "read_time",
        "reads",
        "run",
        "seq",
        "slot",
        "ts",
        "watchers",
    )

    def __init__(self, slot: QuerySlot, identity: bytes | None) -> None:
        self.slot = slot
        self.identity = identity
        self.watchers: dict[Watcher, None] = {}
        self.seq = -1
        self.ts = 0
        self.read_ns = 0
        self.reads: list[ReadRange] = []
        self.read_time = False
        self.dirty_ts = 0
        self.answer: QueryAnswer | None = None
        self.digest = b""
        self.journal: str | None = None
        self.run: Execution | None = None
        self.queued = False
        self.failures = 0
        self.dropped = False

    @property
    def has_version(self) -> bool:
        return self.seq >= 0

    @property
    def clean(self) -> bool:
        """Whether the newest version is exact at the current position."""
        return self.seq >= 0 and self.dirty_ts == 0

    def answer_for_new_request(self, now_ns: int, read_time_ns_max: int) -> QueryAnswer | None:
        """Return the answer if it may be given to somebody who asks now.

        What observed the time goes stale for new requests; those who watch it already keep it (data-model §7.6).
        """
        if not self.clean or (self.read_time and now_ns - self.read_ns > read_time_ns_max):
            return None
        return self.answer
