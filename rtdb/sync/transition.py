"""Transitions as text, encoded once for all sessions that are told the same.

A Transition is joined from parts that exist already: each result carries its own encoding, so ten thousand sessions
that watch one query cost one encoding and ten thousand look-ups. Sharing needs equal versions and equal query ids,
which sessions of one app that were moved together have; what differs per session (clock skew, server time) goes only
into the transitions that need it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rtdb.sync.commands import SendText
from rtdb.sync.content import Content
from rtdb.sync.messages import encode_timestamp

__all__ = ["CHUNK_BYTES_MAX", "SharedTransitions", "StateVersion", "encode_transition", "split_transition"]

SHARED_MAX = 64  # distinct texts of one round; beyond that sessions are too different for sharing to pay

CHUNK_BYTES_MAX = 5_000_000

Modification = tuple[int, Content | None]
"""A query id with its new result; None: the query was removed."""


class StateVersion(NamedTuple):
    """The counters of a session's state: query set and identity are the client's, ``ts`` is ours."""

    query_set: int
    identity: int
    ts: int


ZERO = StateVersion(0, 0, 0)


def encode_transition(
    start: StateVersion, end: StateVersion, modifications: tuple[Modification, ...], stamp: str = ""
) -> bytes:
    """Return a Transition's text. ``stamp``: further members, each with a leading comma."""
    parts = [
        f'{{"type":"Transition","startVersion":{_version(start)},"endVersion":{_version(end)},"modifications":['.encode()
    ]
    comma = b""
    for query_id, content in modifications:
        if content is None:
            parts.append(comma + b'{"type":"QueryRemoved","queryId":%d}' % query_id)
        else:
            parts += (comma, content.head, b"%d" % query_id, content.tail)
        comma = b","
    parts.append(f"]{stamp}}}".encode())
    return b"".join(parts)


def split_transition(text: bytes, *, chunk_bytes_max: int = CHUNK_BYTES_MAX) -> list[bytes]:
    """Return a Transition's text as TransitionChunks of at most so many bytes each; itself if it is not longer.

    No character is cut in two. Only some clients understand these (sync-protocol §4.2).
    """
    if len(text) <= chunk_bytes_max:
        return [text]
    pieces: list[str] = []
    start = 0
    while start < len(text):
        stop = min(start + chunk_bytes_max, len(text))
        while stop < len(text) and text[stop] & 0xC0 == 0x80:
            stop -= 1
        pieces.append(text[start:stop].decode())
        start = stop
    return [
        b'{"type":"TransitionChunk","chunk":%b,"partNumber":%d,"totalParts":%d,"transitionId":"%d"}'
        % (msgspec.json.encode(piece), number, len(pieces), len(text))
        for number, piece in enumerate(pieces)
    ]


def _version(version: StateVersion) -> str:
    timestamp = encode_timestamp(version.ts)
    return f'{{"querySet":{version.query_set},"identity":{version.identity},"ts":"{timestamp}"}}'


class SharedTransitions:
    """Encoded transitions of the current round, by what is in them.

    Contents are compared by identity, so an entry is never wrong; ``clear`` only frees memory.
    """

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: dict[tuple[StateVersion, StateVersion, tuple[Modification, ...]], SendText] = {}

    def get(self, start: StateVersion, end: StateVersion, modifications: tuple[Modification, ...]) -> SendText:
        """Return the transition, the same object for everyone who asks for the same."""
        key = (start, end, modifications)
        shared = self._texts.get(key)
        if shared is None:
            shared = SendText(encode_transition(start, end, modifications), transition=True)
            if len(self._texts) < SHARED_MAX:
                self._texts[key] = shared
        return shared

    def clear(self) -> None:
        """Forget all texts; called when something new is known."""
        if self._texts:
            self._texts = {}
