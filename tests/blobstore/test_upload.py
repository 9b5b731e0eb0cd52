"""Uploads with steps that are answered by the test: what else can come in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from rtdb.blobstore.store import BLOB_PREFIXES, BlobStore
from rtdb.blobstore.upload import KEEP_ATTEMPTS_MAX, FileStepError, Offer, Receive, Uploads
from rtdb.clock import SystemRandom
from rtdb.config import Limits
from rtdb.errors import InsufficientStorageError, InternalError, OverloadedError, RateLimitedError
from rtdb.link.frames import Answer, ExecutionError, FileStep

ROOM = {"bytes": 0.0, "epoch": 0.0, "known": False}


class Steps:
    """Answers the steps of uploads: ``kept`` are the answers of ``keep``, one after the other, the last for good."""

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs
        self.kept: list[dict[str, Any] | ExecutionError] = [{"storageId": "id"}]
        self.room: dict[str, Any] = ROOM
        self.asked: list[str] = []
        self.before_keep: Callable[[], None] = lambda: None

    async def file_step(self, step: FileStep, args: bytes) -> Answer:
        self.asked.append(step)
        if step == "room":
            return Answer(0, msgspec.json.encode(self.room), None, [], 0)
        self.before_keep()
        kept = self.kept.pop(0) if len(self.kept) > 1 else self.kept[0]
        if isinstance(kept, ExecutionError):
            return Answer(0, None, kept, [], 0)
        return Answer(0, msgspec.json.encode(kept), None, [], 0)


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    blobs = BlobStore(tmp_path, SystemRandom())
    blobs.prepare()
    return Steps(blobs)


def stored(blobs: BlobStore) -> list[str]:
    return [name for prefix in BLOB_PREFIXES for name in blobs.names(prefix)]


def left(blobs: BlobStore) -> list[Path]:
    return list((blobs.directory / "incoming").iterdir())


def pieces(*data: bytes) -> Receive:
    rest = [*data]

    async def receive() -> bytes | None:
        await trio.lowlevel.checkpoint()
        return rest.pop(0) if rest else None

    return receive


async def test_content_that_was_removed_in_between_is_published_again(
    steps: Steps, autojump_clock: trio.testing.MockClock
) -> None:
    steps.kept = [{"again": True}, {"again": True}, {"storageId": "id"}]
    steps.before_keep = lambda: steps.blobs.remove(stored(steps.blobs)) if len(steps.kept) > 1 else None
    assert await Uploads(steps.blobs, steps, Limits()).take(Offer(), pieces(b"a", b"b")) == "id"
    assert steps.asked == ["room", *["room", "keep"] * 3]
    (name,) = stored(steps.blobs)
    assert steps.blobs.content(name).size == 2
    assert left(steps.blobs) == []


async def test_an_upload_that_is_told_to_try_again_for_ever_gives_up(
    steps: Steps, autojump_clock: trio.testing.MockClock
) -> None:
    steps.kept = [{"again": True}]
    with pytest.raises(OverloadedError):
        await Uploads(steps.blobs, steps, Limits()).take(Offer(), pieces(b"a"))
    assert steps.asked.count("keep") == KEEP_ATTEMPTS_MAX
    assert left(steps.blobs) == []


async def test_a_full_quota_is_noticed_before_anything_is_published(steps: Steps) -> None:
    limits = Limits(storage_bytes_max=10)
    steps.room = {**ROOM, "bytes": 8.0}
    with pytest.raises(InsufficientStorageError):
        await Uploads(steps.blobs, steps, limits).take(Offer(), pieces(b"abc"))
    assert (stored(steps.blobs), left(steps.blobs)) == ([], [])
    steps.room = {**ROOM, "bytes": 8.0}
    steps.kept = [{"full": True}]  # another upload was faster
    with pytest.raises(InsufficientStorageError):
        await Uploads(steps.blobs, steps, limits).take(Offer(), pieces(b"ab"))
    assert left(steps.blobs) == []


async def test_a_server_on_its_way_down_says_so(steps: Steps) -> None:
    steps.kept = [ExecutionError("ShuttingDown", "The server is shutting down.", system=503)]
    with pytest.raises(FileStepError) as raised:
        await Uploads(steps.blobs, steps, Limits()).take(Offer(), pieces(b"a"))
    assert raised.value.error.code == "ShuttingDown"
    assert left(steps.blobs) == []


async def test_a_disk_that_fails_is_our_fault_and_leaves_nothing(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InternalError, match="a file could not be stored"):
        await Uploads(steps.blobs, steps, Limits()).take(Offer(), pieces(b"a"))
    assert (stored(steps.blobs), left(steps.blobs)) == ([], [])


async def test_an_error_of_the_source_is_not_taken_for_one_of_the_disk(steps: Steps) -> None:
    async def broken() -> bytes | None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Uploads(steps.blobs, steps, Limits()).take(Offer(), broken)
    assert left(steps.blobs) == []


async def test_a_cancelled_upload_leaves_nothing_and_makes_room_for_the_next(steps: Steps) -> None:
    uploads = Uploads(steps.blobs, steps, Limits(uploads_max=1))
    began = trio.Event()

    async def stuck() -> bytes | None:
        began.set()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(uploads.take, Offer(), stuck)
        await began.wait()
        assert len(left(steps.blobs)) == 1
        with pytest.raises(RateLimitedError):
            await uploads.take(Offer(), pieces(b"a"))
        nursery.cancel_scope.cancel()
    assert left(steps.blobs) == []
    assert await uploads.take(Offer(), pieces(b"a")) == "id"
