"""What the processes below one have cost so far, by role: CPU time, memory, page faults.

A role is a process's own name without ``rtdb-``: ``serve``, ``hub``, ``gateway``, ``runner``, ``committer``,
``actions``; for others the name of their program. All numbers are the kernel's.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

__all__ = ["ProcessCosts", "costs_by_role", "processes_below"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_FIELD_MINOR_FAULTS, _FIELD_MAJOR_FAULTS = 7, 9
_FIELD_USER, _FIELD_SYSTEM, _FIELD_ENDED_USER, _FIELD_ENDED_SYSTEM = 11, 12, 13, 14


class ProcessCosts(msgspec.Struct):
    """Sums over the processes of one role."""

    processes: int = 0
    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    """The database's map included, which the processes share."""
    private_bytes: int = 0
    """Memory that is nobody else's."""
    minor_faults: int = 0
    major_faults: int = 0
    descriptors: int = 0


def processes_below(root: int) -> dict[int, str]:
    """Return process id → role of ``root`` and everything below it."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
            except (OSError, IndexError):
                continue
            parents[int(entry.name)] = int(rest.split()[1]), name.removeprefix("rtdb-")
    found = {root: "serve"} if root in parents else {}
    grown = True
    while grown:
        below = {pid: name for pid, (parent, name) in parents.items() if parent in found and pid not in found}
        found.update(below)
        grown = bool(below)
    return found


def costs_by_role(root: int) -> dict[str, ProcessCosts]:
    """Return what the processes at and below ``root`` have cost. Runners that were replaced count with the others."""
    totals: dict[str, ProcessCosts] = {}
    for pid, role in processes_below(root).items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            status = Path(f"/proc/{pid}/status").read_text()
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        costs = totals.setdefault(role, ProcessCosts())
        costs.processes += 1
        costs.cpu_seconds += (int(fields[_FIELD_USER]) + int(fields[_FIELD_SYSTEM])) / _TICKS_PER_SECOND
        costs.minor_faults += int(fields[_FIELD_MINOR_FAULTS])
        costs.major_faults += int(fields[_FIELD_MAJOR_FAULTS])
        costs.resident_bytes += _status_bytes(status, "VmRSS:")
        costs.private_bytes += _status_bytes(status, "RssAnon:")
        costs.descriptors += descriptors
        if role == "hub":
            ended = (int(fields[_FIELD_ENDED_USER]) + int(fields[_FIELD_ENDED_SYSTEM])) / _TICKS_PER_SECOND
            totals.setdefault("runner", ProcessCosts()).cpu_seconds += ended
    return totals


def _status_bytes(status: str, name: str) -> int:
    at = status.find(name)
    return int(status[at + len(name) :].split(None, 1)[0]) * 1024 if at >= 0 else 0
