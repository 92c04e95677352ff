"""Fire times against days counted by hand, through both changes of the clocks."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cron import CronError, check_cron, fires, next_fire
from auditor.settings import SettingsError, parse_settings

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "UTC")


@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 364),
)
def test_a_daily_job_runs_once_on_every_day_of_its_zone(zone: str, hour: int, minute: int, first: int) -> None:
    local = ZoneInfo(zone)
    start = datetime(2026, 1, 1, tzinfo=local) + timedelta(days=first)
    start = start.replace(hour=0, minute=0)
    end = (start + timedelta(days=40)).astimezone(UTC)
    moments = fires(f"{minute} {hour} * * *", zone, start - timedelta(seconds=1), end)
    found = [one.astimezone(local) for one in moments]
    days = Counter(one.date() for one in found)
    assert set(days.values()) == {1}
    assert len(days) in (40, 41)
    # at its time, or later on the one day on which the clocks jumped over it
    assert all((one.hour, one.minute) >= (hour, minute) for one in found)
    assert sum((one.hour, one.minute) != (hour, minute) for one in found) <= 1


def test_no_day_is_lost_to_a_change_of_clocks() -> None:
    # New York, 2026-03-08: a day of 23 hours; APScheduler alone goes from the 8th to the 10th
    start = datetime(2026, 3, 7, 12, tzinfo=UTC)
    found = list(fires("1 0 * * *", "America/New_York", start, start + timedelta(days=3)))
    assert [f"{one:%d %H:%M}" for one in found] == ["08 05:01", "09 04:01", "10 04:01"]


def test_spring_and_autumn_in_berlin() -> None:
    def told(cron: str, start: datetime, days: int) -> list[str]:
        return [f"{one:%d %H:%M}" for one in fires(cron, "Europe/Berlin", start, start + timedelta(days=days))]

    # 2026-03-29: 02:00 CET is followed by 03:00 CEST; 02:30 does not exist and runs at 03:30 CEST = 01:30 UTC
    spring = datetime(2026, 3, 28, tzinfo=UTC)
    assert told("30 2 * * *", spring, 3) == ["28 01:30", "29 01:30", "30 00:30"]
    # 2026-10-25: 02:30 comes twice (00:30 and 01:30 UTC)
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert told("30 2 * * *", autumn, 2) == ["25 00:30", "26 01:30"]
    # hours are real hours: 25 of them on that day
    day = datetime(2026, 10, 24, 22, tzinfo=UTC)
    hours = fires("0 * * * *", "Europe/Berlin", day - timedelta(seconds=1), day + timedelta(hours=24))
    assert len(list(hours)) == 25


def test_the_end_is_included_and_the_start_is_not() -> None:
    at = datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert list(fires("0 4 * * *", "UTC", at - timedelta(days=1), at)) == [at]
    assert next_fire("0 4 * * *", "UTC", at) == at + timedelta(days=1)
    assert next_fire("0 0 29 2 *", "UTC", at) == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 4 * *", "five fields"),
        ("", "five fields"),
        ("x", "five fields"),
        ("0 4 * * 1", "weekdays are named"),
        ("61 4 * * *", "cannot be read"),
        ("0 4 30 2 *", "names no day"),
        ("* * * * *", "more often than every ten minutes"),
        ("0,5 4 * * *", "more often than every ten minutes"),
        ("rm -rf / * *", "cannot be read"),
    ],
)
def test_a_bad_expression_is_refused_in_one_sentence(cron: str, why: str) -> None:
    with pytest.raises(CronError, match=why):
        check_cron(cron)
    with pytest.raises(SettingsError, match=why):
        parse_settings(f"system: s\ntasks: {{report: {{}}}}\nschedule: [{{job: audit, cron: '{cron}'}}]")


def test_two_jobs_of_a_name_are_refused() -> None:
    jobs = "[{job: report, cron: 0 4 * * *}, {job: report, cron: 0 5 * * *}]"
    with pytest.raises(SettingsError, match="two jobs are called report; give one of them another name"):
        parse_settings(f"system: s\ntasks: {{report: {{}}}}\nschedule: {jobs}")
