from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from blake3 import blake3

from rtdb.blobstore import store as store_module
from rtdb.blobstore.store import BLOB_PREFIXES, BlobStore, is_blob_name, is_disk_full
from rtdb.clock import SystemRandom


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    store = BlobStore(tmp_path, SystemRandom())
    store.prepare()
    return store


def put(blobs: BlobStore, data: bytes) -> str:
    """Store content and return its name."""
    incoming = blobs.begin()
    try:
        incoming.write(data)
        name = incoming.finish().name
        blobs.publish(incoming, name)
    finally:
        incoming.discard()
    return name


def read(blobs: BlobStore, name: str) -> bytes:
    with open(blobs.open(name), "rb") as file:
        return file.read()


def stored(blobs: BlobStore) -> list[str]:
    return [name for prefix in BLOB_PREFIXES for name in blobs.names(prefix)]


def incoming_files(blobs: BlobStore) -> list[Path]:
    return list((blobs.directory / "incoming").iterdir())


def test_content_is_found_under_its_hash_and_described(blobs: BlobStore) -> None:
    incoming = blobs.begin()
    for piece in (b"he", b"", bytearray(b"llo")):
        incoming.write(piece)
    content = incoming.finish()
    assert stored(blobs) == []  # not yet
    blobs.publish(incoming, content.name)
    incoming.discard()
    assert (content.name, content.sha256, content.size) == (blake3(b"hello").hexdigest(), sha256(b"hello").digest(), 5)
    assert read(blobs, content.name) == b"hello"
    assert blobs.content(content.name) == content
    assert incoming_files(blobs) == []


def test_equal_content_is_one_file(blobs: BlobStore) -> None:
    first = put(blobs, b"twice")
    inode = blobs.path(first).stat().st_ino
    assert put(blobs, b"twice") == first
    assert stored(blobs) == [first]
    assert blobs.path(first).stat().st_ino == inode


def test_an_empty_file_is_content_too(blobs: BlobStore) -> None:
    assert read(blobs, put(blobs, b"")) == b""


def test_what_is_given_up_leaves_nothing(blobs: BlobStore) -> None:
    incoming = blobs.begin()
    incoming.write(b"half of it")
    assert len(incoming_files(blobs)) == 1
    incoming.discard()
    assert incoming_files(blobs) == []
    assert stored(blobs) == []


def test_a_sweep_takes_what_a_killed_writer_has_left_and_nothing_of_one_that_lives(blobs: BlobStore) -> None:
    living = blobs.begin()
    script = (
        "import sys; from pathlib import Path; from rtdb.blobstore.store import BlobStore; "
        "from rtdb.clock import SystemRandom\n"
        "incoming = BlobStore(Path(sys.argv[1]), SystemRandom()).begin(); incoming.write(b'x')\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(blobs.directory.parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        assert blobs.sweep() == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert blobs.sweep() == 1
    assert incoming_files(blobs) == [living.path]
    living.write(b"goes on")
    blobs.publish(living, living.finish().name)
    living.discard()
    assert len(stored(blobs)) == 1


def test_a_writer_that_a_sweep_came_before_begins_again(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep comes between making the file and locking it."""
    flock = fcntl.flock
    swept: list[int] = []

    def sweep_first(descriptor: int, operation: int) -> None:
        if not swept:
            swept.append(0)
            swept.append(blobs.sweep())
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    incoming = blobs.begin()
    assert swept == [0, 1]
    assert incoming.path.exists()
    incoming.discard()


def test_removed_content_stays_readable_for_whoever_has_it_open(blobs: BlobStore) -> None:
    name = put(blobs, b"going")
    descriptor = blobs.open(name)
    blobs.remove([name, name])
    assert stored(blobs) == []
    assert os.pread(descriptor, 100, 0) == b"going"
    os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        blobs.open(name)


def test_preparing_again_keeps_everything(blobs: BlobStore) -> None:
    name = put(blobs, b"kept")
    blobs.prepare()
    assert read(blobs, name) == b"kept"


def test_files_that_are_no_blobs_are_left_alone(blobs: BlobStore) -> None:
    (blobs.directory / "aa" / "README").write_text("by hand")
    assert blobs.names("aa") == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 63 + "/"])
def test_only_a_hash_is_a_name(blobs: BlobStore, name: str) -> None:
    assert not is_blob_name(name)
    with pytest.raises(AssertionError):
        blobs.path(name)


def test_a_large_file_is_synced_while_it_is_written(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    incoming = blobs.begin()
    for _ in range(5):
        incoming.write(bytes(store_module.UNSYNCED_BYTES_MAX // 2))
    incoming.discard()
    assert len(synced) == 2


def test_a_full_disk_is_told_from_a_broken_one() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, ""))
    assert is_disk_full(OSError(errno.EDQUOT, ""))
    assert is_disk_full(OSError(errno.EFBIG, ""))
    assert not is_disk_full(OSError(errno.EIO, ""))


def test_content_has_its_name_only_when_it_is_durable_and_the_name_is_durable_before_anybody_is_told(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power failure may take is what was not synced: so the order of these calls is what durability rests on."""
    happened: list[tuple[str, str]] = []
    fsync, link = os.fsync, os.link

    def noted_fsync(descriptor: int) -> None:
        fsync(descriptor)
        happened.append(("synced", os.readlink(f"/proc/self/fd/{descriptor}")))

    def noted_link(source: Path, target: Path) -> None:
        link(source, target)
        happened.append(("linked", str(target)))

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "link", noted_link)
    for _ in range(2):  # also when the name is there: whoever made it may not have synced it
        happened.clear()
        incoming = blobs.begin()
        incoming.write(b"content")
        name = incoming.finish().name
        blobs.publish(incoming, name)
        happened.append(("told", name))
        incoming.discard()
        path = blobs.path(name)
        expected = [("synced", str(incoming.path)), ("linked", str(path)), ("synced", str(path.parent)), ("told", name)]
        assert happened in (expected, [step for step in expected if step[0] != "linked"])
    assert ("linked", str(path)) not in happened
    happened.clear()
    blobs.remove([name])
    assert happened == [("synced", str(path.parent))]
