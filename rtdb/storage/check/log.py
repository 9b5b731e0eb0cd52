"""Is the log unbroken from its first kept block to the applied position, and what does it say was written last?"""

from __future__ import annotations

import msgspec
from blake3 import blake3

from rtdb.errors import RtdbError
from rtdb.storage import meta
from rtdb.storage.block import Block, WriteRecord, decode_block
from rtdb.storage.check.walk import Walk, document_name
from rtdb.storage.keys import unpack_seq
from rtdb.storage.local_log import unpack_log_entry

__all__ = ["LastWrite", "LogCheck", "digest"]


class LastWrite(msgspec.Struct, frozen=True, gc=False):
    """The newest write to a document that the kept log holds; ``digest`` None for a deletion."""

    seq: int
    digest: bytes | None


def digest(data: bytes) -> bytes:
    # Kept per document written in the kept log, of which there may be millions: not the data itself.
    return blake3(data).digest()[:16]


class LogCheck:
    """Goes through the kept log. Then ``last_writes`` is what it leaves of each document, by table and internal id."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.blocks = 0
        self.first_block: int | None = None
        self.last_writes: dict[tuple[int, bytes], LastWrite] = {}

    def check(self) -> None:
        log_id = meta.read_log_id(self._walk.txn)
        previous: Block | None = None
        for key, value in self._walk.txn.cursor(self._walk.txn.log):
            seq = unpack_seq(key)
            chain, data = unpack_log_entry(value)
            try:
                block = decode_block(data)
            except RtdbError as error:
                self._walk.problem(f"Block {seq} in the log: {error.message}")
                return
            self.blocks += 1
            self._check_block(seq, chain, block, previous, log_id)
            for transaction in block.transactions:
                for write in transaction.writes:
                    self._note_write(seq, write)
            self.first_block = self.first_block or seq
            previous = block
        head = meta.START if previous is None else previous.position
        if head != self._walk.position:
            self._walk.problem(
                f"The log ends at block {head.seq} and the database is at {self._walk.position.seq}, "
                "or their hashes differ."
            )

    def _check_block(self, seq: int, chain: bytes, block: Block, previous: Block | None, log_id: bytes | None) -> None:
        header = block.header
        if header.seq != seq:
            self._walk.problem(f"Block {header.seq} is stored as block {seq}.")
        if chain != block.chain:
            self._walk.problem(f"The chain hash stored with block {seq} is not that of its bytes.")
        if header.log_id != log_id:
            self._walk.problem(f"Block {seq} belongs to another log.")
        if previous is None:
            if seq == 1 and header.previous_chain != meta.START.chain:
                self._walk.problem("Block 1 does not begin a chain.")
            return
        if seq != previous.header.seq + 1:
            self._walk.problem(f"Block {seq} follows block {previous.header.seq} in the log: there is a gap.")
        elif header.previous_chain != previous.chain:
            self._walk.problem(f"Block {seq} does not continue block {previous.header.seq}: the chain is broken.")
        if header.ts_first <= previous.header.ts_last:
            self._walk.problem(f"Block {seq} begins at a timestamp that is not after that of the block before.")

    def _note_write(self, seq: int, write: WriteRecord) -> None:
        address = (write.table, write.id)
        last = self.last_writes.get(address)
        if last is not None and write.previous_seq != (last.seq if last.digest is not None else 0):
            self._walk.problem(
                f"Block {seq} says that {document_name(*address)} was last written by block {write.previous_seq}, "
                f"and it was block {last.seq}."
            )
        self.last_writes[address] = LastWrite(seq, None if write.value is None else digest(write.value))
