"""A committer that never waits for the disk (LMDB's ``sync=False``): what the power loss test must be able to see."""

from __future__ import annotations

import functools
import sys

import lmdb

from rtdb.transaction.committer import main

if __name__ == "__main__":
    vars(lmdb)["open"] = functools.partial(lmdb.open, sync=False, metasync=False)
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
