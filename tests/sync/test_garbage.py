"""Whatever a client sends, a session answers with messages or ends."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.sync.peer import SESSION, Peer
from tests.sync.session_world import NOBODY, NOW_NS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
small = st.integers(0, 3)
odd = st.one_of(small, json_values)
paths = st.one_of(st.sampled_from(["q:a", "m:x", "q", "", "../q", "a-b:c", "q:a:b"]), json_values)
arguments = st.one_of(st.just([{}]), st.lists(json_values, max_size=2), json_values)
requests = st.fixed_dictionaries({"udfPath": paths, "args": arguments}, optional={"componentPath": odd, "journal": odd})
modifications = st.lists(
    st.builds(
        lambda kind, query, more: {"type": kind, "queryId": query, **more},
        st.sampled_from(["Add", "Remove"]),
        odd,
        requests,
    ),
    max_size=3,
)
messages = st.one_of(
    json_values,
    st.builds(
        lambda kind, request, more: {"type": kind, "requestId": request, **more},
        st.sampled_from(["Mutation", "Action"]),
        odd,
        requests,
    ),
    st.fixed_dictionaries(
        {"type": st.just("ModifyQuerySet"), "baseVersion": odd, "newVersion": odd, "modifications": modifications}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("Authenticate"),
            "baseVersion": odd,
            "tokenType": st.sampled_from(["User", "Admin", "None", "X"]),
        },
        optional={"value": st.text(max_size=3), "impersonating": json_values, "acting_as": json_values},
    ),
    st.fixed_dictionaries(
        {"type": st.just("Connect"), "sessionId": st.sampled_from([SESSION, "x"]), "connectionCount": odd},
        optional={
            "clientTs": odd,
            "maxObservedTimestamp": st.sampled_from(["AQAAAAAAAAA=", "Fc2FPf6clxc=", "x", None]),
        },
    ),
)


@given(st.lists(messages, max_size=8))
def test_whatever_arrives_a_session_answers_with_messages_or_ends(stream: list[Any]) -> None:
    peer = Peer()
    for message in stream:
        peer.take(peer.session.receive(msgspec.json.encode(message), NOW_NS))
        if peer.tokens:
            peer.tokens.clear()
            peer.take(peer.session.identity_verified(NOBODY, NOW_NS))
        while peer.runs and peer.closing is None:
            peer.answer(100)
        peer.runs.clear()
    if peer.closing is not None:
        assert peer.closing.code in {None, 1011, 1013}
        assert peer.session.closed


@given(st.text() | st.binary())
def test_text_that_is_no_json_ends_the_session_with_a_fatal_error(text: str | bytes) -> None:
    peer = Peer()
    [said] = peer.take(peer.session.receive(text, NOW_NS))
    assert said["type"] == "FatalError"
    assert peer.closing is not None
