from rtdb import Crons

crons = Crons()
crons.monthly("31st", "calendar:run", {"cron": "31st"}, day=31, hour_utc=12, minute_utc=0)
crons.cron("leap day", "0 0 29 2 *", "calendar:run", {"cron": "leap day"})
crons.cron("month end", "59 23 L * *", "calendar:run", {"cron": "month end"})
