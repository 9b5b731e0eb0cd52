"""A toy database with a history, toy queries over it, and a gateway that checks what it is told.

The database maps small numbers to small numbers. Its one index has two parts, ``(number, "id")``. Queries are functions
of the state, so that any version a reactor delivers can be compared with a run at any position it claims to be exact
at.
"""

from __future__ import annotations

import msgspec

from rtdb.config import Limits
from rtdb.index.index_range import key_in_range
from rtdb.link.frames import (
    BlockApplied,
    BlockNotice,
    KeyChange,
    Outcome,
    ReadRange,
    RoundResults,
    Watch,
    WatchResult,
)
from rtdb.reactivity import Execution, Reactor
from rtdb.values.ordering import encode_key

INDEX = 7
MILLISECOND_NS = 1_000_000
ID_PART = encode_key("id")
State = dict[int, int]


def number_part(number: int) -> bytes:
    return encode_key(float(number))


def key_of(number: int) -> bytes:
    return number_part(number) + ID_PART


class Run(msgspec.Struct):
    """What a toy query returns and has read."""

    result: bytes
    reads: list[ReadRange]
    read_identity: bool = False
    journal: str | None = None


def run_query(path: str, args: bytes, journal: str | None, identity: bytes | None, state: State) -> Run:
    """Run a toy query.

    * ``get [n]``: one number's value, a point read; ``equal [n]``: the same as a prefix range.
    * ``between [a, b]``: all in ``[a, b)``, an interval read.
    * ``mine [n]``: looks at the caller if the value at n is odd.
    * ``page [a]``: the first two from a on; its journal fixes the end.
    """
    numbers: list[int] = msgspec.json.decode(args)
    first = numbers[0]
    match path:
        case "get":
            reads = [ReadRange(INDEX, key_of(first), key_of(first) + b"\x00")]
            return Run(repr(state.get(first)).encode(), reads)
        case "equal":
            reads = [ReadRange(INDEX, number_part(first), number_part(first) + b"\xff")]
            return Run(repr(state.get(first)).encode(), reads)
        case "between":
            found = {number: state[number] for number in sorted(state) if first <= number < numbers[1]}
            return Run(repr(found).encode(), [ReadRange(INDEX, number_part(first), number_part(numbers[1]))])
        case "mine":
            reads = [ReadRange(INDEX, key_of(first), key_of(first) + b"\x00")]
            value = state.get(first, 0)
            if value % 2 == 0:
                return Run(repr(value).encode(), reads)
            # What is read then depends on the caller too.
            own = 100 + len(identity or b"")
            reads.append(ReadRange(INDEX, key_of(own), key_of(own) + b"\x00"))
            return Run(repr((value, identity, state.get(own))).encode(), reads, read_identity=True)
        case "page":
            if journal is None:
                page = [number for number in sorted(state) if number >= first][:2]
                if len(page) == 2:
                    stop, journal = key_of(page[-1]) + b"\x00", str(page[-1])
                else:
                    stop = b"\xff"
            else:
                page = [number for number in sorted(state) if first <= number <= int(journal)]
                stop = key_of(int(journal)) + b"\x00"
            found = {number: state[number] for number in page}
            return Run(repr(found).encode(), [ReadRange(INDEX, number_part(first), stop)], journal=journal)
    raise AssertionError(path)


class ToyDatabase:
    """States and blocks by position; each block takes ten ticks of time, so that ``ts_first`` and ``ts`` differ."""

    def __init__(self) -> None:
        self.states: list[State] = [{}]
        self.blocks: list[BlockApplied] = []

    @property
    def seq(self) -> int:
        return len(self.states) - 1

    def ts(self, seq: int) -> int:
        return 1000 + seq * 10

    def commit(self, writes: dict[int, int | None]) -> BlockApplied:
        """Write; None deletes."""
        state = dict(self.states[-1])
        changes: list[KeyChange] = []
        for number, value in writes.items():
            parts = [number_part(number), ID_PART]
            old = parts if number in state else None
            if value is None:
                state.pop(number, None)
            else:
                state[number] = value
            changes.append(KeyChange(INDEX, old, None if value is None else parts))
        self.states.append(state)
        ts = self.ts(self.seq)
        block = BlockApplied(self.seq, ts - 4, ts, [], [], [], changes, 0, False)
        self.blocks.append(block)
        return block

    def outcome(self, execution: Execution) -> Outcome:
        """Execute at the execution's position."""
        call = execution.to_call(1)
        assert call.at is not None
        run = run_query(call.path, call.args, call.journal, call.identity, self.states[call.at])
        return Outcome(
            call=1,
            kind="query",
            seq=call.at,
            ts=self.ts(call.at),
            reads=run.reads,
            writes=[],
            result=run.result,
            error=None,
            log_lines=[],
            read_identity=run.read_identity,
            read_time=False,
            journal=run.journal,
            replayed_ts=None,
            pending=0,
            micros=1,
        )

    def first_touch(self, reads: list[ReadRange], after_seq: int) -> int:
        """Return the start of the first block after the position that changed what was read, 0 if there is none."""
        for block in self.blocks[after_seq:]:
            for change in block.changes:
                for key in (change.old, change.new):
                    if key is not None and any(
                        read.index == change.index and key_in_range(b"".join(key), read) for read in reads
                    ):
                        return block.ts_first
        return 0


