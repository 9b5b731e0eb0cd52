"""The disk as it may be after the power failed: what powerloss.c recorded, played back up to any moment.

What a power failure leaves of a file is modelled by sectors of 512 bytes. Each holds what was last promised to be
durable, or what any later write put there, independently of all others: writes not yet synced may be lost, torn, or
have overtaken each other. Of the names in a directory, those are sure to be there that were made before the directory's
last sync; later ones may be.

It is assumed that a sector is written whole or not at all, and that what a sync promised stays: the disk's own
promises. That a file is truncated is taken to be durable at once.
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from rtdb.link.link import Message

__all__ = ["Disk", "Record", "build_recorder", "read_journal", "recording"]

SECTOR = 512
_HEADER = struct.Struct("<cQQQ")
_decoder = msgspec.msgpack.Decoder(list[Message])

Chooser = Callable[[int, int], bool]
"""Whether an unsynced write (its number in the recording) has reached a sector."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line of the recording; the kinds are those of powerloss.c."""

    kind: str
    inode: int
    offset: int
    data: bytes


def build_recorder(directory: Path) -> Path:
    """Compile powerloss.c into ``directory`` with the system's compiler."""
    library = directory / "powerloss.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def recording(library: Path, root: Path, journal: Path) -> dict[str, str]:
    """Return the environment variables that make a process record what it does below ``root``."""
    return {"LD_PRELOAD": str(library), "POWERLOSS_ROOT": str(root), "POWERLOSS_JOURNAL": str(journal)}


def read_journal(path: Path) -> list[Record]:
    """Return everything recorded. A last record that was cut off by the end of its process did not happen."""
    data = path.read_bytes()
    records: list[Record] = []
    place = 0
    while place + _HEADER.size <= len(data):
        kind, inode, offset, length = _HEADER.unpack_from(data, place)
        place += _HEADER.size
        if place + length > len(data):
            break
        records.append(Record(kind.decode(), inode, offset, data[place : place + length]))
        place += length
    return records


