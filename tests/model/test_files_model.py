"""Uploads, deletions and the collector, interleaved step by step, killed anywhere: content a file has is never removed.

Each rule is one step of somebody: of an upload, of a mutation that deletes, of the collector. A transaction is executed
in one step and committed in a later one, as it is between processes; what was killed in between may still commit. The
disk, the documents and the committer are the real ones.
"""

from __future__ import annotations

import shutil
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from rtdb.blobstore.store import BLOB_PREFIXES, BlobContent, BlobStore, IncomingBlob
from rtdb.clock import SystemRandom
from rtdb.link.frames import Outcome
from rtdb.values.json_codec import decode
from tests.functions.app_bench import AppBench

CONTENTS = [b"", b"one", b"two"]
APP = """
@mutation
def delete(ctx, id):
    ctx.storage.delete(id)
"""


class Upload:
    """One upload, as far as it has come."""

    def __init__(self, incoming: IncomingBlob, content: BlobContent) -> None:
        self.incoming = incoming
        self.content = content
        self.epoch: float | None = None
        self.published = False
        self.keeping: Outcome | None = None


class FilesMachine(RuleBasedStateMachine):
    reads_epoch_first: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.app = AppBench(self.directory, m=APP)
        self.blobs = BlobStore(self.directory / "data", SystemRandom())
        self.blobs.prepare()
        self.uploads: list[Upload] = []
        self.abandoned: list[Outcome] = []
        """Steps of killed uploads that are still on their way to the committer."""
        self.files: dict[str, str] = {}
        self.listed: list[str] | None = None
        self.condemning: Outcome | None = None
        self.condemned: list[str] | None = None

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.app.close()
            shutil.rmtree(self.directory)

    def finish(self) -> None:
        """With everything deleted and nobody there any more, the collector leaves nothing."""
        while self.uploads:
            self.kill_upload(0)
        self.abandoned.clear()
        for storage_id in list(self.files):
            self.delete(storage_id)
        self.kill_collector()
        for _ in range(2):  # what a killed collector had condemned comes first, and takes a turn
            self.list_names()
            self.ask_to_condemn()
            self.commit_condemn()
            if self.condemned is not None:
                self.remove()
                self.absolve()
        assert self.on_disk() == []
        assert self.room()["bytes"] == 0, "content is counted that was removed"
        assert list((self.blobs.directory / "incoming").iterdir()) == []

    # --- uploads ------------------------------------------------------------------------------------------------------

    @rule(data=st.sampled_from(CONTENTS))
    def begin_upload(self, data: bytes) -> None:
        incoming = self.blobs.begin()
        incoming.write(data)
        self.uploads.append(Upload(incoming, incoming.finish()))

    @precondition(lambda self: self.uploads)
    @rule(choice=st.integers(0, 9))
    def step_upload(self, choice: int) -> None:
        upload = self.uploads[choice % len(self.uploads)]
        if upload.epoch is None:
            upload.epoch = self.room()["epoch"]
        elif not upload.published:
            self.blobs.publish(upload.incoming, upload.content.name)
            upload.published = True
        elif upload.keeping is None:
            if not self.reads_epoch_first:
                upload.epoch = self.room()["epoch"]
            upload.keeping = self.execute("keep", **self.asked(upload))
        else:
            self.commit_keep(upload)

    def commit_keep(self, upload: Upload) -> None:
        assert upload.keeping is not None
        kept = self.commit(upload.keeping)
        upload.keeping = None
        if kept is None:
            return  # beaten: it is executed again
        if "again" in kept:
            upload.epoch, upload.published = None, False
            return
        self.files[kept["storageId"]] = upload.content.name
        upload.incoming.discard()
        self.uploads.remove(upload)

    @precondition(lambda self: self.uploads)
    @rule(choice=st.integers(0, 9))
    def kill_upload(self, choice: int) -> None:
        upload = self.uploads.pop(choice % len(self.uploads))
        upload.incoming.discard()
        if upload.keeping is not None:
            self.abandoned.append(upload.keeping)

    @precondition(lambda self: self.abandoned)
    @rule()
    def commit_abandoned(self) -> None:
        outcome = self.abandoned.pop()
        kept = self.commit(outcome)
        if kept is not None and "storageId" in kept:
            (write,) = [write for write in outcome.writes if write.table == 541]
            assert write.value is not None
            blob: Any = decode(write.value)
            self.files[kept["storageId"]] = blob["blob"]

    # --- deletions ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.files)
    @rule(choice=st.integers(0, 9))
    def delete_file(self, choice: int) -> None:
        self.delete(list(self.files)[choice % len(self.files)])

    def delete(self, storage_id: str) -> None:
        self.app.run("m:delete", {"id": storage_id})
        del self.files[storage_id]

    # --- the collector ------------------------------------------------------------------------------------------------

    @rule(steps=st.integers(1, 8))
    def run_collector(self, steps: int) -> None:
        for _ in range(steps):
            self.step_collector()

    def step_collector(self) -> None:
        if self.listed is None:
            self.list_names()
        elif self.condemning is None and self.condemned is None:
            self.ask_to_condemn()
        elif self.condemning is not None:
            self.commit_condemn()
        elif self.condemned:
            # One at a time: it may be killed between two.
            self.blobs.remove([self.condemned.pop()])
        else:
            self.absolve()

    def list_names(self) -> None:
        self.listed = self.on_disk()

    def ask_to_condemn(self) -> None:
        assert self.listed is not None
        before = self.app.clock.now_ns() // 1_000_000
        self.condemning = self.execute("condemn", blobs=self.listed, before=before)

    def commit_condemn(self) -> None:
        assert self.condemning is not None
        condemned = self.commit(self.condemning)
        self.condemning = None
        if condemned:
            self.condemned = list(condemned)
        elif condemned is not None:
            self.listed = None

    def remove(self) -> None:
        assert self.condemned is not None
        self.blobs.remove(self.condemned)

    def absolve(self) -> None:
        self.app.run("_system/files:absolve", {}, internal=True, by_server=True)
        self.listed = self.condemned = None

    @rule(commits=st.booleans())
    def kill_collector(self, commits: bool = False) -> None:
        """It goes with hub and committer: what was on its way is committed before there is another, or never."""
        if commits and self.condemning is not None:
            self.commit(self.condemning)
        self.listed = self.condemned = self.condemning = None

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def every_file_has_its_content(self) -> None:
        for blob in self.files.values():
            assert self.blobs.path(blob).exists(), "a file has content that was removed"
            assert self.blobs.content(blob).name == blob

    @invariant()
    def equal_content_is_counted_once(self) -> None:
        held = {blob: self.blobs.path(blob).stat().st_size for blob in self.files.values()}
        assert self.room()["bytes"] >= sum(held.values())

    # --- helpers ------------------------------------------------------------------------------------------------------

    def on_disk(self) -> list[str]:
        return [name for prefix in BLOB_PREFIXES for name in self.blobs.names(prefix)]

    def execute(self, step: str, **arguments: Any) -> Outcome:
        return self.app.execute(f"_system/files:{step}", arguments, internal=True, by_server=True)

    def room(self) -> Any:
        outcome = self.execute("room")
        assert outcome.result is not None
        return decode(outcome.result)

    def commit(self, outcome: Outcome) -> Any:
        """Return the result, None if it was beaten."""
        assert outcome.result is not None, outcome.error
        if outcome.writes and self.app.commit(outcome).losses:
            return None
        return decode(outcome.result)

    def asked(self, upload: Upload) -> dict[str, Any]:
        return {
            "blob": upload.content.name,
            "sha256": b64encode(upload.content.sha256).decode(),
            "size": upload.content.size,
            "contentType": None,
            "epoch": upload.epoch,
            "bytesMax": 1000,
        }


class HastyFilesMachine(FilesMachine):
    """Reads the epoch after publishing, when what it has published may be gone already."""

    reads_epoch_first = False


@pytest.mark.slow
def test_content_of_a_file_is_never_removed_whoever_is_killed_when() -> None:
    run_state_machine_as_test(FilesMachine, settings=settings(max_examples=examples(), stateful_step_count=50))


@pytest.mark.slow
def test_a_server_that_read_the_epoch_too_late_would_be_found_out() -> None:
    found = settings(max_examples=2000, stateful_step_count=50, phases=[Phase.generate], database=None)
    with pytest.raises(AssertionError, match=r"content .* was removed"):
        run_state_machine_as_test(HastyFilesMachine, settings=found)


def examples() -> int:
    """A few seconds' worth; for `make soak` some minutes'."""
    assert settings.default is not None
    return settings.default.max_examples // 4
