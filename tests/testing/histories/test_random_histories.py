"""Random serial histories are clean, and none stays so when something is done to it that cannot have happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtdb.testing.histories import Append, Operation, Read, Transaction, check_history

KEYS = "xyz"
SESSIONS = "st"

History = list[Transaction]


@st.composite
def serial_histories(draw: st.DrawFn, steps_min: int = 0) -> History:
    """Run transactions one after the other, at instants 100, 200, …; each is asked for before and answered after.

    Some fail, of some nobody learns how they ended, and some are what a subscription shows, perhaps late. At the end
    everything is read.
    """
    state: dict[str, tuple[int, ...]] = {}
    history: History = []
    told: dict[str, int] = {}
    steps = draw(
        st.lists(st.tuples(_KINDS, st.lists(_OPERATIONS, min_size=1, max_size=4)), min_size=steps_min, max_size=12)
    )
    steps.append(("committed", [("read", key) for key in KEYS]))
    for number, (kind, wanted) in enumerate(steps, 1):
        everything = [("read", key) for key in KEYS]
        after, operations = _run(state, everything if kind == "screen" else wanted, number * 100)
        if kind in ("committed", "unknown"):
            state = after
        session = draw(st.sampled_from(SESSIONS))
        # A session hears of one thing after the other.
        end = told[session] = max(number * 100 + draw(st.integers(0, 350)), told.get(session, 0) + 1)
        begin = number * 100 - draw(st.integers(0, 350))
        history.append(
            Transaction(
                name=f"{kind} {number}",
                operations=operations,
                status={"screen": "committed", "lost": "unknown"}.get(kind, kind),  # type: ignore[arg-type]  # one of the statuses
                begin=None if kind == "screen" else begin,
                end=None if kind in ("unknown", "lost") else end,
                session=session,
            )
        )
    return draw(st.permutations(history))


_KINDS = st.sampled_from(["committed"] * 4 + ["screen"] * 2 + ["failed", "unknown", "lost"])
_OPERATIONS = st.tuples(st.sampled_from(["append", "read"]), st.sampled_from(KEYS))


def _run(
    state: dict[str, tuple[int, ...]], wanted: list[tuple[str, str]], first: int
) -> tuple[dict[str, tuple[int, ...]], tuple[Operation, ...]]:
    after = dict(state)
    operations: list[Operation] = []
    for value, (what, key) in enumerate(wanted, first):
        if what == "append":
            after[key] = (*after.get(key, ()), value)
            operations.append(Append(key, value))
        else:
            operations.append(Read(key, after.get(key, ())))
    return after, tuple(operations)


@given(serial_histories())
def test_a_serial_history_is_clean(history: History) -> None:
    assert check_history(history) == []


# --- things that cannot have happened ---------------------------------------------------------------------------------


def reads_of(history: History, shortest: int) -> list[tuple[int, int, Read]]:
    """Return transaction, place and read wherever a committed one read at least so many numbers, none of its own."""
    return [
        (number, place, operation)
        for number, transaction in enumerate(history)
        if transaction.status == "committed"
        for place, operation in enumerate(transaction.operations)
        if isinstance(operation, Read) and len(operation.values) >= shortest and not _has_own(transaction)
    ]


def _has_own(transaction: Transaction) -> bool:
    return any(isinstance(operation, Append) for operation in transaction.operations)


def with_read(history: History, number: int, place: int, values: tuple[int, ...]) -> History:
    transaction = history[number]
    operations = list(transaction.operations)
    operations[place] = Read(operations[place].key, values)
    changed = list(history)
    changed[number] = msgspec.structs.replace(transaction, operations=tuple(operations))
    return changed


def chosen(data: st.DataObject, among: list[Any]) -> Any:
    assume(among)
    return data.draw(st.sampled_from(among))


def a_write_is_forgotten(history: History, data: st.DataObject) -> History:
    """Somebody who began after it was acknowledged does not read it."""
    writer_ends = {
        operation.value: transaction.end
        for transaction in history
        if transaction.status == "committed"
        for operation in transaction.operations
        if isinstance(operation, Append)
    }
    among = [
        (number, place, read)
        for number, place, read in reads_of(history, 1)
        if (begin := history[number].begin) is not None and (writer_ends.get(read.values[-1]) or 1e9) < begin
    ]
    number, place, read = chosen(data, among)
    return with_read(history, number, place, read.values[:-1])


def two_numbers_change_places(history: History, data: st.DataObject) -> History:
    """One reader has them in another order than a second reader, who read them both."""
    seen: dict[tuple[str, int], set[int]] = {}
    for number, _, read in reads_of(history, 0):
        for value in read.values:
            seen.setdefault((read.key, value), set()).add(number)
    among = [
        (number, place, read)
        for number, place, read in reads_of(history, 2)
        if any(other != number for other in seen[read.key, read.values[-1]])
        and sum(operation.key == read.key for operation in history[number].operations) == 1
    ]
    number, place, read = chosen(data, among)
    return with_read(history, number, place, (*read.values[:-2], read.values[-1], read.values[-2]))


def a_number_is_there_twice(history: History, data: st.DataObject) -> History:
    number, place, read = chosen(data, reads_of(history, 1))
    return with_read(history, number, place, (*read.values, read.values[0]))


def what_was_read_had_failed(history: History, data: st.DataObject) -> History:
    read = {value for _, _, read in reads_of(history, 1) for value in read.values}
    among = [
        number
        for number, transaction in enumerate(history)
        if any(isinstance(operation, Append) and operation.value in read for operation in transaction.operations)
    ]
    number = chosen(data, among)
    changed = list(history)
    changed[number] = msgspec.structs.replace(history[number], status="failed")
    return changed


def half_of_a_transaction_is_seen(history: History, data: st.DataObject) -> History:
    """Of a writer's two last appends to two lists only one is there."""
    writers = {
        (operation.key, operation.value): number
        for number, transaction in enumerate(history)
        for operation in transaction.operations
        if isinstance(operation, Append)
    }
    among = []
    for number, place, read in reads_of(history, 1):
        keys = [operation.key for operation in history[number].operations]
        for other_place, other in enumerate(history[number].operations):
            assert isinstance(other, Read)
            if (
                other.key != read.key
                and other.values
                and keys.count(read.key) == 1
                and writers[other.key, other.values[-1]] == writers[read.key, read.values[-1]]
            ):
                among.append((number, place, read, other_place))
    number, place, read, _ = chosen(data, among)
    writer = writers[read.key, read.values[-1]]
    kept = [value for value in read.values if writers[read.key, value] != writer]
    return with_read(history, number, place, tuple(kept))


