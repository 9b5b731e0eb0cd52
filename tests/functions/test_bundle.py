from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.functions.bundle import EMPTY, Bundle, pack, read_bundle, unpack
from rtdb.functions.bundle_store import BundleStore

LIMITS = Limits()


def archive_of(*pairs: object) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(list(pairs)))


def refusal(archive: bytes, limits: Limits = LIMITS) -> BadRequestError:
    with pytest.raises(BadRequestError) as raised:
        unpack(archive, limits)
    return raised.value


@pytest.fixture
def app(tmp_path: Path) -> Path:
    files = {
        "messages.py": "a",
        "admin/users.py": "b",
        "notes.txt": "no module",
        ".hidden.py": "",
        ".git/hook.py": "",
        "__pycache__/x.py": "",
        "_generated/server.py": "c",
        "_generated/server.pyi": "no module",
        "_generated/api.js": "no module",
    }
    for name, content in files.items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "app"


def test_a_bundle_holds_the_modules_and_nothing_else(app: Path) -> None:
    assert read_bundle(app, LIMITS) == Bundle(
        {"_generated/server.py": b"c", "admin/users.py": b"b", "messages.py": b"a"}
    )


def test_the_same_source_is_the_same_archive_and_hash_whatever_the_dates(app: Path) -> None:
    before = read_bundle(app, LIMITS)
    os.utime(app / "messages.py", (1, 1))
    after = read_bundle(app, LIMITS)
    assert (pack(after), after.hash) == (pack(before), before.hash)
    (app / "messages.py").write_text("c")
    assert read_bundle(app, LIMITS).hash != before.hash
    # A name and a content that trade a letter are another app.
    assert Bundle({"ab.py": b"c"}).hash != Bundle({"a.py": b"bc"}).hash


def test_what_is_packed_is_unpacked(app: Path) -> None:
    for bundle in (EMPTY, read_bundle(app, LIMITS)):
        assert unpack(pack(bundle), LIMITS) == bundle


def test_an_archive_in_another_order_is_the_same_bundle() -> None:
    assert unpack(archive_of(("b.py", b""), ("a.py", b"")), LIMITS) == Bundle({"a.py": b"", "b.py": b""})


def test_too_many_or_too_large_modules_are_refused_where_they_are_read(app: Path) -> None:
    for limits in (Limits(bundle_files_max=1), Limits(bundle_bytes_max=1)):
        with pytest.raises(BadRequestError, match="holds 3 modules of 3 bytes together; an app may have") as raised:
            read_bundle(app, limits)
        assert raised.value.code == "BundleTooLarge"
        assert refusal(pack(read_bundle(app, LIMITS)), limits).code == "BundleTooLarge"


def test_a_small_archive_of_very_much_is_refused_before_it_is_unpacked() -> None:
    bomb = zlib.compress(bytes(200_000_000), level=9)
    assert len(bomb) < 1_000_000
    assert refusal(bomb, Limits(bundle_bytes_max=1000, bundle_files_max=10)).code == "BundleTooLarge"


@pytest.mark.parametrize(
    "path",
    [
        "../outside.py",
        "/etc/passwd.py",
        "a/../../b.py",
        "a//b.py",
        "./a.py",
        "a/.hidden/b.py",
        "a\\b.py",
        "a\0.py",
        "notes.txt",
        "",
        "module.py/inner.py",
        "x" * 300 + ".py",
        "a/" * 1000 + "b.py",
    ],
)
def test_an_archive_with_a_path_that_is_no_modules_is_refused(path: str) -> None:
    assert refusal(archive_of((path, b""))).code == "InvalidBundle"


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        pack(Bundle({"a.py": b"x"}))[:-1],
        pack(EMPTY) + b"more",
        archive_of(("a.py", b""), ("a.py", b"")),
        archive_of("a.py"),
        zlib.compress(b"\xc1"),
    ],
)
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    assert refusal(archive).code == "InvalidBundle"


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_stored_bundle_is_a_directory_of_its_modules(tmp_path: Path, app: Path) -> None:
    store = BundleStore(tmp_path)
    bundle = read_bundle(app, LIMITS)
    assert not store.is_stored(bundle.hash)
    assert store.store(bundle) == store.store(bundle) == bundle.hash
    assert read_bundle(store.directory(bundle.hash), LIMITS) == bundle
    assert store.is_stored(store.store(EMPTY))


def test_what_a_crash_left_half_written_is_written_again(tmp_path: Path, app: Path) -> None:
    store = BundleStore(tmp_path)
    bundle = read_bundle(app, LIMITS)
    half = tmp_path / "bundles" / f".{bundle.hash}" / "messages.py"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    assert not store.is_stored(bundle.hash)
    assert read_bundle(store.directory(store.store(bundle)), LIMITS) == bundle


def test_bundles_that_nobody_needs_are_collected(tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    assert store.collect({"none yet"}) == 0
    hashes = [store.store(Bundle({"a.py": str(number).encode()})) for number in range(3)]
    (tmp_path / "bundles" / ".half").mkdir()
    assert store.collect({hashes[1]}) == 3
    assert [store.is_stored(hash) for hash in hashes] == [False, True, False]
