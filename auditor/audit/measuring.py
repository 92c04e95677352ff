"""Measurements: levels, gaps, changes, trends, reliability and drift, read from the tallies of one task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from auditor.audit.confidence import bins_of, confidence_of
from auditor.audit.tallying import DailyTallies
from auditor.settings import AuditSettings
from monitors import drift as drifts
from monitors import fairness, frame, macro
from monitors.calibration import Calibration
from monitors.catalogue import CATALOGUE, measure_named
from monitors.measurement import Measurement, Slice, Window
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Confidence, Parity, ReliabilityBin

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
}


@dataclass(frozen=True)
class Trend:
    """One measure over one period (a week or a month), and whether its outputs are mature."""

    measurement: Measurement
    mature: bool


@dataclass
class Measured:
    """All numbers of one task and window."""

    measurements: list[Measurement] = field(default_factory=list)
    trend: list[Trend] = field(default_factory=list)
    reliability: list[ReliabilityBin] = field(default_factory=list)
    confidence: list[Confidence] = field(default_factory=list)
    parity: list[Parity] = field(default_factory=list)
    drift: list[tuple[str, drifts.ColumnDrift]] = field(default_factory=list)


def measure_task(
    task: str,
    tallies: Mapping[str, DailyTallies],
    settings: AuditSettings,
    window: Window,
    mature_until: date,
    newest_version: str,
) -> Measured:
    """Read every measure of one task in the window, for each version on its own."""
    result = Measured()
    reference_window = reference_of(settings)
    for daily in tallies.values():
        tally = daily.over(window)
        parent = daily.over(Window())
        reference = daily.over(reference_window) if reference_window else None
        for version in tally.values("version"):
            _levels(result, daily, tally, parent, reference, version, settings, window)
        _trend(result, task, daily, parent, settings, window, mature_until, newest_version)
    return result


def reference_of(settings: AuditSettings) -> Window | None:
    """The reference window, or None where `audit.yaml` declares none."""
    asked = settings.reference_window
    return Window(asked.start, asked.end) if asked.start or asked.end else None


def _levels(
    result: Measured,
    daily: DailyTallies,
    tally: Tally,
    parent: Tally,
    reference: Tally | None,
    version: str,
    settings: AuditSettings,
    window: Window,
) -> None:
    monitor = daily.monitor
    slices = _slices(tally, settings, version)
    stated = isinstance(monitor, Calibration)
    if stated and reference is not None:
        parent = reference  # its bins come from the parent, and those of a reference window stay fixed
    items = ["", *tally.values("item")] if monitor.task == "classification" else [""]
    baseline = _baseline_version(reference, version)
    if monitor.name.startswith("drift"):
        if reference is not None and baseline:
            _drift(result, monitor.name, tally, reference, version, baseline, settings, window, items)
        return
    many = max(1, sum(1 for s in slices if s.where))
    for group, asked in _by_size(slices, items):
        result.measurements += frame.measure(
            monitor, tally, group, version=version, items=asked, window=window, parent=parent
        )
        result.measurements += frame.gaps(
            monitor, tally, group, version=version, items=asked, window=window, parent=parent, alpha=0.05 / many
        )
    if monitor.name == "performance":
        single = [s for s in slices if len(s.where) < 2]
        result.measurements += macro.macro(tally, single, version=version, window=window)
        result.parity += [_parity(tally, name, version) for name in settings.slice_attributes]
    if reference is not None and baseline and not _same_rows(tally, reference):
        result.measurements += frame.changes(
            monitor,
            tally,
            reference,
            [Slice()],
            version=version,
            items=items,
            window=window,
            reference_version=baseline,
        )
    if stated:
        setting = settings.tasks[monitor.task]  # type: ignore[index]
        for item in items:
            result.reliability += bins_of(monitor.task, tally, version, item, parent)
            worth = confidence_of(monitor.task, setting, tally, version, item, parent)
            result.confidence += [worth] if worth else []


def _parity(tally: Tally, attribute: str, version: str) -> Parity:
    """fairlearn's differences over the groups of an attribute; withheld where a group is below suppression."""
    found = fairness.group_metrics(tally, attribute, version=version)
    values = [group.value for group in found.groups]
    sizes = [tally.patients(tally.where(**{"version": version, attribute: value}))[0] for value in values]
    small = any(size < SUPPRESS_BELOW for size in sizes)
    note = f"a group has fewer than {SUPPRESS_BELOW} patients" if small else found.note

    def shown(value: float) -> float | None:
        return None if small or math.isnan(value) else value

    return Parity(
        version=version,
        attribute=attribute,
        groups=len(values),
        demographic_parity_difference=shown(found.demographic_parity_difference),
        equalized_odds_difference=shown(found.equalized_odds_difference),
        note=note,
    )


def _by_size(slices: Sequence[Slice], items: Sequence[str]) -> list[tuple[list[Slice], Sequence[str]]]:
    """Which findings are measured in which slices: an intersection of attributes is too small for one finding."""
    return [
        ([s for s in slices if len(s.where) < 2], items),
        ([s for s in slices if len(s.where) > 1], items[:1]),
    ]


def _slices(tally: Tally, settings: AuditSettings, version: str) -> list[Slice]:
    wanted: list[tuple[str, ...]] = [(s,) if isinstance(s, str) else tuple(sorted(s)) for s in settings.slices]
    if len(tally.values("draft_seen")) > 1:
        # references written after seeing the draft inflate agreement, so they are always told apart
        wanted.append(("draft_seen",))
    return frame.slices_of(tally, wanted, version=version)


def _drift(
    result: Measured,
    monitor: str,
    tally: Tally,
    reference: Tally,
    version: str,
    baseline: str,
    settings: AuditSettings,
    window: Window,
    items: Sequence[str],
) -> None:
    columns = drifts.compare(
        tally,
        reference,
        version=version,
        reference_version=baseline,
        attributes=settings.slice_attributes,
        items=items,
        seed=settings.seed,
    )
    of = next(m for m in CATALOGUE if m.name == monitor)
    for column in columns:
        result.drift.append((version, column))
        result.measurements.append(drifts.measurement(column, monitor=of, version=version, window=window))


def _baseline_version(reference: Tally | None, version: str) -> str | None:
    """The version a window is held against: the same, or, after a version change, the reference window's last."""
    versions = reference.values("version") if reference is not None else ()
    if not versions:
        return None
    return version if version in versions else versions[-1]


def _same_rows(tally: Tally, reference: Tally) -> bool:
    return bool(tally == reference)


def _trend(
    result: Measured,
    task: str,
    daily: DailyTallies,
    parent: Tally,
    settings: AuditSettings,
    window: Window,
    mature_until: date,
    newest_version: str,
) -> None:
    named = {s.measure for s in settings.thresholds if s.contrast == ""}
    wanted = {m.name for m in daily.monitor.measures} & (set(TREND_MEASURES.get(task, ())) | named)
    wanted = {name for name in wanted if measure_named(name).scope != "item"}
    days = [day for day in daily.days if day is not None and (window.end is None or day <= window.end)]
    if not wanted or not days:
        return
    for period in periods(min(days), max(days), settings.trend):
        tally = daily.over(period)
        for version in tally.values("version"):
            found = frame.measure(
                daily.monitor, tally, [Slice()], version=version, items=[""], window=period, parent=parent
            )
            assert period.end is not None
            mature = period.end <= mature_until
            result.trend += [Trend(m, mature) for m in found if m.measure in wanted]


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
