"""Transitions in chunks, put together again as the npm client does."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rtdb.sync.transition import split_transition


class Chunk(msgspec.Struct, tag="TransitionChunk", forbid_unknown_fields=True):
    chunk: str
    partNumber: int
    totalParts: int
    transitionId: str


@given(st.text(max_size=80), st.integers(4, 30))
def test_chunks_are_numbered_no_longer_than_allowed_and_hold_the_text(text: str, chunk_bytes_max: int) -> None:
    data = text.encode()
    messages = split_transition(data, chunk_bytes_max=chunk_bytes_max)
    if len(data) <= chunk_bytes_max:
        assert messages == [data]
        return
    chunks = [msgspec.json.decode(message, type=Chunk) for message in messages]
    assert [chunk.partNumber for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.totalParts for chunk in chunks} == {len(chunks)}
    assert {chunk.transitionId for chunk in chunks} == {str(len(data))}
    assert all(0 < len(chunk.chunk.encode()) <= chunk_bytes_max for chunk in chunks)
    assert "".join(chunk.chunk for chunk in chunks) == text
