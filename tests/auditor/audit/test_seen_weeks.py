"""What a chart could see: the share that was judged, and the newest weeks that hold nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest

from auditor.audit.scope import Scope
from auditor.audit.seen_weeks import judged_share, missing_weeks
from auditor.settings import StopQuestion, parse_settings
from monitors.measurement import Window
from monitors.sealed import WeekCounts
from monitors.unjudged import Counted

MONDAY = date(2026, 1, 5)
SETTINGS = parse_settings("system: s\ntasks: {report: {}}\nmaturity_days: 14")


def week(number: int, n: int, picked: int) -> WeekCounts:
    return WeekCounts(MONDAY + timedelta(weeks=number), "1", {(): (n, 0)} if n else {}, picked)


def scope(day: date, end: date | None = None) -> Scope:
    moment = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
    return Scope("s", SETTINGS, "c", Window(end=end), moment, 0, {})


def test_a_measure_of_every_output_knows_from_its_weeks_what_was_judged() -> None:
    asked = StopQuestion(task="report", measure="contradicted_reports")
    weeks = [week(0, 90, 100), week(1, 10, 100), week(2, 0, 50)]
    assert judged_share(asked, weeks, {("report", "1", "all"): Counted(250, 250)}) == pytest.approx(100 / 250)


def test_a_measure_of_some_outputs_goes_by_those_of_the_window() -> None:
    """Few have the disease, which says nothing of how many were judged."""
    asked = StopQuestion(task="classification", measure="sensitivity", item="edema")
    weeks = [week(0, 10, 100)]
    assert judged_share(asked, weeks, {("classification", "1", "all"): Counted(100, 70)}) == pytest.approx(0.7)
    assert judged_share(asked, weeks, {("classification", "2", "all"): Counted(100, 70)}) == 1.0
    # nothing has to be judged to know how often a draft was signed as it was
    assert judged_share(StopQuestion(task="report", measure="acceptance"), weeks, {}) == 1.0


def test_answers_of_a_kind_are_no_share_of_all_that_were_picked() -> None:
    """A question may be open or closed; half of each were picked, and all were judged."""
    asked = StopQuestion(task="vqa", measure="accuracy_closed")
    known = {("vqa", "1", "all"): Counted(100, 100, {"closed_answered": 50.0})}
    assert judged_share(asked, [week(0, 50, 100)], known) == 1.0


@pytest.mark.parametrize(("days", "missing"), [(0, 0), (6, 0), (7, 1), (14, 2), (21, 3)])
def test_weeks_are_missing_from_the_day_they_could_be_sealed(days: int, missing: int) -> None:
    """The week of 5 January ends on the 11th and is sealed on the 26th."""
    day = date(2026, 1, 26) + timedelta(days=days)
    assert missing_weeks([week(0, 10, 10), week(1, 0, 10)], [], scope(day)) == missing


def test_weeks_after_the_window_are_not_missed_nor_those_after_the_version() -> None:
    late = date(2026, 4, 6)
    assert missing_weeks([week(0, 10, 10)], [], scope(late)) == 10
    assert missing_weeks([week(0, 10, 10)], [], scope(late, date(2026, 1, 25))) == 2
    assert missing_weeks([week(0, 10, 10)], [], scope(late, date(2026, 1, 24))) == 1
    assert missing_weeks([week(0, 10, 10)], [], scope(late, date(2026, 1, 11))) == 0
    assert missing_weeks([week(0, 10, 10)], [week(1, 0, 9)], scope(late)) == 10
    assert missing_weeks([week(0, 10, 10)], [week(1, 9, 9)], scope(late)) == 0
    assert missing_weeks([week(0, 0, 10)], [], scope(late)) == 0
