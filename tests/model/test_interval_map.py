"""The interval map against a scan of every range with `key_in_range`, and its tree against a list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rtdb.index.index_range import key_in_range
from rtdb.link.frames import KeyChange, ReadRange
from rtdb.reactivity import interval_tree
from rtdb.reactivity.interval_map import IntervalMap
from rtdb.reactivity.interval_tree import IntervalTree
from rtdb.values.ordering import encode_key
from rtdb.values.value import Value

# Values whose encodings are prefixes of one another but for terminators, and few enough to meet often.
VALUES: list[Value] = ["", "a", "a\x00", "a\x00b", "aa", "b", 1, 2, None, [1], [1, 2], []]
PARTS = [encode_key(value) for value in VALUES]

parts = st.sampled_from(PARTS)
keys = st.lists(parts, min_size=3, max_size=3)
indexes = st.integers(1, 2)


@st.composite
def read_ranges(draw: st.DrawFn) -> ReadRange:
    """A range as queries make them: equality on some fields, bounds on the next, perhaps ended at the last key read."""
    prefix = b"".join(draw(st.lists(parts, max_size=3)))
    start, stop = prefix, prefix + b"\xff"
    match draw(st.sampled_from(["prefix", "point", "bounds", "from", "to"])):
        case "point":
            stop = prefix + b"\x00"
        case "bounds":
            start = prefix + draw(parts) + draw(st.sampled_from([b"", b"\xff"]))
            stop = prefix + draw(parts) + draw(st.sampled_from([b"", b"\xff"]))
        case "from":
            start = prefix + draw(parts)
        case "to":
            stop = b"".join(draw(keys)) + b"\x00"
    return ReadRange(draw(indexes), start, stop)


key_changes = st.builds(KeyChange, indexes, st.none() | keys, st.none() | keys)


@pytest.fixture(autouse=True, scope="module")
def _small_nodes() -> Iterator[None]:
    """Few ranges should make a deep tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interval_tree, "NODE_SLOTS_MAX", 4)
        patch.setattr(interval_tree, "NODE_SLOTS_MIN", 2)
        yield


class MapAgainstScan(RuleBasedStateMachine):
    """Entries are numbers; the model is what each of them holds."""

    def __init__(self) -> None:
        super().__init__()
        self.map: IntervalMap[int] = IntervalMap()
        self.model: dict[int, list[ReadRange]] = {}

    @rule(entry=st.integers(0, 7), ranges=st.lists(read_ranges(), max_size=6))
    def replace(self, entry: int, ranges: list[ReadRange]) -> None:
        self.map.replace(entry, self.model.get(entry, []), ranges)
        self.model[entry] = ranges

    @rule(entry=st.integers(0, 7))
    def remove(self, entry: int) -> None:
        self.map.remove(entry, self.model.pop(entry, []))

    @rule(changes=st.lists(key_changes, max_size=4))
    def write(self, changes: list[KeyChange]) -> None:
        written = [
            (change.index, b"".join(key)) for change in changes for key in (change.old, change.new) if key is not None
        ]
        expected = {
            entry
            for entry, ranges in self.model.items()
            if any(
                read_range.index == index and key_in_range(key, read_range)
                for read_range in ranges
                for index, key in written
            )
        }
        assert set(self.map.affected(changes)) == expected

    @invariant()
    def counts_only_what_is_held(self) -> None:
        held = {read for ranges in self.model.values() for read in ranges if read.start < read.stop}
        assert sum(self.map.statistics().values()) == len(held)


TestMapAgainstScan = pytest.mark.slow(MapAgainstScan.TestCase)
TestMapAgainstScan.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

words = st.binary(max_size=2)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), words, words), max_size=120), stabbed=st.lists(words, max_size=10))
def test_tree_finds_what_a_list_finds(steps: list[tuple[bool, bytes, bytes]], stabbed: list[bytes]) -> None:
    tree, model = IntervalTree(), set()
    for add, start, stop in steps:
        if add and (start, stop) not in model:
            tree.add((start, stop))
            model.add((start, stop))
        elif not add and model:
            # The nearest one above: removes from everywhere in the tree.
            victim = min((held for held in model if held >= (start, stop)), default=min(model))
            tree.remove(victim)
            model.remove(victim)
    assert len(tree) == len(model)
    for key in stabbed:
        assert tree.stab(key) == sorted(held for held in model if held[0] <= key < held[1])


def test_tree_emptied_in_any_order_is_small_again() -> None:
    tree = IntervalTree()
    intervals = [(b"%03d" % number, b"%03d" % (number + 5)) for number in range(300)]
    for interval in intervals:
        tree.add(interval)
    assert len(tree.stab(b"150")) == 5
    for interval in intervals[::2] + intervals[1::2]:
        tree.remove(interval)
    assert len(tree) == 0
    assert tree.stab(b"150") == []
