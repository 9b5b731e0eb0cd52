"""The steps of file storage over a real committer."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from blake3 import blake3

from rtdb.functions.system.files import FUNCTIONS
from rtdb.storage import check
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

NOWHERE = "00000000-0000-4000-8000-000000000000"


class FilesBench:
    """An app with the steps of file storage beside it. Contents are named by a letter or a word."""

    def __init__(self, app: AppBench) -> None:
        self.app = app

    def step(self, name: str, **arguments: Any) -> Any:
        return self.app.run(f"_system/files:{name}", arguments, internal=True, by_server=True)

    def keep(self, content: str, **changed: Any) -> Any:
        data = content.encode()
        asked = {
            "blob": blob_of(content),
            "sha256": b64encode(sha256(data).digest()).decode(),
            "size": len(data),
            "contentType": "text/plain",
            "epoch": self.step("room")["epoch"],
            "bytesMax": 1000,
        }
        return self.step("keep", **{**asked, **changed})

    def condemn(self, *contents: str, before: int | None = None) -> list[str]:
        now_ms = self.app.clock.now_ns() // 1_000_000
        condemned: list[str] = self.step(
            "condemn", blobs=[blob_of(content) for content in contents], before=now_ms if before is None else before
        )
        return condemned

    def uuid(self, storage_id: str) -> str:
        metadata = self.app.run("m:metadata", {"id": storage_id})
        uuid: str = metadata["storageId"]
        return uuid

    @property
    def bytes(self) -> float:
        size: float = self.step("room")["bytes"]
        return size


APP = """
@query
def metadata(ctx, id):
    return ctx.storage.get_metadata(id)

@query
def document(ctx, id):
    return ctx.db.system.get(id)

@mutation
def delete(ctx, id):
    ctx.storage.delete(id)
