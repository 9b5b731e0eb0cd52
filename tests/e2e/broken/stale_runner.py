"""A runner that executes every third call outside the lane on a position a few blocks old, and calls it the newest."""

from __future__ import annotations

import msgspec

from rtdb.functions import runner
from rtdb.functions.runner import Runner
from rtdb.functions.runner_process import main
from rtdb.link.frames import Call, Outcome, Stale
from rtdb.storage.meta import read_position
from rtdb.values.function_path import SYSTEM_PREFIX

EVERY = 3
BLOCKS = 3


class StaleRunner(Runner):
    executed = 0

    def _execute(self, call: Call) -> Outcome | Stale:
        self.executed += 1
        if self.executed % EVERY or call.at is not None or self._lane.epoch or call.path.startswith(SYSTEM_PREFIX):
            return super()._execute(call)
        with self._environment.read() as txn:
            newest = read_position(txn)
        outcome = super()._execute(msgspec.structs.replace(call, at=max(newest.seq - BLOCKS, 1)))
        if isinstance(outcome, Stale) or outcome.error is not None:
            return super()._execute(call)  # so far back there was another deployment
        return msgspec.structs.replace(outcome, seq=newest.seq, ts=newest.ts)


if __name__ == "__main__":
    vars(runner)["Runner"] = StaleRunner
    main()
