"""When a schedule fires: cron expressions read in the system's own zone, through every change of its clocks.

A job with a fixed hour runs once on every day that its expression names: where the clocks go forward over its
time it runs as soon as they have, where they go back only the first of the two counts. A job that runs every
hour (or every so many) runs by real hours.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

#: A job that fires more often than this would never be done with before its next turn.
SHORTEST: Final = timedelta(minutes=10)
_EXAMPLE: Final = "write for example '0 4 * * mon-fri' (minute hour day month weekday)"


class CronError(ValueError):
    """A cron expression that cannot be used, in one sentence."""


@lru_cache(maxsize=256)
def _trigger(cron: str) -> CronTrigger:
    """APScheduler's trigger of an expression, on a clock that never changes. Raises CronError."""
    fields = cron.split()
    if len(fields) != 5:
        raise CronError(f"a cron expression has five fields; {_EXAMPLE}")
    if re.search(r"\d", fields[4]):
        raise CronError("weekdays are named mon, tue … sun, since programs disagree on which day is 0")
    try:
        return CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError:
        raise CronError(f"the cron expression cannot be read; {_EXAMPLE}") from None


def check_cron(cron: str) -> None:
    """Raises CronError where the expression cannot be read, never fires, or fires too often."""
    _trigger(cron)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    # four years: the 29th of February is there once
    first = list(itertools.islice(fires(cron, "UTC", start, start + timedelta(days=4 * 366)), 400))
    if not first:
        raise CronError("the cron expression names no day that there is")
    if any(later - earlier < SHORTEST for earlier, later in itertools.pairwise(first)):
        raise CronError("the job would run more often than every ten minutes")


def fires(cron: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every time (UTC) at which the expression fires in (after, until].

    >>> berlin = list(fires("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 23, tzinfo=UTC),
    ...                     datetime(2026, 10, 27, tzinfo=UTC)))
    >>> [f"{moment:%d %H:%M}" for moment in berlin]
    ['23 00:30', '24 00:30', '25 00:30', '26 01:30']
    """
    zone = ZoneInfo(timezone)
    hourly = cron.split()[1].startswith("*")
    # a day earlier, since a time that the clocks jumped over comes later than the wall clock says
    wall = after.astimezone(zone).replace(tzinfo=UTC) - timedelta(days=1)
    last = after
    for _, times in itertools.groupby(_wall_times(cron, wall), key=datetime.date):
        moments = sorted({moment for time in times for moment in _moments(time, zone, both=hourly)})
        for moment in moments:
            if moment > until:
                return
            if moment > last:
                yield moment
                last = moment


def _wall_times(cron: str, after: datetime) -> Iterator[datetime]:
    """The times on the wall clock, written as UTC.

    The trigger is not given the zone: near a change of clocks it adds days as so many hours and loses one.
    """
    found = _trigger(cron)
    while (time := found.get_next_fire_time(None, after + timedelta(microseconds=1))) is not None:
        yield time
        after = time


def _moments(time: datetime, zone: ZoneInfo, both: bool) -> Iterator[datetime]:
    """When it is this time on the wall: of two, the first or both; where the clocks jump over it, afterwards."""
    first = time.replace(tzinfo=zone, fold=0)
    yield first.astimezone(UTC)
    second = first.replace(fold=1)
    repeated = second.utcoffset() != first.utcoffset() and second.astimezone(UTC) > first.astimezone(UTC)
    if both and repeated:
        yield second.astimezone(UTC)


def next_fire(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first time after `after` at which the expression fires (UTC)."""
    return next(fires(cron, timezone, after, after + timedelta(days=4 * 366)), None)
