"""Every anomaly by hand: the smallest history that has it, its name, and the cycle that proves it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rtdb.testing.histories import Anomaly, Append, Operation, Read, Transaction, check_history

OPERATION = re.compile(r"(\w)(?:=([\d,]*)|\+(\d+))")


def operations(text: str) -> tuple[Operation, ...]:
    """``x+1`` appends 1 to x, ``x=1,2`` has read 1 and 2 in x, ``x=`` nothing."""
    found: list[Operation] = []
    for key, values, value in OPERATION.findall(text):
        if value:
            found.append(Append(key, int(value)))
        else:
            found.append(Read(key, tuple(map(int, values.split(",") if values else []))))
    return tuple(found)


def transactions(*texts: str) -> list[Transaction]:
    """Transactions a, b, c … that all overlap in time."""
    return [
        Transaction(name=name, operations=operations(text), begin=0, end=100)
        for name, text in zip("abcdefgh", texts, strict=False)
    ]


def transaction(name: str, text: str, begin: int | None = 0, end: int | None = 100, **rest: Any) -> Transaction:
    return Transaction(name=name, operations=operations(text), begin=begin, end=end, **rest)


def names(anomalies: list[Anomaly]) -> list[str]:
    return [anomaly.name for anomaly in anomalies]


def circle(anomaly: Anomaly) -> list[tuple[str, str, str | None]]:
    """Return the steps of a cycle, from its first name in the alphabet on."""
    steps = [(step.source, step.target, step.kind.name) for step in anomaly.cycle]
    assert all(before[1] == after[0] for before, after in zip(steps, steps[1:] + steps[:1], strict=True))
    first = steps.index(min(steps))
    return steps[first:] + steps[:first]


# --- clean ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        [],
        transactions("x+1", "x=1 y+1", "x= y="),
        transactions("x+1 x+2 x=1,2", "x=1,2 x+3 x=1,2,3", "x=1,2,3"),
        [transaction("w", "x+1", end=None, status="unknown"), transaction("r", "x=")],
        [transaction("w", "x+1", end=None, status="unknown"), transaction("r", "x=1")],
        [transaction("w", "x+1 x=5,6", status="failed"), transaction("r", "x=")],
        [transaction("w", "x+1", 0, 1), transaction("old screen", "x=", None, 5, session="s")],
    ],
    ids=["nothing", "three in a row", "own appends", "unknown and lost", "unknown and there", "failed", "late result"],
)
def test_a_serial_history_is_clean(history: list[Transaction]) -> None:
    assert check_history(history) == []


# --- what one read proves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "name", "words"),
    [
        ([transaction("w", "x+1", status="failed"), transaction("r", "x=1")], "G1a", ["r read 1 in x", "w appended"]),
        (transactions("x+1 x+2", "x=1", "x=1,2"), "G1b", ["b read x up to 1", "after which a"]),
        (transactions("x+1", "x=1,1"), "duplicate", ["b read 1 2 times in x"]),
        (transactions("x+1", "x=1,7"), "garbage", ["b read 7 in x"]),
        (transactions("x+1", "x+2", "x=1,2", "x=2,1"), "incompatible-order", ["[1, 2]", "[2, 1]"]),
        (transactions("x+1 x="), "internal", ["a read x as []", "ends with [1]"]),
        (transactions("y+1", "y= x+1 y=1"), "internal", ["b read y as [1]", "had to read []"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_read_that_proves_an_anomaly_by_itself(history: list[Transaction], name: str, words: list[str]) -> None:
    found = check_history(history)
    assert name in names(found)
    (anomaly,) = (one for one in found if one.name == name)
    assert all(word in str(anomaly) for word in words), str(anomaly)
    assert anomaly.cycle == ()


# --- what several together prove --------------------------------------------------------------------------------------


def test_g0_two_transactions_have_overwritten_each_other() -> None:
    (found,) = check_history(transactions("x+1 y+1", "x+2 y+2", "x=1,2 y=2,1"))
    assert found.name == "G0"
    assert circle(found) == [("a", "b", "WW"), ("b", "a", "WW")]


def test_g1c_two_transactions_have_seen_each_other() -> None:
    (found,) = check_history(transactions("x+1 y=1", "y+1 x=1"))
    assert found.name == "G1c"
    assert circle(found) == [("a", "b", "WR"), ("b", "a", "WR")]


def test_g_single_a_transaction_has_seen_half_of_another() -> None:
    (found,) = check_history(transactions("x+1 y+1", "x=1 y="))
    assert found.name == "G-single"
    assert circle(found) == [("a", "b", "WR"), ("b", "a", "RW")]


def test_g_single_an_update_is_lost() -> None:
    """Both have read the empty list; the second append follows the first without having seen it."""
    (found,) = check_history(transactions("x= x+1", "x= x+2", "x=1,2"))
    assert found.name == "G-single"
    assert circle(found) == [("a", "b", "WW"), ("b", "a", "RW")]


def test_g2_each_has_not_seen_what_the_other_wrote() -> None:
    (found,) = check_history(transactions("x= y+1", "y= x+1", "x=1 y=1"))
    assert found.name == "G2"
    assert circle(found) == [("a", "b", "RW"), ("b", "a", "RW")]


def test_two_appends_that_nobody_has_read_and_that_have_not_read_each_other_are_g2() -> None:
    (found,) = check_history(transactions("x= x+1", "x= x+2"))
    assert found.name == "G2"
    assert circle(found) == [("a", "b", "RW"), ("b", "a", "RW")]


def test_an_append_that_nobody_has_read_follows_all_that_was_read() -> None:
    (found,) = check_history(transactions("x+1 y+1", "x= y=1", "y=1"))
    assert found.name == "G-single"
    assert circle(found) == [("a", "b", "WR"), ("b", "a", "RW")]
    assert "whose append to x it did not read" in str(found)


def test_a_longer_cycle_is_told_step_by_step() -> None:
    (found,) = check_history(transactions("x+1", "x=1 y+1", "y=1 z+1", "z=1 x="))
    assert found.name == "G-single"
    assert circle(found) == [("a", "b", "WR"), ("b", "c", "WR"), ("c", "d", "WR"), ("d", "a", "RW")]
    assert "d is before a, which appended 1 to x behind what it read" in str(found)


def test_separate_cycles_are_separate_anomalies() -> None:
    found = check_history(transactions("x+1 y=1", "y+1 x=1", "z+1 w+1", "z=1 w="))
    assert sorted(names(found)) == ["G-single", "G1c"]


# --- what time and sessions prove -------------------------------------------------------------------------------------


def test_an_acknowledged_write_that_a_later_reader_does_not_find() -> None:
    writer, reader = transaction("w", "x+1", 0, 10), transaction("r", "x=", 11, 20)
    (found,) = check_history([writer, reader])
    assert found.name == "G-single-realtime"
    assert circle(found) == [("r", "w", "RW"), ("w", "r", "REALTIME")]
    assert check_history([writer, transaction("r", "x=", 9, 20)]) == []


def test_real_time_is_known_over_any_distance() -> None:
    between = [transaction(f"t{number}", "y=", 10 * number + 1, 10 * number + 5) for number in range(1, 50)]
    (found,) = check_history([transaction("w", "x+1", 0, 10), *between, transaction("r", "x=", 600, 601)])
    assert circle(found) == [("r", "w", "RW"), ("w", "r", "REALTIME")]


def test_a_subscription_steps_back() -> None:
    writer = transaction("w", "x+1", 0, 100)
    newer, older = "x=1", "x="
    screens = [transaction("first", newer, None, 5, session="s"), transaction("second", older, None, 6, session="s")]
    (found,) = check_history([writer, *screens])
    assert found.name == "G-single-session"
    assert circle(found) == [("first", "second", "SESSION"), ("second", "w", "RW"), ("w", "first", "WR")]
    of_two = [transaction("first", newer, None, 5, session="s"), transaction("second", older, None, 6, session="t")]
    assert check_history([writer, *of_two]) == []


def test_a_subscription_does_not_show_the_clients_own_write() -> None:
    writer, screen = transaction("w", "x+1", 0, 10, session="s"), transaction("screen", "x=", None, 11, session="s")
    (found,) = check_history([writer, screen])
    assert found.name == "G-single-session"
    assert circle(found) == [("screen", "w", "RW"), ("w", "screen", "SESSION")]


def test_a_subscription_shows_a_mix_of_two_moments() -> None:
    (found,) = check_history([transaction("w", "x+1 y+1"), transaction("screen", "x=1 y=", None, 5, session="s")])
    assert found.name == "G-single"


def test_a_write_that_began_after_somebody_was_shown_the_state_without_the_one_before_it() -> None:
    """a was shown before b began, and shows c, which has read b: nobody can be shown what has not begun."""
    screen = transaction("a", "y=1", None, 5, session="s")
    (found,) = check_history([screen, transaction("b", "x+1", 6, 9), transaction("c", "x=1 y+1", 0, 20)])
    assert found.name == "G1c-realtime"
    assert circle(found) == [("a", "b", "REALTIME"), ("b", "c", "WR"), ("c", "a", "WR")]


# --- long histories ---------------------------------------------------------------------------------------------------


def test_a_history_of_thousands_is_checked_in_seconds_clean_or_not() -> None:
    """Time and memory are linear: 20,000 transactions on 500 lists, then all of them in one component."""
    lists: dict[str, tuple[int, ...]] = {}
    history = []
    for number in range(20_000):
        key, other = f"k{number % 500}", f"k{number * 11 % 499}"
        reads = Read(other, lists.get(other, ()))
        lists[key] = (*lists.get(key, ()), number)
        history.append(
            Transaction(name=str(number), operations=(reads, Append(key, number)), begin=number * 3, end=number * 3 + 5)
        )
    final = tuple(Read(key, values) for key, values in lists.items())
    history.append(Transaction(name="last", operations=final, begin=100_000, end=100_001))
    assert check_history(history) == []
    stale = (*(Read(key, values) for key, values in lists.items() if key != "k0"), Read("k0", ()))
    history[-1] = Transaction(name="last", operations=stale, begin=100_000, end=100_001)
    (found,) = check_history(history)
    assert found.name in ("G-single", "G-single-realtime")
    assert len(found.cycle) < 50
