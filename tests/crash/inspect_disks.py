"""``python -m tests.crash.inspect_disks DIRECTORY…``: say what is wrong with each, after a power failure.

A process of its own, because reading a database that lacks what its pages refer to may end the process. Each directory
``DISK`` has what others had been told by then beside it, in ``DISK.told``. First a committer opens it, as the next
start would, and commits something; then it is checked. One line of JSON per disk, a list of sentences.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from rtdb.errors import RtdbError
from tests.crash.committer_process import problems
from tests.transaction.workbench import Workbench, put

__all__ = ["Told"]


class Told(msgspec.Struct, frozen=True):
    """What the server had said when the power failed: its position, and which transactions are durable."""

    seq: int
    acknowledged: list[int]


def inspect(disk: Path) -> list[str]:
    told = msgspec.json.decode(disk.with_suffix(".told").read_bytes(), type=Told)
    try:
        bench = Workbench(disk)
        seq = bench.seq
        bench.commit(bench.transaction(put(1 << 41, author="after the failure")))
        bench.close()
        found = list(problems(disk, told.acknowledged))
    except RtdbError as error:
        return [f"the server would not start: {error.message}"]
    if seq < told.seq:
        found.append(f"others were told of position {told.seq}, and the database is at {seq}")
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.buffer.write(msgspec.json.encode(inspect(Path(name))) + b"\n")
        sys.stdout.flush()
