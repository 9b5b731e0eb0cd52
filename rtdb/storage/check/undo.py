"""Do the before-images reach back without a gap, and belong to the blocks they undo?"""

from __future__ import annotations

from rtdb.errors import RtdbError
from rtdb.storage.block import Block, decode_block
from rtdb.storage.check.walk import Walk
from rtdb.storage.keys import unpack_seq
from rtdb.storage.local_log import unpack_log_entry
from rtdb.storage.undo import UndoRecord, decode_undo

__all__ = ["UndoCheck"]


class UndoCheck:
    """Goes through the before-images that are kept."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.records = 0

    def check(self) -> None:
        expected: int | None = None
        for key, value in self._walk.txn.cursor(self._walk.txn.undo):
            seq = unpack_seq(key)
            self.records += 1
            if expected is not None and seq != expected:
                self._walk.problem(f"Before-images of block {expected} are missing, and older ones are kept.")
            expected = seq + 1
            try:
                record = decode_undo(value)
            except RtdbError as error:
                self._walk.problem(f"Before-images of block {seq}: {error.message}")
                continue
            self._check_record(seq, record)
        if expected is not None and expected != self._walk.position.seq + 1:
            self._walk.problem(
                f"Before-images end at block {expected - 1}, and the database is at {self._walk.position.seq}."
            )

    def _check_record(self, seq: int, record: UndoRecord) -> None:
        block = self._block(seq)
        before = self._block(seq - 1)
        if before is not None and before.header.ts_last != record.ts:
            self._walk.problem(f"Before-images of block {seq} lead to another timestamp than that of block {seq - 1}.")
        if block is None:
            return
        written: dict[tuple[int, bytes], int] = {}
        for transaction in block.transactions:
            for write in transaction.writes:
                written.setdefault((write.table, write.id), write.previous_seq)
        images = {(image.table, image.id): image.seq for image in record.images}
        if images != written:
            self._walk.problem(f"Before-images of block {seq} are not those of the documents it wrote.")

    def _block(self, seq: int) -> Block | None:
        value = self._walk.txn.get(self._walk.txn.log, seq.to_bytes(8))
        if value is None:
            return None
        try:
            return decode_block(unpack_log_entry(value)[1])
        except RtdbError:
            return None
