"""Measurements: levels, gaps, changes, trends, reliability and drift, read from the tallies of one task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from auditor.audit.confidence import bins_of, confidence_of
from auditor.audit.directions import directions_of
from auditor.audit.disparities import parity_of_finding, worst_groups
from auditor.audit.estimating import estimates_of
from auditor.audit.limits import IN_SAMPLE
from auditor.audit.shifting import shifts_of
from auditor.audit.tallying import DailyTallies
from auditor.audit.trending import Trend, asked_measures, trend_of
from auditor.audit.versions import baseline_of
from auditor.audit.versus_rest import versus_rest
from auditor.settings import AuditSettings
from monitors import drift as drifts
from monitors import fairness, frame, macro
from monitors.calibration import Calibration
from monitors.drift import Drift
from monitors.drift_rows import DISTANCE, ColumnDrift, Of, measurement
from monitors.error_codes import ERROR_CODES
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.performance import PERFORMANCE
from monitors.retrieval import RETRIEVAL
from monitors.scores import SCORES
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Confidence, Estimated, Parity, ReliabilityBin, ScoreShift, WorstGroup


@dataclass
class Measured:
    """All numbers of one task and window."""

    measurements: list[Measurement] = field(default_factory=list)
    trend: list[Trend] = field(default_factory=list)
    reliability: list[ReliabilityBin] = field(default_factory=list)
    confidence: list[Confidence] = field(default_factory=list)
    parity: list[Parity] = field(default_factory=list)
    worst_groups: list[WorstGroup] = field(default_factory=list)
    estimates: list[Estimated] = field(default_factory=list)
    shifts: list[ScoreShift] = field(default_factory=list)
    versus_rest: list[dict[str, Any]] = field(default_factory=list)
    drift: list[tuple[str, ColumnDrift]] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)  # what a reader must know of them


def measure_task(
    tallies: Mapping[str, DailyTallies],
    settings: AuditSettings,
    window: Window,
    mature_until: date,
    order: Sequence[str],
) -> Measured:
    """Read every measure of one task in the window, for each version on its own; `order` is that of versions."""
    result = Measured()
    reference_window = reference_of(settings)
    for daily in tallies.values():
        tally = daily.over(window)
        parent = daily.over(Window())
        reference = daily.over(reference_window) if reference_window else None
        for version in tally.values("version"):
            _levels(result, daily, tally, parent, reference, version, order, settings, window)
            if daily.monitor is RETRIEVAL:  # over the whole system: slices of directions could be subtracted
                desk = Desk(RETRIEVAL, tally, version, parent)
                result.measurements += frame.measure(
                    desk, [Slice()], items=directions_of(tally, version), window=window
                )
        result.trend += trend_of(daily, parent, reference, settings, window, mature_until)
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
    order: Sequence[str],
    settings: AuditSettings,
    window: Window,
) -> None:
    monitor = daily.monitor
    named = asked_measures(settings, monitor.task)
    few = monitor is ERROR_CODES and not any(one.name in named for one in monitor.measures)
    # fourteen kinds of error in forty groups would drown what was asked
    slices = [Slice()] if few else _slices(tally, settings, version)
    if isinstance(monitor, Calibration) and reference is not None:
        parent = reference  # its bins come from the parent, and those of a reference window stay fixed
    items = ["", *tally.values("item")] if monitor.task == "classification" else [""]
    baseline = baseline_of(reference.values("version"), version, order) if reference is not None else None
    if monitor is SCORES:
        if reference is not None and baseline:
            _scores(result, tally, reference, version, baseline, settings, items[1:])
        return
    if isinstance(monitor, Drift):
        if reference is not None and baseline:
            _drift(result, monitor, tally, reference, version, baseline, settings, window, items)
        return
    single = [s for s in slices if len(s.where) < 2]
    desk = Desk(monitor, tally, version, parent)
    for item in items:
        # an intersection of attributes is too small for one finding
        _of_item(result, desk, single if item else slices, item, len(slices) - 1, named, settings, window)
        if item and monitor.name == "performance":
            result.parity += parity_of_finding(desk, item, settings.slice_attributes)
    if monitor.name == "performance":
        result.measurements += macro.macro(desk, single, window=window)
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
    if isinstance(monitor, Calibration):
        setting = settings.tasks[monitor.task]  # type: ignore[index]
        for item in items:
            result.reliability += bins_of(monitor, tally, version, item, parent)
            worth = confidence_of(monitor, setting, tally, version, item, parent)
            result.confidence += [worth] if worth else []


def _of_item(
    result: Measured,
    desk: Desk,
    slices: Sequence[Slice],
    item: str,
    at_once: int,
    named: Sequence[str],
    settings: AuditSettings,
    window: Window,
) -> None:
    """All that is read from the cuts of one item, which the desk forgets when another is asked for."""
    ordered = sorted(slices, key=lambda where: len(where.where) > 1)  # intersections last, as they are shown
    result.measurements += frame.measure(desk, ordered, items=[item], window=window)
    result.measurements += frame.gaps(desk, ordered, items=[item], window=window, at_once=at_once)
    result.versus_rest += versus_rest(desk, slices, item=item, measures=named, seed=settings.seed)
    if not item:
        result.worst_groups += worst_groups(desk, settings, named)


def _parity(tally: Tally, attribute: str, version: str) -> Parity:
    """fairlearn's differences over the groups of an attribute; withheld where a group is below suppression.

    What counts are the patients behind a number: with a label and a decision, and for the odds with the finding
    and without it.
    """
    found = fairness.group_metrics(tally, attribute, version=version)
    values = [group.value for group in found.groups]

    def small(*cells: str) -> bool:
        masks = [tally.where(**{"version": version, attribute: value}) for value in values]
        found = [tally.patients(mask, (PERFORMANCE.cells.index(cell),))[0] for mask in masks for cell in cells]
        return any(0 < patients < SUPPRESS_BELOW for patients in found)

    few, few_odds = small("decided_labelled"), small("decided_labelled", "sick_decided", "healthy_decided")
    of = "patients" if few else "patients with a finding, or without one"
    note = f"a group has fewer than {SUPPRESS_BELOW} {of}" if few_odds else found.note

    def shown(value: float, withheld: bool) -> float | None:
        return None if withheld or math.isnan(value) else value

    return Parity(
        version=version,
        attribute=attribute,
        groups=len(values),
        demographic_parity_difference=shown(found.demographic_parity_difference, few),
        equalized_odds_difference=shown(found.equalized_odds_difference, few_odds),
        note=note,
    )


def _slices(tally: Tally, settings: AuditSettings, version: str) -> list[Slice]:
    wanted: list[tuple[str, ...]] = [(s,) if isinstance(s, str) else tuple(sorted(s)) for s in settings.slices]
    if len(tally.values("draft_seen")) > 1:
        # references written after seeing the draft inflate agreement, so they are always told apart
        wanted.append(("draft_seen",))
    return frame.slices_of(tally, wanted, version=version)


def _scores(
    result: Measured,
    tally: Tally,
    reference: Tally,
    version: str,
    baseline: str,
    settings: AuditSettings,
    findings: Sequence[str],
) -> None:
    """What a classifier's scores say without labels; of the reference window itself nothing."""
    if _same_rows(tally, reference):  # the map would be held against the very labels that it was learnt from
        result.limits += [] if IN_SAMPLE in result.limits else [IN_SAMPLE]
        return
    result.estimates += estimates_of(tally, reference, version, baseline, findings)
    result.shifts += shifts_of(tally, reference, version, baseline, findings, settings.seed)


def _drift(
    result: Measured,
    monitor: Drift,
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
        # a slice whose number is watched is compared by its values and not by its bands
        attributes=[name for name in settings.slice_attributes if name not in settings.drift_numbers],
        items=items,
        numbers=monitor.numbers,
        seed=settings.seed,
    )
    of = Of(DISTANCE, monitor.name, monitor.version, monitor.task, version, window)
    for column in columns:
        result.drift.append((version, column))
        result.measurements.append(measurement(of, column))


def _same_rows(tally: Tally, reference: Tally) -> bool:
    return bool(tally == reference)
