"""Times as hospitals write them, against the standard library and by property."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.intake.faults import RowError
from auditor.intake.times import parse_time, time_text

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "stamp", "day", "date_only"),
    [
        ("2026-03-01", "2026-02-28T23:00+00:00", "2026-03-01", True),
        ("20260301", "2026-02-28T23:00+00:00", "2026-03-01", True),
        (" 2026-W09-7 ", "2026-02-28T23:00+00:00", "2026-03-01", True),
        ("2026-03-01T00:15", "2026-02-28T23:15+00:00", "2026-03-01", False),
        ("2026-03-01 00:15:30,5", "2026-02-28T23:15:30.5+00:00", "2026-03-01", False),
        ("20260301T001530", "2026-02-28T23:15:30+00:00", "2026-03-01", False),
        ("2026-03-01T23:30Z", "2026-03-01T23:30+00:00", "2026-03-02", False),
        ("2026-03-01T23:30-05:00", "2026-03-02T04:30+00:00", "2026-03-02", False),
        # the night when clocks go forward: 02:30 does not exist; back: 02:30 is twice, the first is meant
        ("2026-03-29T02:30", "2026-03-29T01:30+00:00", "2026-03-29", False),
        ("2026-03-29T03:30", "2026-03-29T01:30+00:00", "2026-03-29", False),
        ("2026-10-25T02:30", "2026-10-25T00:30+00:00", "2026-10-25", False),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30+00:00", "2026-10-25", False),
    ],
)
def test_times(text: str, stamp: str, day: str, date_only: bool) -> None:
    moment = parse_time(text, BERLIN, "produced_at")
    assert moment.stamp == datetime.fromisoformat(stamp) and moment.stamp.tzinfo is UTC
    assert moment.day == date.fromisoformat(day) and moment.date_only is date_only


@pytest.mark.parametrize(
    "text",
    ["", "2011-03", "2011", "2026-02-30", "01.03.2026", "2026-03-01T25:00", "tomorrow", "0001-01-01", "٢٠٢٦٠٣٠١x"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(RowError, match=r"^studied_at: not a time") as caught:
        parse_time(text, BERLIN, "studied_at")
    assert text not in str(caught.value) or not text


def test_midnights_that_do_not_exist_keep_their_day() -> None:
    moment = parse_time("2018-11-04", ZoneInfo("America/Sao_Paulo"), "produced_at")
    assert moment.day == date(2018, 11, 4)


def test_a_number_is_no_time_and_a_date_stays_a_date() -> None:
    assert time_text(date(2026, 3, 1), "x") == "2026-03-01"
    assert time_text(datetime(2026, 3, 1, tzinfo=UTC), "x") == datetime(2026, 3, 1, tzinfo=UTC)
    for number in (20260301, 1.7e9, True):
        with pytest.raises(RowError, match="not a number"):
            time_text(number, "x")


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
moments = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, zones)
def test_a_moment_with_a_zone_is_kept_and_its_day_is_local(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    found = parse_time(moment.isoformat(), zone, "x")
    assert found.stamp == moment and found.day == moment.astimezone(zone).date()
    assert parse_time(moment, zone, "x") == found


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), zones)  # noqa: DTZ001
def test_a_local_time_keeps_its_day(local: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    found = parse_time(local.isoformat(), zone, "x")
    assert found.day == local.date()
    assert abs(found.stamp.replace(tzinfo=None) - local) <= timedelta(hours=24)
    assert found.date_only is False


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_sentence(text: str) -> None:
    try:
        parse_time(text, BERLIN, "x")
    except RowError as error:
        assert error.field == "x"
