"""Server sessions and clients joined through pipes, under any interleaving, loss of connections and rate of writes.

Goal: the promises of the sync connection hold for whatever order things happen in. Method: Hypothesis chooses every
step; each message is checked against a history that knows all past answers (``session_world``); at the end everything
under way is let through, and all clients must have converged.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from rtdb.config import Limits
from tests.sync.fake_hub import KEYS
from tests.sync.session_world import Member, World

member = st.integers(0, 2)
key = st.integers(0, KEYS - 1)


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(clients=3)

    def connected(self, number: int) -> Member:
        """The client, with a socket."""
        client = self.world.clients[number]
        if client.socket is None:
            self.world.connect(client)
        return client

    @rule(number=member, key=key)
    def subscribe(self, number: int, key: int) -> None:
        self.world.subscribe(self.world.clients[number], key)

    @rule(number=member, index=st.integers(0, 9))
    def unsubscribe(self, number: int, index: int) -> None:
        if self.world.clients[number].subscribed:
            self.world.unsubscribe(self.world.clients[number], index)

    @rule(number=member, key=st.integers(0, KEYS))
    def mutate(self, number: int, key: int) -> None:
        self.world.mutate(self.world.clients[number], key)

    @rule(number=member, name=st.sampled_from([None, "ann", "ben"]))
    def authenticate(self, number: int, name: str | None) -> None:
        self.world.set_auth(self.world.clients[number], name)

    @rule(number=member)
    def drop(self, number: int) -> None:
        if self.world.clients[number].socket is not None:
            self.world.disconnect(self.world.clients[number])

    @rule(number=member, count=st.integers(1, 3))
    def client_sends(self, number: int, count: int) -> None:
        for _ in range(count):
            self.world.client_sends(self.connected(number))

    @rule(number=member, count=st.integers(1, 3))
    def server_receives(self, number: int, count: int) -> None:
        for _ in range(count):
            self.world.client_sends(self.connected(number))
            self.world.server_receives(self.connected(number))

    @rule(number=member)
    def talk(self, number: int) -> None:
        """All that is under way between a client and its session arrives."""
        self.world.talk(self.connected(number))

    @rule(number=member)
    def verify(self, number: int) -> None:
        socket = self.connected(number).socket
        assert socket is not None
        self.world.verify(socket)

    @rule(number=member)
    def written(self, number: int) -> None:
        self.world.written(self.connected(number))

    @rule(number=member, count=st.integers(1, 4))
    def client_receives(self, number: int, count: int) -> None:
        for _ in range(count):
            self.world.written(self.connected(number))
            self.world.client_receives(self.connected(number))

    @rule(keys=st.lists(key, min_size=1, max_size=3))
    def write(self, keys: list[int]) -> None:
        self.world.hub.write(keys)

    @rule()
    def start_round(self) -> None:
        self.world.hub.start_round()

    @precondition(lambda self: self.world.hub.rounds)
    @rule(which=st.integers(0, 9), index=st.integers(0, 9))
    def finish_execution(self, which: int, index: int) -> None:
        rounds = self.world.hub.rounds
        self.world.hub.finish_execution(rounds[which % len(rounds)], index)

    @precondition(lambda self: len(self.world.hub.rounds) > 1)
    @rule(index=st.integers(0, 9))
    def finish_executions_of_two_rounds_in_one_frame(self, index: int) -> None:
        first, second, *_ = self.world.hub.rounds
        self.world.hub.finish_execution(second, index)
        self.world.hub.finish_execution(first, index)
        self.world.hub.merge_results()

    @rule(count=st.integers(1, 9))
    def gateway_receives(self, count: int) -> None:
        for _ in range(count):
            self.world.gateway_receives()

    def teardown(self) -> None:
        self.world.settle()
        self.world.check_settled()


Sessions.TestCase.settings = settings(stateful_step_count=40)
test_sessions_keep_their_promises_under_any_interleaving = pytest.mark.slow(Sessions.TestCase)


def test_a_session_keeps_moving_although_its_fast_query_never_rests_and_its_slow_one_is_always_late() -> None:
    """Key 0 is written and re-run all the time, each run of key 1 lasts five of those; nothing is ever clean."""
    world = World(clients=1, limits=Limits())
    [client] = world.clients
    world.subscribe(client, 0)
    world.subscribe(client, 1)
    world.settle()
    seen = []
    for _ in range(20):
        world.hub.write([0, 1])
        world.hub.start_round()
        slow = world.hub.rounds[-1]
        slow.todo.sort(key=lambda entry: entry.key)
        world.hub.finish_execution(slow, 0)
        for _ in range(5):
            world.hub.write([0, 1])
            world.hub.start_round()
            world.hub.finish_execution(world.hub.rounds[-1], 0)
        world.hub.finish_execution(slow, 0)
        while world.gateway_receives() or world.written(client) or world.client_receives(client):
            pass
        seen.append(client.last_ts)
    assert len(set(seen)) == 20
    assert seen == sorted(seen)