class _File:
    """One file's contents: what is durable, and what each sector was given since."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.unsynced: dict[int, list[tuple[int, bytes]]] = {}
        """Sector → (number of the write, the sector after it), oldest first."""
        self.ends: list[tuple[int, int]] = []
        """Number of each unsynced write, and where it ended."""
        self.last: tuple[int, int, int] = (-1, 0, 0)
        """The last write: its number, start and end."""

    def write(self, number: int, offset: int, data: bytes) -> None:
        end = offset + len(data)
        for sector in range(offset // SECTOR, -(-end // SECTOR)):
            start = sector * SECTOR
            content = bytearray(self._newest(sector))
            low, high = max(offset, start), min(end, start + SECTOR)
            content[low - start : high - start] = data[low - offset : high - offset]
            self.unsynced.setdefault(sector, []).append((number, bytes(content)))
        self.ends.append((number, end))
        self.last = (number, offset, end)

    def _newest(self, sector: int) -> bytes:
        versions = self.unsynced.get(sector)
        if versions:
            return versions[-1][1]
        return bytes(self.durable[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")

    def sync(self) -> None:
        self.durable = bytearray(self.content(lambda _number, _sector: True))
        self.unsynced.clear()
        self.ends.clear()

    def sync_last(self) -> None:
        """The last write alone is durable, and with it the sectors it touched."""
        number, offset, end = self.last
        sectors = range(offset // SECTOR, -(-end // SECTOR))
        self.durable = bytearray(self.content(lambda one, sector: one == number and sector in sectors))
        for sector in sectors:
            self.unsynced.pop(sector, None)
        self.ends = [(one, at) for one, at in self.ends if one != number]

    def truncate(self, length: int) -> None:
        self.sync()
        self.durable = self.durable[:length].ljust(length, b"\0")

    def content(self, chosen: Chooser) -> bytes:
        """Return what is there if exactly the chosen unsynced writes have reached their sectors."""
        length = len(self.durable)
        for number, end in self.ends:
            if end > length and chosen(number, (end - 1) // SECTOR):
                length = end
        content = bytearray(self.durable.ljust(length, b"\0"))
        for sector, versions in self.unsynced.items():
            for number, version in reversed(versions):
                if chosen(number, sector):
                    start = sector * SECTOR
                    content[start : start + SECTOR] = version[: max(0, length - start)]
                    break
        return bytes(content)


Change = tuple[int, str, int]
"""A name in a directory (its inode) that now leads to an inode, 0 when it is gone."""


class Disk:
    """A tree of files while a recording is played back. ``root`` is as it was when the recording began."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[int, _File] = {}
        self._durable: dict[int, dict[str, int]] = {}
        self._current: dict[int, dict[str, int]] = {}
        self._unsynced: list[list[Change]] = []
        self._played = 0
        self._sent = bytearray()
        self._root_inode = root.stat().st_ino
        self._scan(root)

    def _scan(self, directory: Path) -> None:
        names = self._durable[directory.stat().st_ino] = {path.name: path.stat().st_ino for path in directory.iterdir()}
        self._current[directory.stat().st_ino] = dict(names)
        for path in directory.iterdir():
            if path.is_dir():
                self._scan(path)
            else:
                self._files[path.stat().st_ino] = _File(path.read_bytes())

    def play(self, records: Sequence[Record]) -> None:
        """Go on by these records."""
        for record in records:
            self._played += 1
            match record.kind:
                case "W":
                    self._files[record.inode].write(self._played, record.offset, record.data)
                case "D":
                    self._files[record.inode].sync_last()
                case "S":
                    self._sync(record.inode)
                case "T":
                    self._files[record.inode].truncate(record.offset)
                case "A":
                    self._sent += record.data
                case "C" | "M":
                    path = Path(os.fsdecode(record.data))
                    if record.kind == "C":
                        self._files[record.inode] = _File()
                    else:
                        self._current[record.inode], self._durable[record.inode] = {}, {}
                    self._change([(self._directory(path), path.name, record.inode)])
                case "R":
                    source, target = (Path(os.fsdecode(name)) for name in record.data.split(b"\0"))
                    inode = self._current[self._directory(source)][source.name]
                    self._change(
                        [(self._directory(source), source.name, 0), (self._directory(target), target.name, inode)]
                    )
                case "U":
                    path = Path(os.fsdecode(record.data))
                    self._change([(self._directory(path), path.name, 0)])
                case _:
                    raise AssertionError(f"the recorder writes no {record.kind}")

    def told(self) -> Iterator[Message]:
        """Yield the messages that had been sent completely by now."""
        place = 0
        while place + 4 <= len(self._sent):
            end = place + 4 + int.from_bytes(self._sent[place : place + 4])
            if end > len(self._sent):
                return
            yield from _decoder.decode(self._sent[place + 4 : end])
            place = end

    def fail(self, target: Path, random: Random) -> None:
        """Cut the power: write the tree to ``target`` as a disk might hold it now."""
        chosen = _any_chooser(random, self._played)
        names = {directory: dict(entries) for directory, entries in self._durable.items()}
        for changes in self._unsynced:
            if random.random() < 0.5:
                _apply(names, changes)
        self._write(self._root_inode, names, target, chosen)

    def _write(self, directory: int, names: dict[int, dict[str, int]], target: Path, chosen: Chooser) -> None:
        target.mkdir()
        for name, inode in names[directory].items():
            if inode in self._files:
                (target / name).write_bytes(self._files[inode].content(chosen))
            else:
                self._write(inode, names, target / name, chosen)

    def _sync(self, inode: int) -> None:
        if inode in self._files:
            self._files[inode].sync()
            return
        kept = []
        for changes in self._unsynced:
            if any(directory == inode for directory, _name, _inode in changes):
                _apply(self._durable, changes)
            else:
                kept.append(changes)
        self._unsynced = kept

    def _change(self, changes: list[Change]) -> None:
        _apply(self._current, changes)
        self._unsynced.append(changes)

    def _directory(self, path: Path) -> int:
        inode = self._root_inode
        for name in path.parent.relative_to(self._root).parts:
            inode = self._current[inode][name]
        return inode


def _apply(names: dict[int, dict[str, int]], changes: list[Change]) -> None:
    for directory, name, inode in changes:
        if inode:
            names[directory][name] = inode
        else:
            names[directory].pop(name, None)


def _any_chooser(random: Random, newest: int) -> Chooser:
    """Return one of the ways in which unsynced writes reach a disk."""
    seed, cut = random.random(), random.randrange(max(0, newest - 8), newest + 1)
    choosers: dict[str, Chooser] = {
        "nothing": lambda _number, _sector: False,
        "everything": lambda _number, _sector: True,
        "some writes": lambda number, _sector: Random(f"{seed}/{number}").random() < 0.5,
        "some sectors": lambda number, sector: Random(f"{seed}/{number}/{sector}").random() < 0.5,
        "the first": lambda number, _sector: number <= cut,
    }
    return random.choice(list(choosers.values()))
