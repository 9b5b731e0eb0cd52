"""The agenda knows the head of the index, whatever happens between asking for a page and its arrival."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rtdb.link.frames import KeyChange
from rtdb.scheduler import agenda as agenda_module
from rtdb.scheduler.agenda import Agenda, Waiting
from rtdb.storage.system_tables import SCHEDULED_JOBS_TABLE
from rtdb.values.document_id import encode_id
from rtdb.values.ordering import encode_key

INDEX = SCHEDULED_JOBS_TABLE * 128 + 2


def parts(number: int, due: float, claim: str = "") -> list[bytes]:
    id = encode_id(SCHEDULED_JOBS_TABLE, number.to_bytes(16, "big"))
    return [encode_key(value) for value in (claim, due, "jobs:run", 5.0, id)]


def key(number: int, due: float) -> bytes:
    return b"".join(parts(number, due))


def changed(agenda: Agenda, old: list[bytes] | None, new: list[bytes] | None) -> bytes | None:
    return agenda.changed(KeyChange(INDEX, old, new))


def read_all(agenda: Agenda, *keys: bytes) -> None:
    agenda.ask_page()
    agenda.page_arrived(keys)


def test_a_key_says_which_when_and_what() -> None:
    waiting = Waiting.of_key(key(7, 12.5))
    assert waiting == (key(7, 12.5), (7).to_bytes(16, "big"), 12.5, "jobs:run")


def test_what_waits_is_taken_in_order() -> None:
    agenda = Agenda(INDEX, held_max=10)
    assert agenda.first() is None
    read_all(agenda, key(1, 10.0), key(2, 20.0))
    changed(agenda, None, parts(3, 15.0))
    assert [agenda.take().due for _ in range(3)] == [10.0, 15.0, 20.0]
    assert agenda.first() is None


def test_what_is_claimed_or_gone_waits_no_more() -> None:
    agenda = Agenda(INDEX, held_max=10)
    read_all(agenda, key(1, 10.0), key(2, 20.0))
    assert changed(agenda, parts(1, 10.0), parts(1, 10.0, "server")) == key(1, 10.0)
    assert changed(agenda, parts(2, 20.0), None) == key(2, 20.0)
    assert changed(agenda, parts(1, 10.0, "server"), None) is None
    assert len(agenda) == 0


def test_a_change_that_moves_nothing_is_none() -> None:
    agenda = Agenda(INDEX, held_max=10)
    read_all(agenda, key(1, 10.0))
    assert changed(agenda, parts(1, 10.0), parts(1, 10.0)) is None
    assert len(agenda) == 1


def test_before_the_first_page_nothing_is_known_and_afterwards_everything() -> None:
    agenda = Agenda(INDEX, held_max=10)
    changed(agenda, None, parts(1, 10.0))
    assert len(agenda) == 0
    agenda.ask_page()
    changed(agenda, None, parts(2, 5.0))
    agenda.page_arrived([key(1, 10.0)])
    assert agenda.take().key == key(2, 5.0)
    assert not agenda.wants_page


def test_what_is_running_is_not_found_again_by_a_page() -> None:
    agenda = Agenda(INDEX, held_max=4)
    read_all(agenda, key(1, 50.0))
    running = agenda.take()
    for number in range(2, 8):
        changed(agenda, None, parts(number, float(number)))
    assert agenda.take().due == 2.0
    assert agenda.wants_page
    agenda.ask_page()
    agenda.page_arrived([key(number, float(number)) for number in range(4, 8)] + [key(1, 50.0)])
    known = len(agenda)
    assert running.key not in {agenda.take().key for _ in range(known)}
    agenda.let_go(running.key)


class AgendaAndIndex(RuleBasedStateMachine):
    """An index in a database, blocks about its changes that arrive late, and an agenda that runs what it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(agenda_module, "PAGE_KEYS", 4)
        self.agenda = Agenda(INDEX, held_max=6)
        self.index: dict[int, float] = {}
        self.on_its_way: list[KeyChange] = []
        self.page: list[bytes] | None = None
        self.page_after = b""
        self.taken: set[bytes] = set()
        self.number = 0

    def teardown(self) -> None:
        self.patch.undo()

    def write(self, number: int, due: float | None) -> None:
        old = self.index.pop(number, None)
        if due is not None:
            self.index[number] = due
        self.on_its_way.append(
            KeyChange(
                INDEX,
                None if old is None else parts(number, old),
                None if due is None else parts(number, due),
            )
        )

    @rule(due=st.integers(0, 9).map(float))
    def schedule(self, due: float) -> None:
        self.number += 1
        self.write(self.number, due)

    @precondition(lambda self: self.index)
    @rule(data=st.data(), due=st.none() | st.integers(0, 20).map(float))
    def move_or_cancel(self, data: Any, due: float | None) -> None:
        self.write(data.draw(st.sampled_from(sorted(self.index))), due)

    @precondition(lambda self: self.on_its_way)
    @rule(count=st.integers(1, 5))
    def blocks_arrive(self, count: int) -> None:
        for change in self.on_its_way[:count]:
            gone = self.agenda.changed(change)
            if gone is not None:
                self.taken.discard(gone)
                self.agenda.let_go(gone)
        del self.on_its_way[:count]

    @precondition(lambda self: self.agenda.wants_page)
    @rule()
    def ask(self) -> None:
        self.page_after = self.agenda.ask_page()

    @precondition(lambda self: self.agenda._meanwhile is not None and self.page is None)
    @rule()
    def page_is_read(self) -> None:
        keys = sorted(key(number, due) for number, due in self.index.items())
        self.page = [found for found in keys if found > self.page_after][:4]

    @precondition(lambda self: self.page is not None)
    @rule()
    def page_arrives(self) -> None:
        """The hub hands out an answer only after the blocks it was read at."""
        while self.on_its_way:
            self.blocks_arrive(1)
        assert self.page is not None
        self.agenda.page_arrived(self.page)
        self.page = None

    @precondition(lambda self: self.agenda.first() is not None)
    @rule()
    def take(self) -> None:
        self.taken.add(self.agenda.take().key)

    @precondition(lambda self: not self.on_its_way)
    @rule()
    def compare(self) -> None:
        """With all blocks heard of, the agenda holds exactly the head of the index, but for what was taken."""
        waiting = {key(number, due) for number, due in self.index.items()} - self.taken
        assert self.agenda._keys == sorted(found for found in waiting if found <= self.agenda._through)

    @invariant()
    def bounded(self) -> None:
        assert len(self.agenda) <= 6


TestAgendaAndIndex = AgendaAndIndex.TestCase
TestAgendaAndIndex.settings = settings(max_examples=60, stateful_step_count=60)


@pytest.mark.parametrize("held_max", [1, 2, 3, 100, 999])
def test_a_page_that_is_more_than_may_be_held_is_not_asked_for_again_before_there_is_room(held_max: int) -> None:
    agenda = Agenda(INDEX, held_max=held_max)
    wants = [agenda.wants_page]
    read_all(agenda, *(key(number, 1000.0 + number) for number in range(agenda_module.PAGE_KEYS)))
    assert 0 < len(agenda) <= held_max
    wants.append(agenda.wants_page)
    while len(agenda):
        agenda.take()
    wants.append(agenda.wants_page)
    assert wants == [True, False, True]
