"""``ctx.storage`` of actions, over a real committer and a real disk."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rtdb.blobstore.download import READ_BYTES
from rtdb.blobstore.store import BLOB_PREFIXES
from rtdb.config import Limits
from tests.functions.action_bench import ActionBench, running_actions

APP = """
import trio

@action
async def store(ctx, content, type=None, sha256=None):
    return await ctx.storage.store(content, type, sha256=sha256)

@action
async def read(ctx, id):
    blob = await ctx.storage.get(id)
    return None if blob is None else [await blob.read(), blob.size, blob.content_type]

async def produce(count, size):
    for number in range(int(count)):
        await trio.sleep(0)
        yield bytes([number]) * int(size)

@action
async def store_pieces(ctx, count, size):
    return await ctx.storage.store(produce(count, size))

@action
async def piece_sizes(ctx, id):
    blob = await ctx.storage.get(id)
    first = [len(piece) async for piece in blob]
    assert first == [len(piece) async for piece in blob]
    return first

@action
async def copy(ctx, id):
    return await ctx.storage.store(await ctx.storage.get(id))

@action
async def addresses(ctx, id):
    return [
        await ctx.storage.get_url(id), await ctx.storage.get_metadata(id), await ctx.storage.generate_upload_url()
    ]

@action
async def delete(ctx, id):
    await ctx.storage.delete(id)

@action
async def store_and_fail(ctx):
    id = await ctx.storage.store(b"stays")
    raise ConvexError(id)

async def fail_midway():
    yield b"half"
    raise ValueError("the source has dried up")

@action
async def store_failing(ctx):
    await ctx.storage.store(fail_midway())

@action
async def catch(ctx, content):
    try:
        await ctx.storage.store(content)
    except Exception as error:
        return [type(error).__name__, error.code]

@action
async def misuse(ctx, what):
    async def texts():
        yield "text"
    await ctx.storage.store({"text": "abc", "texts": texts(), "list": [b"a"]}[what])

@action
async def leave_behind(ctx):
    async with trio.open_nursery() as nursery:
        async def never():
            yield b"begun"
            await trio.sleep_forever()
        nursery.start_soon(ctx.storage.store, never())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

@action
async def spoil(ctx):
    seen = []
    async def pieces():
        try:
            yield "text"
        finally:
            seen.append("closed")
    try:
        await ctx.storage.store(pieces())
    except TypeError:
        return seen

@query
def url(ctx, id):
    return ctx.storage.get_url(id)
