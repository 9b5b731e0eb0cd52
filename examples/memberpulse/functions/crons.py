"""What is done again and again, without anybody asking."""

from rtdb import Crons

from . import notifications, presence

crons = Crons()
crons.interval("cleanup presence", presence.cleanup, minutes=5)
crons.daily("cleanup notifications", notifications.cleanup, hour_utc=3, minute_utc=0)