"""


def blob_of(content: str) -> str:
    return blake3(content.encode()).hexdigest()


@pytest.fixture
def files(bench: MakeBench) -> FilesBench:
    return FilesBench(bench(m=APP))


def test_a_kept_file_is_found_by_its_address_and_shown_to_the_app(files: FilesBench) -> None:
    storage_id = files.keep("hello")["storageId"]
    found = files.step("find", uuid=files.uuid(storage_id))
    digest = b64encode(sha256(b"hello").digest()).decode()
    assert found == {"blob": blob_of("hello"), "sha256": digest, "size": 5.0, "contentType": "text/plain"}
    document = files.app.run("m:document", {"id": storage_id})
    assert document == {
        "_id": storage_id,
        "_creationTime": document["_creationTime"],
        "sha256": digest,
        "size": 5.0,
        "contentType": "text/plain",
    }
    assert storage_id.startswith("kg")
    assert files.step("find", uuid=NOWHERE) is None


def test_a_type_that_was_not_given_is_null(files: FilesBench) -> None:
    storage_id = files.keep("hello", contentType=None)["storageId"]
    assert files.app.run("m:document", {"id": storage_id})["contentType"] is None


def test_equal_content_counts_once_and_stays_until_the_last_file_that_has_it(files: FilesBench) -> None:
    first, second = files.keep("same")["storageId"], files.keep("same")["storageId"]
    assert first != second
    assert files.bytes == 4
    files.app.run("m:delete", {"id": first})
    assert files.condemn("same") == []
    files.app.run("m:delete", {"id": second})
    assert files.bytes == 4
    assert files.condemn("same") == [blob_of("same")]
    assert files.bytes == 0


def test_the_quota_is_for_all_content_together_and_equal_content_fits_always(files: FilesBench) -> None:
    assert "storageId" in files.keep("a" * 600)
    assert files.keep("b" * 401) == {"full": True}
    assert files.bytes == 600
    assert "storageId" in files.keep("b" * 400)
    assert "storageId" in files.keep("a" * 600)
    assert files.bytes == 1000


def test_room_says_whether_content_is_known(files: FilesBench) -> None:
    assert files.step("room", blob=blob_of("x")) == {"bytes": 0.0, "epoch": 0.0, "known": False}
    files.keep("x")
    assert files.step("room", blob=blob_of("x")) == {"bytes": 1.0, "epoch": 0.0, "known": True}


def test_content_is_given_up_only_after_its_grace(files: FilesBench) -> None:
    storage_id = files.keep("x")["storageId"]
    before_ms = files.app.clock.now_ns() // 1_000_000 - 1
    files.app.run("m:delete", {"id": storage_id})
    assert files.condemn("x", before=before_ms) == []
    assert files.condemn("x") == [blob_of("x")]


def test_content_that_comes_back_within_its_grace_is_as_before(files: FilesBench) -> None:
    files.app.run("m:delete", {"id": files.keep("x")["storageId"]})
    files.keep("x")
    assert files.condemn("x") == []
    assert files.bytes == 1


def test_what_was_published_and_never_kept_is_condemned_at_once(files: FilesBench) -> None:
    assert files.condemn("stray") == [blob_of("stray")]
    assert files.bytes == 0


def test_nothing_is_kept_of_content_that_is_being_removed_or_may_have_been(files: FilesBench) -> None:
    epoch = files.step("room")["epoch"]
    files.condemn("x")
    assert files.keep("x", epoch=epoch) == {"again": True}
    assert files.keep("x") == {"again": True}  # the epoch is the right one, but it is condemned
    assert files.keep("other", epoch=epoch) == {"again": True}
    assert "storageId" in files.keep("other")
    during = files.step("room")["epoch"]
    files.step("absolve")
    assert files.keep("x", epoch=during) == {"again": True}
    assert "storageId" in files.keep("x")


def test_a_collector_that_was_cut_off_is_told_what_it_had_condemned(files: FilesBench) -> None:
    assert files.condemn("x", "y") == [blob_of("x"), blob_of("y")]
    assert files.condemn("z") == [blob_of("x"), blob_of("y")]
    files.step("absolve")
    assert files.condemn("z") == [blob_of("z")]


def test_a_turn_that_finds_nothing_writes_nothing(files: FilesBench) -> None:
    files.keep("x")
    seq = files.app.committer.position.seq
    assert files.condemn("x") == []
    files.step("absolve")
    assert files.app.committer.position.seq == seq


def test_a_removal_and_an_upload_of_the_same_content_cannot_both_be_committed(files: FilesBench) -> None:
    """Both begin at the same position: whichever the committer takes first, the other has read what it wrote."""
    app = files.app
    asked = {"blobs": [blob_of("x")], "before": app.clock.now_ns() // 1_000_000}
    condemning = app.execute("_system/files:condemn", asked, internal=True, by_server=True)
    files.keep("x")
    assert [loss.reason for loss in app.commit(condemning).losses] == ["conflict"]


def test_a_deletion_and_an_upload_of_the_same_content_cannot_both_be_committed(files: FilesBench) -> None:
    app = files.app
    storage_id = files.keep("x")["storageId"]
    deleting = app.execute("m:delete", {"id": storage_id})
    files.keep("x")
    assert [loss.reason for loss in app.commit(deleting).losses] == ["conflict"]
    app.run("m:delete", {"id": storage_id})
    assert files.condemn("x") == []


@pytest.mark.parametrize("path", [path for path, function in FUNCTIONS.items() if function.reserved])
def test_no_client_takes_a_step_not_even_an_administrator(files: FilesBench, path: str) -> None:
    assert files.app.error(path, {}, internal=True).code == "OperationNotPermitted"
    assert files.app.error(path, {}).code == "OperationNotPermitted"


def test_an_administrator_sees_and_deletes_files(files: FilesBench) -> None:
    storage_id = files.keep("hello")["storageId"]
    described = files.app.run("_system/files:describe", {"id": storage_id}, internal=True)
    assert described["blob"] == blob_of("hello")
    assert described["storageId"] == files.uuid(storage_id)
    assert files.app.error("_system/files:delete", {"id": storage_id}).code == "OperationNotPermitted"
    files.app.run("_system/files:delete", {"id": storage_id}, internal=True)
    assert files.app.run("_system/files:describe", {"id": storage_id}, internal=True) is None
    assert files.app.error("_system/files:delete", {"id": storage_id}, internal=True).code == "StorageIdNotFound"


def test_a_step_with_other_arguments_says_so(files: FilesBench) -> None:
    error = files.app.error("_system/files:find", {"uuid": 5}, internal=True, by_server=True)
    assert error.code == "InvalidFileStep"
    assert error.message.startswith("This step of file storage takes other arguments")


def test_the_database_is_in_order_after_all_of_this(files: FilesBench) -> None:
    first, _ = files.keep("x")["storageId"], files.keep("x")
    files.app.run("m:delete", {"id": first})
    files.condemn("stray")
    files.step("absolve")
    assert check.check_environment(files.app.committer.environment).problems == []