"""


def on_disk(bench: ActionBench) -> list[str]:
    return [name for prefix in BLOB_PREFIXES for name in bench.blobs.names(prefix)]


def incoming(bench: ActionBench) -> list[Path]:
    return list((bench.blobs.directory / "incoming").iterdir())


async def test_what_an_action_stores_it_reads_again(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        storage_id = await bench.act("m:store", {"content": b"hello", "type": "text/plain"})
        assert await bench.act("m:read", {"id": storage_id}) == [b"hello", 5, "text/plain"]
        typeless = await bench.act("m:store", {"content": b""})
        assert await bench.act("m:read", {"id": typeless}) == [b"", 0, None]
        url, metadata, upload_url = await bench.act("m:addresses", {"id": storage_id})
        uuid = url.removeprefix("http://files.example/api/storage/")
        assert metadata == {
            "storageId": uuid,
            "sha256": sha256(b"hello").hexdigest(),
            "size": 5,
            "contentType": "text/plain",
        }
        # The UUID does everywhere what the id does.
        assert await bench.act("m:read", {"id": uuid}) == [b"hello", 5, "text/plain"]
        assert bench.app.run("m:url", {"id": storage_id}) == url
        bench.app.tokens.check(upload_url.partition("?token=")[2], bench.app.clock.now_ns())
        assert incoming(bench) == []


async def test_a_file_larger_than_memory_passes_in_pieces(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        storage_id = await bench.act("m:store_pieces", {"count": 7, "size": 100_000})
        sizes = await bench.act("m:piece_sizes", {"id": storage_id})
        assert sizes == [READ_BYTES, READ_BYTES, 700_000 - 2 * READ_BYTES]
        copied = await bench.act("m:copy", {"id": storage_id})
        assert copied != storage_id
        assert len(on_disk(bench)) == 1
        assert await bench.act("m:read", {"id": copied}) == await bench.act("m:read", {"id": storage_id})


async def test_a_file_is_deleted_at_once_and_whatever_the_action_does(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        storage_id = await bench.act("m:store", {"content": b"x"})
        await bench.act("m:delete", {"id": storage_id})
        assert await bench.act("m:read", {"id": storage_id}) is None
        assert (await bench.act("m:addresses", {"id": storage_id}))[:2] == [None, None]
        error = await bench.error("m:delete", {"id": storage_id})
        assert f"storage id {storage_id} not found" in error.message


async def test_what_was_stored_stays_when_the_action_fails(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        error = await bench.error("m:store_and_fail")
        assert error.data is not None
        storage_id = error.data.decode().strip('"')
        assert (await bench.act("m:read", {"id": storage_id}))[0] == b"stays"


async def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        error = await bench.error("m:store_failing")
        assert "the source has dried up" in error.message
        assert (on_disk(bench), incoming(bench)) == ([], [])


async def test_an_upload_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m="import trio.testing\n" + APP) as bench:
        await bench.act("m:leave_behind")
        assert (on_disk(bench), incoming(bench)) == ([], [])


async def test_the_hash_of_content_is_checked(tmp_path: Path) -> None:
    right, wrong = (b64encode(sha256(content).digest()).decode() for content in (b"right", b"wrong"))
    async with running_actions(tmp_path, m=APP) as bench:
        assert await bench.act("m:store", {"content": b"right", "sha256": right})
        error = await bench.error("m:store", {"content": b"right", "sha256": wrong})
        assert f"Sha256 mismatch. Expected: {wrong} Actual: {right}" in error.message
        for malformed in ["", "abc", b"bytes", 5]:
            error = await bench.error("m:store", {"content": b"right", "sha256": malformed})
            assert "the base64 of 32 bytes" in error.message
        assert len(on_disk(bench)) == 1


@pytest.mark.parametrize("content_type", ["", "text/plain\r\nx: y", "naïve", " text/plain", 5, "x" * 2000])
async def test_a_type_that_no_header_can_hold_is_refused(tmp_path: Path, content_type: Any) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        error = await bench.error("m:store", {"content": b"x", "type": content_type})
        assert "as the type of the content" in error.message
        assert on_disk(bench) == []


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("text", "store() takes bytes, a Blob or an asynchronous iterable of bytes"),
        ("list", "store() takes bytes, a Blob or an asynchronous iterable of bytes"),
        ("texts", "store() takes an iterable of bytes, and it gave str"),
    ],
)
async def test_what_is_no_content_is_a_mistake_that_is_explained(tmp_path: Path, what: str, sentence: str) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        error = await bench.error("m:misuse", {"what": what})
        assert sentence in error.message


async def test_a_generator_that_is_not_read_to_its_end_is_closed(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        assert await bench.act("m:spoil", {}) == ["closed"]


async def test_an_action_can_catch_what_is_too_large(tmp_path: Path) -> None:
    limits = Limits(file_bytes_max=10, storage_bytes_max=15)
    async with running_actions(tmp_path, limits, m=APP) as bench:
        assert (await bench.act("m:catch", {"content": bytes(11)}))[1] == "FileTooLarge"
        await bench.act("m:store", {"content": bytes(10)})
        assert (await bench.act("m:catch", {"content": b"x" * 6}))[1] == "StorageQuotaExceeded"
        error = await bench.error("m:store", {"content": b"x" * 6})
        assert "all files together may have 15 bytes (storage_bytes_max)" in error.message


async def test_an_id_that_is_none_is_explained_with_the_function_it_was_given_to(tmp_path: Path) -> None:
    async with running_actions(tmp_path, m=APP) as bench:
        error = await bench.error("m:read", {"id": "nonsense"})
        assert 'Invalid argument `storageId` for `storage.get`: Invalid storage ID: "nonsense".' in error.message
        error = await bench.error("m:addresses", {"id": 5})
        assert 'Invalid argument `storageId` for `storage.getUrl`: Invalid storage ID: "5' in error.message
