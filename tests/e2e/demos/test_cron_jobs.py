"""Cron jobs of every kind are taken in; those that are due run, mutations as well as actions."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from rtdb.values.json_codec import decode
from rtdb.values.value import Int64
from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

SCHEDULES: dict[str, dict[str, Any]] = {
    "an action": {"type": "interval", "seconds": Int64(1)},
    "at a quarter past": {"type": "hourly", "minuteUTC": Int64(15)},
    "at tea time": {"type": "daily", "hourUTC": Int64(16), "minuteUTC": Int64(0)},
    "every second": {"type": "interval", "seconds": Int64(1)},
    "for the bills": {"type": "monthly", "day": Int64(1), "hourUTC": Int64(9), "minuteUTC": Int64(0)},
    "on Mondays": {"type": "weekly", "dayOfWeek": Int64(1), "hourUTC": Int64(7), "minuteUTC": Int64(30)},
    "on working days": {"type": "cron", "cronExpr": "0 12 * * MON-FRI"},
}
MINUTES: dict[str, Callable[[datetime], bool]] = {
    "at a quarter past": lambda time: time.minute == 15,
    "at tea time": lambda time: (time.hour, time.minute) == (16, 0),
    "for the bills": lambda time: (time.day, time.hour, time.minute) == (1, 9, 0),
    "on Mondays": lambda time: (time.isoweekday(), time.hour, time.minute) == (1, 7, 30),
    "on working days": lambda time: time.isoweekday() <= 5 and (time.hour, time.minute) == (12, 0),
}
"""Those in which a job of the clock is due."""
MILLISECOND_NS = 10**6


def listed(server: ServerProcess) -> list[dict[str, Any]]:
    """Return the cron jobs as an administrator sees them."""
    body = {"path": "_system/frontend/listCronJobs", "args": {}, "format": "convex_encoded_json"}
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.post(f"{server.url}/api/query", json=body, headers=headers).json()
    jobs: Any = decode(json.dumps(answer["value"]).encode())
    return list(jobs)


def next_minute(after: datetime, fits: Callable[[datetime], bool]) -> datetime:
    """Return the first minute that fits and begins after this time: by looking at each."""
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not fits(minute):
        minute += timedelta(minutes=1)
    return minute


def test_what_is_due_runs_again_and_again_and_the_rest_waits(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    beats = {source: client.subscribe("beats:count", {"source": source}) for source in ("interval", "action")}
    for beat in beats.values():
        beat.wait(lambda count: count >= 2)
    assert client.query("beats:count", {"source": "monthly"}) == 0


def test_each_kind_of_schedule_is_stored_with_its_next_run(demo: ServerProcess) -> None:
    wait_until(lambda: all(job["nextRun"]["prevTs"] is not None for job in listed(demo) if job["name"] not in MINUTES))
    jobs = {job["name"]: job for job in listed(demo)}
    assert {name: job["cronSpec"]["cronSchedule"] for name, job in jobs.items()} == SCHEDULES
    assert jobs["an action"]["cronSpec"]["udfPath"] == "beats.js:beatFromOutside"
    assert jobs["on Mondays"]["cronSpec"]["udfPath"] == "beats.js:beat"
    assert jobs["on Mondays"]["cronSpec"]["udfArgs"] == b'[{"source":"weekly"}]'
    for name, job in jobs.items():
        run = job["nextRun"]
        following = run["nextTs"].value
        # It was pushed a moment ago, unless the job was due meanwhile.
        before = run["_creationTime"] * MILLISECOND_NS if run["prevTs"] is None else run["prevTs"].value
        if name in MINUTES:
            due = next_minute(datetime.fromtimestamp(before / 1e9, UTC), MINUTES[name])
            assert following == int(due.timestamp()) * 1000 * MILLISECOND_NS, name
        else:
            assert following > before
            assert (following - before) % (1000 * MILLISECOND_NS) == 0, name
