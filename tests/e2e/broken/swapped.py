"""A whole server with modules of one process in other modules' place: how a control plants its mistake.

It is the real program. Run as a server it starts itself as the hub, and the hub starts what is to be swapped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtdb.cli.main import serve_main
from rtdb.functions import runner_handle
from rtdb.hub import gateways, hub
from rtdb.link import supervisor
from rtdb.link.supervisor import Child, start_child

__all__ = ["run"]


def run(module: str, instead: Mapping[str, str]) -> None:
    """Be the server, or its hub. ``module`` is the one that calls this; ``instead`` names what is started for what."""
    swapped = {"rtdb.hub.hub": module, **instead}

    def start_another(name: str, descriptors: Sequence[int] = ()) -> Child:
        return start_child(swapped.get(name, name), descriptors)

    for started_in in (supervisor, hub, gateways, runner_handle):
        vars(started_in)["start_child"] = start_another
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    if sys.argv[1].isdecimal():
        hub.main()
    else:
        serve_main()
