"""A server whose hub overhears every tenth block: queries that have read what it changed are not run again for it."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from rtdb.link.frames import BlockApplied
from rtdb.reactivity import reactor
from rtdb.reactivity.invalidator import Invalidator
from rtdb.reactivity.query_entry import QueryEntry
from tests.e2e.broken.swapped import run

EVERY = 10


class DeafInvalidator(Invalidator):
    def apply(self, block: BlockApplied) -> Collection[QueryEntry]:
        return super().apply(block if block.seq % EVERY else msgspec.structs.replace(block, changes=[]))


if __name__ == "__main__":
    vars(reactor)["Invalidator"] = DeafInvalidator
    run("tests.e2e.broken.deaf_server", {})
