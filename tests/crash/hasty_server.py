"""A whole server whose committer answers before its blocks are durable: what the kill test must be able to see.

It is the real program with one module in another's place: run as a server it starts itself as the hub, and run as the
hub it starts the hasty committer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rtdb.cli.main import serve_main
from rtdb.hub import hub
from rtdb.link import supervisor
from rtdb.link.supervisor import Child, start_child

INSTEAD = {"rtdb.hub.hub": "tests.crash.hasty_server", "rtdb.transaction.committer": "tests.crash.hasty_committer"}


def start_another(module: str, descriptors: Sequence[int] = ()) -> Child:
    return start_child(INSTEAD.get(module, module), descriptors)


if __name__ == "__main__":
    vars(supervisor)["start_child"] = vars(hub)["start_child"] = start_another
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    if sys.argv[1].isdecimal():
        hub.main()
    else:
        serve_main()
