"""The kinds of scheduled work, by the names that frames and system functions give them."""

from __future__ import annotations

from typing import Final

from rtdb.scheduler.cron_job import CronJob
from rtdb.scheduler.scheduled_job import ScheduledJob
from rtdb.scheduler.work import Work

__all__ = ["WORKS"]

WORKS: Final[dict[str, type[Work]]] = {"job": ScheduledJob, "cron": CronJob}
