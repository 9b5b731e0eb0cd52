"""A committer whose write log never says that there is a conflict."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rtdb.link.frames import ReadRange
from rtdb.transaction import group_commit
from rtdb.transaction.committer import main
from rtdb.transaction.write_log import WriteLog


class BlindWriteLog(WriteLog):
    def conflict(self, reads: Sequence[ReadRange], begin: int, lane_epoch: int) -> None:
        return None


if __name__ == "__main__":
    vars(group_commit)["WriteLog"] = BlindWriteLog
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
