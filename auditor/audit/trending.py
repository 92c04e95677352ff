"""Trends: one number a week or month, crude and at the case mix of the reference window."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from auditor.audit.tallying import DailyTallies
from auditor.audit.trend_mix import NOT_ASKED, Adjusted, TrendMixes
from auditor.settings import AuditSettings
from monitors import frame
from monitors.levels import Desk
from monitors.measurement import Measure, Measurement, Slice, Window
from monitors.selection import select
from monitors.tally import Tally

#: Drawn as a trend whether or not a threshold names them.
TREND_MEASURES = {
    "report": (
        "significant_contradicted_reports",
        "contradicted_reports",
        "unsupported_reports",
        "omission_reports",
    ),
    "classification": ("calibration_gap", "sensitivity", "specificity", "underdiagnosis"),
    "vqa": ("accuracy", "unparseable_answers"),
    "retrieval": ("recall_at_5", "mrr"),
}


@dataclass(frozen=True)
class Trend:
    """One measure over one period (a week or a month), and whether its outputs are mature.

    `adjusted` is the same at the case mix of the reference window, where the settings declare one.
    """

    measurement: Measurement
    mature: bool
    adjusted: Adjusted = NOT_ASKED


def asked_measures(settings: AuditSettings, task: str) -> list[str]:
    """Measures of a task that have a bound or are drawn as a trend: what groups are compared by."""
    return sorted({setting.measure for setting in settings.thresholds}.union(TREND_MEASURES.get(task, ())))


def trend_of(
    daily: DailyTallies,
    parent: Tally,
    reference: Tally | None,
    settings: AuditSettings,
    window: Window,
    mature_until: date,
) -> Iterator[Trend]:
    """The trend of every measure that is drawn or has a bound, up to the end of the window.

    Of the task as a whole, and of those findings of a classifier that a bound names.
    """
    wanted = _wanted(daily, parent, settings)
    days = [day for day in daily.days if day is not None and (window.end is None or day <= window.end)]
    if not wanted or not days:
        return
    mixes = TrendMixes.of(daily.monitor, reference, settings.case_mix, wanted)
    desks = {version: Desk(daily.monitor, parent, version, parent) for version in parent.values("version")}
    for period in periods(min(days), max(days), settings.trend):
        tally = daily.over(period)
        assert period.end is not None
        for version in tally.values("version"):
            desk = desks[version].over(tally)
            for item, measures in wanted.items():
                if item and not select(tally, Slice(), version=version, item=item).any():
                    continue
                adjusted = mixes.adjusted(desk, item, measures)
                for m in frame.measure(desk, [Slice()], items=[item], window=period):
                    if m.measure in adjusted:
                        yield Trend(m, period.end <= mature_until, adjusted[m.measure])


def _wanted(daily: DailyTallies, parent: Tally, settings: AuditSettings) -> dict[str, list[Measure]]:
    """The measures that have a trend: of the whole ("") and of each finding that a bound names."""
    levels = [s for s in settings.thresholds if s.contrast == ""]
    drawn = {s.measure for s in levels}.union(TREND_MEASURES.get(daily.monitor.task, ()))
    wanted = {"": [m for m in daily.monitor.measures if m.name in drawn and m.scope != "item"]}
    for item in parent.values("item") if daily.monitor.task == "classification" else ():
        named = {s.measure for s in levels if s.item == item}
        wanted[item] = [m for m in daily.monitor.measures if m.name in named and m.scope != "whole"]
    return {item: measures for item, measures in wanted.items() if measures}


def periods(first: date, last: date, unit: str) -> list[Window]:
    """The ISO weeks or calendar months that touch the days from `first` to `last`.

    >>> [str(w) for w in periods(date(2026, 1, 30), date(2026, 2, 1), "month")]
    ['2026-01-01 to 2026-01-31', '2026-02-01 to 2026-02-28']
    """
    result = []
    start = first - timedelta(days=first.isoweekday() - 1) if unit == "week" else first.replace(day=1)
    while start <= last:
        following = start + timedelta(days=7) if unit == "week" else (start + timedelta(days=31)).replace(day=1)
        result.append(Window(start, following - timedelta(days=1)))
        start = following
    return result
