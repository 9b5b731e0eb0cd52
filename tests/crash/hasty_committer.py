"""A committer that answers before its block is durable: the fault that the crash test must be able to see."""

from __future__ import annotations

import sys
import time

from rtdb.link.child import become_child, inherited_socket
from rtdb.link.frames import Commit
from rtdb.link.link import BlockingLink
from rtdb.storage.system_tables import FIRST_USER_TABLE
from rtdb.transaction.committer import CommitterLoop, run


class HastyLoop(CommitterLoop):
    def _commit(self, group: list[Commit]) -> None:
        if not any(write.table >= FIRST_USER_TABLE for commit in group for write in commit.writes):
            # A deploy reads at the position of the last answer: answered early, the server would not even start.
            super()._commit(group)
            return
        with self._committer.writing() as txn:
            self._link.send([self._committer.decide(txn, group)])
            # A slow disk, so that the fault shows in every round and not in one of a thousand.
            time.sleep(0.05)


if __name__ == "__main__":
    become_child(int(sys.argv[2]), "rtdb-committer")
    sys.exit(run(BlockingLink(inherited_socket(int(sys.argv[1])), 1 << 30), HastyLoop))