def a_subscription_steps_back(history: History, data: st.DataObject) -> History:
    """What a session was shown first it is shown last, and what was last comes first."""
    shown: dict[str, list[tuple[int, int]]] = {}
    for number, transaction in enumerate(history):
        if transaction.begin is None and transaction.end is not None:
            shown.setdefault(transaction.session, []).append((transaction.end, number))
    among = []
    for screens in shown.values():
        (_, first), (_, last) = min(screens), max(screens)
        if history[first].operations != history[last].operations:
            among.append((first, last))
    first, last = chosen(data, among)
    changed = list(history)
    changed[first] = msgspec.structs.replace(history[first], operations=history[last].operations)
    changed[last] = msgspec.structs.replace(history[last], operations=history[first].operations)
    return changed


@pytest.mark.parametrize(
    "spoil",
    [
        a_write_is_forgotten,
        two_numbers_change_places,
        a_number_is_there_twice,
        what_was_read_had_failed,
        half_of_a_transaction_is_seen,
        a_subscription_steps_back,
    ],
    ids=lambda spoil: spoil.__name__,
)
@settings(suppress_health_check=[HealthCheck.filter_too_much])  # not every history has a place for every mistake
@given(data=st.data())
def test_a_spoiled_history_is_caught(spoil: Callable[[History, st.DataObject], History], data: st.DataObject) -> None:
    spoiled = spoil(data.draw(serial_histories(steps_min=8)), data)
    anomalies = check_history(spoiled)
    assert anomalies
    for anomaly in anomalies:
        assert all(before.target == after.source for before, after in _around(anomaly.cycle))


def _around(cycle: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    return list(zip(cycle, cycle[1:] + cycle[:1], strict=True))
