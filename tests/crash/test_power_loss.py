"""Power loss: whatever the disk had not promised to keep is lost or torn, at any moment, and nothing acknowledged is.

A recorder is loaded into the committer (powerloss.c). It is killed under load, sometimes started again and killed once
more, and from the recording come disks as they may be after the power failed, at the last kill and at moments before
it. On each of them the next start must find a database that is in order, holds every transaction acknowledged by that
moment, once, and is at no earlier position than anybody was told of. The last one is where the load goes on.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest

from rtdb.link.frames import BlockApplied, CommitterReady
from rtdb.link.link import LinkClosed
from tests.crash.committer_process import (
    COMMITTER,
    GROUP,
    REPOSITORY,
    CommitterProcess,
    Load,
    acknowledged,
    run_until_killed,
)
from tests.crash.inspect_disks import Told
from tests.crash.powerloss import Disk, Record, build_recorder, read_journal, recording

pytestmark = pytest.mark.slow


class Machine:
    """A machine whose power fails. ``disk`` is what it has when it is switched on again; at first, nothing."""

    def __init__(self, directory: Path, seed: int, module: str = COMMITTER) -> None:
        self._directory = directory
        self._module = module
        self._random = Random(seed)
        self._recorder = build_recorder(directory)
        self._rounds = 0
        self._acknowledged: set[int] = set()
        self.load = Load()
        self.disk = directory / "disk"
        self.disk.mkdir()

    def fail_under_load(self, *, failures: int) -> list[str]:
        """Run the committer until it is killed; return what is wrong after any of so many failures."""
        journal, disk = self._switch_on()
        for _ in range(self._random.randint(1, 3)):
            run_until_killed(self._start(journal), self.load, self._random)
        return self._fail(read_journal(journal), disk, failures)

    def fail_after_killed_commit(self) -> list[str]:
        """Kill the committer between the last write of a commit and its end, start another one, and then fail."""
        journal, disk = self._switch_on()
        process = self._start(journal, POWERLOSS_END=str(self._random.randrange(3, 20)))
        with suppress(LinkClosed):
            begin = process.wait_ready().seq
            process.link.send(self.load.tables(begin))
            while True:
                process.link.send(self.load.group(begin))
                self.load.note(process.answers())
        self.load.note(process.kill())
        process = self._start(journal)
        process.wait_ready()
        process.kill()
        return self._fail(read_journal(journal), disk, failures=5, earliest=len(read_journal(journal)))

    def _switch_on(self) -> tuple[Path, Disk]:
        self._rounds += 1
        return self._directory / f"journal{self._rounds}", Disk(self.disk)

    def _start(self, journal: Path, **environment: str) -> CommitterProcess:
        environment |= recording(self._recorder, self.disk, journal)
        return CommitterProcess(self.disk, module=self._module, environment=environment)

    def _fail(self, records: Sequence[Record], disk: Disk, failures: int, earliest: int = 0) -> list[str]:
        """Let the power fail at moments of the recording, the last of them at its end."""
        before = Told(0, sorted(self._acknowledged))
        moments = sorted(self._random.randrange(earliest, len(records) + 1) for _ in range(failures - 1))
        targets = []
        played = 0
        for number, moment in enumerate([*moments, len(records)]):
            disk.play(records[played:moment])
            played = moment
            target = self._directory / f"disk{self._rounds}-{number}"
            disk.fail(target, self._random)
            told = told_by(disk, before)
            target.with_suffix(".told").write_bytes(msgspec.json.encode(told))
            targets.append(target)
        assert self.load.acknowledged <= set(told.acknowledged), "the recording dates every answer we got"
        self._acknowledged = set(told.acknowledged)
        self.load.acknowledged = set(told.acknowledged)
        self.disk = targets[-1]
        return inspect(targets)


def told_by(disk: Disk, before: Told) -> Told:
    """Return what had been said when the recording was where ``disk`` is."""
    messages = list(disk.told())
    seqs = [message.seq for message in messages if isinstance(message, BlockApplied | CommitterReady)]
    answers = [message for message in messages if isinstance(message, BlockApplied)]
    return Told(max(seqs, default=before.seq), sorted({*before.acknowledged, *acknowledged(answers)}))


def inspect(disks: Sequence[Path]) -> list[str]:
    """Return what is wrong with any of the disks."""
    command = [sys.executable, "-m", "tests.crash.inspect_disks", *map(str, disks)]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    lines = found.stdout.splitlines()
    problems = [
        f"{disk.name}: {one}" for disk, line in zip(disks, lines, strict=False) for one in msgspec.json.decode(line)
    ]
    if found.returncode:
        ended = signal.Signals(-found.returncode).name if found.returncode < 0 else found.stderr
        problems.append(f"{disks[len(lines)].name}: reading it ended the process: {ended}")
    return problems


def fail_again_and_again(machine: Machine, rounds: int) -> list[str]:
    """Return what is wrong after the first failure after which something is."""
    for _ in range(rounds):
        found = machine.fail_under_load(failures=20)
        if found:
            return found
    return []


def test_what_was_acknowledged_survives_power_loss_at_any_moment(tmp_path: Path) -> None:
    machine = Machine(tmp_path, seed=1)
    assert fail_again_and_again(machine, rounds=4) == []
    assert len(machine.load.acknowledged) > 4 * GROUP


def test_what_a_killed_commit_left_in_memory_is_durable_before_anybody_hears_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, seed=3)
    for _ in range(3):
        assert machine.fail_after_killed_commit() == []


def test_the_test_sees_a_database_that_is_not_synced(tmp_path: Path) -> None:
    assert fail_again_and_again(Machine(tmp_path, seed=1, module="tests.crash.unsynced_committer"), rounds=4) != []


def test_the_test_sees_a_committer_that_answers_too_early(tmp_path: Path) -> None:
    assert fail_again_and_again(Machine(tmp_path, seed=1, module="tests.crash.hasty_committer"), rounds=4) != []


@pytest.mark.soak
def test_a_hundred_power_failures_lose_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path, seed=2)
    for _ in range(100):
        assert fail_again_and_again(machine, rounds=1) == []
