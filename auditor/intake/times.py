"""Times as hospitals write them: to a moment in UTC, a day in the system's zone, and a mark for a date alone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from auditor.intake.faults import RowError

_DATE_ALONE = re.compile(r"\d{8}|\d{4}-\d{2}-\d{2}|\d{4}-?W\d{2}-?\d")


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened: `stamp` in UTC, `day` in the system's zone, whether only the date was given."""

    stamp: datetime
    day: date
    date_only: bool


def parse_time(value: str | datetime, zone: ZoneInfo, field: str) -> Moment:
    """Read an ISO 8601 time. Without a zone it is the system's; a date alone is its local midnight, marked.

    The day is the calendar day in `zone`, so a study at 23:30 stays on its day whatever UTC says, also when
    clocks change: of two local times with one name the first is meant. Raises RowError, never with the value.

    >>> parse_time("2026-03-01T23:30", ZoneInfo("America/New_York"), "produced_at").stamp.isoformat()
    '2026-03-02T04:30:00+00:00'
    >>> parse_time("2026-03-01", ZoneInfo("Europe/Berlin"), "studied_at").date_only
    True
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            if _DATE_ALONE.fullmatch(text):
                day = date.fromisoformat(text)
                midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
                return Moment(midnight.astimezone(UTC), day, True)
            value = datetime.fromisoformat(text)
        if value.tzinfo is None:
            return Moment(value.replace(tzinfo=zone).astimezone(UTC), value.date(), False)
        stamp = value.astimezone(UTC)
        return Moment(stamp, stamp.astimezone(zone).date(), False)
    except (ValueError, OverflowError):
        raise RowError(
            field, f"{field}: not a time; write ISO 8601 such as 2026-03-01T14:30 or the date 2026-03-01"
        ) from None


def time_text(value: Any, field: str) -> Any:
    """What a raw record may hold as a time: text or datetime; a date becomes its text.

    A bare number is refused: 20260301 would be read as seconds since 1970.
    """
    if isinstance(value, datetime) or value is None:
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        raise RowError(field, f"{field}: a time must be text such as 2026-03-01T14:30, not a number")
    return value