class Version(msgspec.Struct):
    ts: int
    dirty_ts: int
    result: bytes | None
    journal: str | None


class CheckingGateway:
    """Applies messages as a gateway does, and compares every version with the history."""

    def __init__(self, database: ToyDatabase) -> None:
        self.database = database
        self.now = database.seq
        self.watches: dict[int, Watch] = {}
        self.versions: dict[int, Version] = {}
        self.results_received = 0

    def receive(self, messages: list[BlockNotice | RoundResults]) -> None:
        for message in messages:
            if isinstance(message, BlockNotice):
                self.now += 1
                assert message.ts == self.database.ts(self.now), "one notice for each block, in order"
                for number in message.dirty:
                    version = self.versions.get(number)
                    if version is not None and not version.dirty_ts:
                        version.dirty_ts = message.ts_first
            else:
                for result in message.results:
                    self._receive_result(result)
            for number, version in self.versions.items():
                if not version.dirty_ts:
                    self._check(number, version, self.now)

    def _receive_result(self, result: WatchResult) -> None:
        number = result.watch
        if number not in self.watches:
            return
        self.results_received += 1
        previous = self.versions.get(number)
        # A body that was evicted and made again at once is of the same position, and the same.
        assert previous is None or result.ts > previous.ts or (result.ts == previous.ts and result.unchanged)
        assert result.error is None
        if result.unchanged:
            assert previous is not None
            version = Version(result.ts, result.dirty_ts, previous.result, previous.journal)
        else:
            version = Version(result.ts, result.dirty_ts, result.result, result.journal)
        self.versions[number] = version
        for seq in range(self.now + 1):
            ts = self.database.ts(seq)
            if version.ts <= ts and (not version.dirty_ts or ts < version.dirty_ts):
                self._check(number, version, seq)

    def _check(self, number: int, version: Version, seq: int) -> None:
        watch = self.watches[number]
        journal = watch.journal if version.journal is None else version.journal
        run = run_query(watch.path, watch.args, journal, watch.identity, self.database.states[seq])
        assert version.result == run.result, f"{watch} is not exact at position {seq}: {version}"


def limits(**changes: float) -> Limits:
    return msgspec.structs.replace(Limits(), **changes)


class Bench:
    """A reactor over a toy database with gateways, and the hub's part in between."""

    def __init__(self, reactor_limits: Limits | None = None) -> None:
        self.database = ToyDatabase()
        self.reactor = Reactor(reactor_limits or Limits(), seq=0, ts=self.database.ts(0))
        self.gateways: dict[int, CheckingGateway] = {}
        self.running: list[Execution] = []
        self.now_ns = 0
        self._next_watch = 0

    def gateway(self, number: int) -> CheckingGateway:
        if number not in self.gateways:
            self.reactor.add_gateway(number)
            self.gateways[number] = CheckingGateway(self.database)
        return self.gateways[number]

    def watch(
        self, gateway: int, path: str, args: list[int], identity: bytes | None = None, journal: str | None = None
    ) -> int:
        self._next_watch += 1
        watch = Watch(self._next_watch, path, msgspec.json.encode(args), identity, False, journal)
        self.gateway(gateway).watches[watch.watch] = watch
        self.reactor.watch(gateway, watch, self.now_ns)
        return watch.watch

    def unwatch(self, gateway: int, watch: int) -> None:
        del self.gateways[gateway].watches[watch]
        self.gateways[gateway].versions.pop(watch, None)
        self.reactor.unwatch(gateway, watch, self.now_ns)

    def remove_gateway(self, gateway: int) -> None:
        del self.gateways[gateway]
        self.reactor.remove_gateway(gateway, self.now_ns)

    def commit(self, writes: dict[int, int | None]) -> None:
        self.reactor.block_applied(self.database.commit(writes), self.now_ns)

    def start(self) -> list[Execution]:
        """Start what is due and check that there is a reason for each execution."""
        started = self.reactor.start_round(self.now_ns)
        for execution in started:
            entry = execution.entry
            assert execution.seq >= entry.seq, "an execution does not go back"
            if entry.has_version:
                touched = self.database.first_touch(entry.reads, entry.seq)
                assert touched or entry.answer is None, (
                    "an entry runs again only if what it read changed, or was evicted"
                )
                assert entry.dirty_ts == touched
        self.running += started
        return started

    def finish(self, execution: Execution) -> None:
        self.running.remove(execution)
        self.reactor.execution_finished(execution, self.database.outcome(execution), self.now_ns)

    def fail(self, execution: Execution) -> None:
        self.running.remove(execution)
        self.reactor.execution_failed(execution, self.now_ns)

    def deliver(self) -> None:
        for number, messages in self.reactor.take_messages().items():
            self.gateways[number].receive(messages)

    def settle(self) -> int:
        """Run everything that is due until nothing is; return the number of executions."""
        executions = 0
        while True:
            while self.running:
                self.finish(self.running[0])
                executions += 1
            if not self.start():
                due = self.reactor.due_ns()
                if due is None:
                    break
                self.now_ns = max(self.now_ns, due)
                self.reactor.expire(self.now_ns)
        self.deliver()
        return executions

    def result(self, gateway: int, watch: int) -> bytes | None:
        return self.gateways[gateway].versions[watch].result
