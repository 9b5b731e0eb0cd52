"""Plays the hub for tests of ``serve``: does the next thing its directory asks for."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

from rtdb.config import decode_config
from rtdb.link.child import become_child, inherited_socket


def main() -> None:
    descriptor, parent, *listeners = map(int, sys.argv[1:])
    become_child(parent, "stand-in-hub")
    link = inherited_socket(descriptor)
    length = int.from_bytes(link.recv(4, 0x100), "big")  # MSG_WAITALL
    directory = decode_config(link.recv(length, 0x100)).data_dir
    number = len((directory / "started").read_text().splitlines()) if (directory / "started").exists() else 0
    behaviour = (directory / "do").read_text().splitlines()[number]

    def drain(_number: int, _frame: FrameType | None) -> None:
        (directory / "drained").touch()
        sys.exit(0)

    def refuse(_number: int, _frame: FrameType | None) -> None:
        (directory / "asked").touch()

    if behaviour == "drain":
        signal.signal(signal.SIGTERM, drain)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, refuse)
    with (directory / "started").open("a") as file:
        file.write(f"{os.getpid()} {inherited_socket(listeners[0]).getsockname()[1]}\n")
    if behaviour.startswith("exit:"):
        sys.exit(int(behaviour.removeprefix("exit:")))
    if behaviour == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
