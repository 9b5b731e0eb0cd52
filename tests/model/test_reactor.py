"""A reactor under random writes, watches, runs, failures and gateways that come and go.

Checked on the way (in the toy): every version delivered is exact over all positions it claims; every execution has a
reason; versions of a watch get newer; what depends on the caller is what the caller would get. And at the end, when all
is quiet: everybody has the current result.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.reactivity.toy import MILLISECOND_NS, Bench, limits, run_query

numbers = st.integers(0, 5)
# Numbers from 100 on are what identities own; their texts differ in length.
written = st.dictionaries(
    numbers | st.sampled_from([100, 101, 102]), st.none() | st.integers(0, 3), min_size=1, max_size=3
)
identities = st.sampled_from([None, b"a", b"bb"])
queries = st.one_of(
    st.tuples(st.sampled_from(["get", "equal", "page"]), st.lists(numbers, min_size=1, max_size=1)),
    st.tuples(st.just("mine"), st.lists(st.integers(0, 1), min_size=1, max_size=1)),
    st.tuples(st.just("between"), st.lists(numbers, min_size=2, max_size=2)),
)
gateways = st.integers(0, 2)


class ReactorUnderLoad(RuleBasedStateMachine):
    """Bounds are small, so that slices and stragglers happen."""

    cache_bytes_max = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(
            limits(
                round_entries_max=2,
                runners_max=1,
                query_linger_seconds=0.02,
                query_cache_bytes_max=self.cache_bytes_max,
            )
        )

    @rule(writes=written)
    def write(self, writes: dict[int, int | None]) -> None:
        self.bench.commit(writes)

    @rule(gateway=gateways, query=queries, identity=identities, journal=st.sampled_from([None, None, "2"]))
    def watch(self, gateway: int, query: tuple[str, list[int]], identity: bytes | None, journal: str | None) -> None:
        self.bench.watch(gateway, query[0], query[1], identity, journal if query[0] == "page" else None)

    @rule(data=st.data())
    def unwatch(self, data: st.DataObject) -> None:
        watches = [(number, watch) for number, gateway in self.bench.gateways.items() for watch in gateway.watches]
        if watches:
            self.bench.unwatch(*data.draw(st.sampled_from(watches)))

    @precondition(lambda self: self.bench.gateways)
    @rule(data=st.data())
    def remove_gateway(self, data: st.DataObject) -> None:
        self.bench.remove_gateway(data.draw(st.sampled_from(sorted(self.bench.gateways))))

    @rule(milliseconds=st.integers(0, 30))
    def start(self, milliseconds: int) -> None:
        self.bench.now_ns += milliseconds * MILLISECOND_NS
        self.bench.reactor.expire(self.bench.now_ns)
        self.bench.start()

    @precondition(lambda self: self.bench.running)
    @rule(data=st.data(), fails=st.integers(0, 5))
    def end(self, data: st.DataObject, fails: int) -> None:
        execution = data.draw(st.sampled_from(self.bench.running))
        if fails:
            self.bench.finish(execution)
        else:
            self.bench.fail(execution)

    @rule()
    def deliver(self) -> None:
        self.bench.deliver()

    def teardown(self) -> None:
        bench = self.bench
        bench.deliver()
        bench.settle()
        state = bench.database.states[-1]
        for gateway in bench.gateways.values():
            assert gateway.now == bench.database.seq
            for number, watch in gateway.watches.items():
                version = gateway.versions[number]
                assert version.dirty_ts == 0
                journal = watch.journal if version.journal is None else version.journal
                run = run_query(watch.path, watch.args, journal, watch.identity, state)
                assert version.result == run.result
        statistics = bench.reactor.statistics()
        assert statistics.executions_running == 0
        assert statistics.rounds_open == 0
        for number in list(bench.gateways):
            bench.remove_gateway(number)
        bench.reactor.expire(bench.now_ns + 10**12)
        statistics = bench.reactor.statistics()
        assert (statistics.entries, statistics.body_bytes) == (0, 0)
        assert statistics.point_ranges == statistics.prefix_ranges == statistics.interval_ranges == 0


TestReactorUnderLoad = pytest.mark.slow(ReactorUnderLoad.TestCase)
TestReactorUnderLoad.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


class ReactorShortOfMemory(ReactorUnderLoad):
    """Room for two small results: bodies are evicted all the time."""

    cache_bytes_max = 1100


TestReactorShortOfMemory = pytest.mark.slow(ReactorShortOfMemory.TestCase)
TestReactorShortOfMemory.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
