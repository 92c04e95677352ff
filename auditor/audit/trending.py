"""Trends: one number a week or month, crude and at the case mix of the reference window."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from auditor.audit.tallying import DailyTallies
from auditor.settings import AuditSettings
from monitors import frame
from monitors.casemix import CaseMix, Standardised, case_mix, group_counts, standardise
from monitors.catalogue import measure_named
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Measurement, Slice, Window
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

    `standardised` is the same at the case mix of the reference window, where the settings declare one.
    """

    measurement: Measurement
    mature: bool
    standardised: Standardised | None = None


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
    """The trend of every measure that is drawn or has a bound, up to the end of the window."""
    named = {s.measure for s in settings.thresholds if s.contrast == ""}
    drawn = named.union(TREND_MEASURES.get(daily.monitor.task, ()))
    wanted = {m.name for m in daily.monitor.measures} & drawn
    wanted = {name for name in wanted if measure_named(name).scope != "item"}
    days = [day for day in daily.days if day is not None and (window.end is None or day <= window.end)]
    if not wanted or not days:
        return
    mixes = _mixes(daily, reference, settings, wanted)
    desks = {version: Desk(daily.monitor, parent, version, parent) for version in parent.values("version")}
    for period in periods(min(days), max(days), settings.trend):
        tally = daily.over(period)
        assert period.end is not None
        for version in tally.values("version"):
            desk = desks[version].over(tally)
            for m in frame.measure(desk, [Slice()], items=[""], window=period):
                if m.measure in wanted:
                    mix = mixes.get(m.measure)
                    at_mix = _standardised(desk, mix, m.measure) if mix else None
                    yield Trend(m, period.end <= mature_until, at_mix)


def _mixes(
    daily: DailyTallies, reference: Tally | None, settings: AuditSettings, wanted: set[str]
) -> dict[str, CaseMix]:
    """The case mix of the reference window for every share that is wanted; of the last version in it."""
    if not settings.case_mix or reference is None or not reference.values("version"):
        return {}
    made = {}
    for one in daily.monitor.measures:
        if one.name in wanted and _is_share(one):
            counts = group_counts(
                reference, daily.monitor, one, settings.case_mix, version=reference.values("version")[-1]
            )
            if counts.n.any():
                made[one.name] = case_mix(counts, settings.case_mix)
    return made


def _is_share(one: Measure) -> bool:
    return one.interval is Interval.JEFFREYS and one.high == 1


def _standardised(desk: Desk, mix: CaseMix, name: str) -> Standardised:
    measures = desk.monitor.measures
    index = [one.name for one in measures].index(name)
    counts = group_counts(desk.tally, desk.monitor, measures[index], mix.columns, version=desk.version)
    return standardise(counts, mix, desk.parents.of("", index).rho)


def at_mix(found: Standardised | None) -> dict[str, float | None]:
    """The value at the case mix of the reference window, where enough of that mix was seen."""
    names = ("standardised", "standardised_low", "standardised_high")
    if found is None or not found.sufficient:
        return dict.fromkeys(names)
    return dict(zip(names, (found.value, found.low, found.high), strict=True))


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
