from rtdb import Crons

from . import jobs

crons = Crons()
crons.interval("every second", jobs.tick, {"cron": "mutation"}, seconds=1)
crons.interval("every second, by an action", "jobs:tick_by_action", {"cron": "action"}, seconds=1)
crons.monthly("hardly ever", jobs.tick, {"cron": "monthly"}, day=31, hour_utc=23, minute_utc=59)
