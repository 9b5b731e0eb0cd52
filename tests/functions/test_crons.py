"""crons.py of an app: what it may say, and what is said of it when it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.app_loader import AppLoadError, load_app
from rtdb.functions.crons import ARGUMENTS_BYTES_MAX, Crons
from rtdb.functions.description import CronDescription, decode_description, encode_description
from tests.functions.app_bench import write_app

FUNCTIONS = """
    @internal_mutation
    def clean(ctx, keep=1): pass

    @internal_action
    async def send(ctx): pass

    @query
    def look(ctx): pass
"""
ALL = """
    from . import m

    crons = Crons()
    crons.interval("seconds", m.clean, seconds=90)
    crons.interval("hours", "m:clean", {"keep": Int64(5)}, hours=2)
    crons.hourly("hourly", m.send)
    crons.hourly("hourly at", "m.js:send", minute_utc=5)
    crons.daily("daily", m.clean, hour_utc=3, minute_utc=0)
    crons.weekly("weekly", m.clean, day_of_week="saturday", hour_utc=0)
    crons.monthly("monthly", m.clean, day=31, hour_utc=23, minute_utc=59)
    crons.cron("a cron", "0 3 * * MON-FRI", m.clean)
"""


def test_the_description_has_all_cron_jobs_by_name(tmp_path: Path) -> None:
    description = load_app(write_app(tmp_path, m=FUNCTIONS, crons=ALL), Limits()).description
    assert decode_description(encode_description(description)) == description
    found = {cron.name: (cron.path, cron.args, cron.schedule) for cron in description.crons}
    assert list(found) == sorted(found)
    assert found == {
        "a cron": ("m:clean", {}, {"type": "cron", "cronExpr": "0 3 * * MON-FRI"}),
        "daily": ("m:clean", {}, {"type": "daily", "hourUTC": 3, "minuteUTC": 0}),
        "hourly": ("m:send", {}, {"type": "hourly", "minuteUTC": None}),
        "hourly at": ("m:send", {}, {"type": "hourly", "minuteUTC": 5}),
        "hours": ("m:clean", {"keep": {"$integer": "BQAAAAAAAAA="}}, {"type": "interval", "seconds": 7200}),
        "monthly": ("m:clean", {}, {"type": "monthly", "day": 31, "hourUTC": 23, "minuteUTC": 59}),
        "seconds": ("m:clean", {}, {"type": "interval", "seconds": 90}),
        "weekly": ("m:clean", {}, {"type": "weekly", "dayOfWeek": 6, "hourUTC": 0, "minuteUTC": None}),
    }


def test_an_app_without_crons_has_none(tmp_path: Path) -> None:
    assert load_app(write_app(tmp_path, m=FUNCTIONS), Limits()).description.crons == []
    assert decode_description('{"functions":[],"schema":null}').crons == []


def test_numbers_that_a_cron_job_passes_stay_what_they_are() -> None:
    cron = CronDescription("x", "m:f", {"keep": {"$integer": "BQAAAAAAAAA="}}, {"type": "interval", "seconds": 1})
    assert cron.args["keep"] == {"$integer": "BQAAAAAAAAA="}


Refused = tuple[str, tuple[Any, ...], dict[str, Any], str]

REFUSED: list[Refused] = [
    ("interval", ("x", "m:f"), {}, "Must specify one of seconds, minutes, or hours"),
    ("interval", ("x", "m:f"), {"seconds": 1, "hours": 1}, "Must specify one of seconds, minutes, or hours"),
    ("interval", ("x", "m:f"), {"seconds": 0}, "Interval must be an integer greater than 0"),
    ("interval", ("x", "m:f"), {"minutes": 1.5}, "Interval must be an integer greater than 0"),
    ("interval", ("x", "m:f"), {"minutes": True}, "Interval must be an integer greater than 0"),
    ("interval", ("x", "m:f"), {"hours": 10**9}, "Interval must be at most"),
    ("hourly", ("x", "m:f"), {"minute_utc": 60}, "Minute of hour must be an integer from 0 to 59"),
    ("daily", ("x", "m:f"), {"hour_utc": "3"}, "Hour of day must be an integer from 0 to 23"),
    ("daily", ("x", "m:f"), {"hour_utc": 24}, "Hour of day must be an integer from 0 to 23"),
    ("weekly", ("x", "m:f"), {"day_of_week": "Monday", "hour_utc": 1}, 'must be a string like "monday".'),
    ("monthly", ("x", "m:f"), {"day": 0, "hour_utc": 1}, "Day of month must be an integer from 1 to 31"),
    ("cron", ("x", "every day", "m:f"), {}, "Failed to parse cron expression"),
    ("cron", ("x", "0 0 30 2 *", "m:f"), {}, 'The cron spec "0 0 30 2 *" will never match any time'),
    ("cron", ("x", 5, "m:f"), {}, "A cron expression is a string, not int"),
    ("hourly", ("", "m:f"), {}, "Invalid cron identifier : use ASCII letters"),
    ("hourly", ("naïve", "m:f"), {}, "Invalid cron identifier naïve: use ASCII letters"),
    ("hourly", ("a\tb", "m:f"), {}, "use ASCII letters that are not control characters"),
    ("hourly", ("taken", "m:f"), {}, "Cron identifier registered twice: taken"),
    ("hourly", ("x", 5), {}, "is to call a function, named by its path or given itself, not by int"),
    ("hourly", ("x", "m:f", [1]), {}, "The arguments of the cron job 'x' are a dict, not list"),
    ("hourly", ("x", "m:f", {"text": "x" * ARGUMENTS_BYTES_MAX}), {}, "Cron job args too large"),
]


@pytest.mark.parametrize(
    ("method", "args", "options", "message"), REFUSED, ids=[f"{one[0]}: {one[3][:40]}" for one in REFUSED]
)
def test_a_cron_job_that_cannot_be_is_refused(
    method: str, args: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    crons = Crons()
    crons.hourly("taken", "m:f")
    with pytest.raises(DeveloperError) as raised:
        getattr(crons, method)(*args, **options)
    assert raised.value.code == "InvalidCron"
    assert message in raised.value.message
    assert [job.name for job in crons.jobs] == ["taken"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            'crons = Crons()\ncrons.hourly("x", "m:nothing")',
            "The cron job 'x' schedules a function that does not exist: m:nothing",
        ),
        (
            'crons = Crons()\ncrons.hourly("x", "m:look")',
            "schedules a query function, only actions and mutations can be",
        ),
        ('crons = Crons()\ncrons.hourly("x", "/:y")', "The cron job 'x': Invalid function path"),
        ("@mutation\ndef here(ctx): pass\ncrons = Crons()\ncrons.hourly('x', here)", "a function that does not exist"),
        (
            'crons = Crons()\ncrons.hourly("x", "m:clean", minute_utc=99)',
            "Minute of hour must be an integer from 0 to 59",
        ),
        ("jobs = Crons()", "crons.py does not define `crons`. Write `crons = Crons()`."),
        ("crons = []", "`crons` in crons.py is not a Crons object but list."),
    ],
)
def test_an_app_whose_crons_cannot_be_is_not_loaded(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(AppLoadError) as raised:
        load_app(write_app(tmp_path, m=FUNCTIONS, crons=source), Limits())
    assert message in raised.value.error.message
    assert raised.value.error.code == "InvalidCron"


def test_a_mistake_names_its_line(tmp_path: Path) -> None:
    source = 'crons = Crons()\ncrons.interval("x", "m:clean")'
    with pytest.raises(AppLoadError) as raised:
        load_app(write_app(tmp_path, m=FUNCTIONS, crons=source), Limits())
    assert "(crons.py:3)" in raised.value.error.frames
