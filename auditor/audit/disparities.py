"""The worst group of every attribute beside what chance would make of it, what else moves with its gap, and the
largest differences between groups for a finding.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.settings import AuditSettings
from monitors.cut import Cut
from monitors.fairness import group_metrics
from monitors.fairness_confounders import confounders
from monitors.fairness_worst import worst_slice
from monitors.levels import Desk
from monitors.measurement import Direction, Interval, Measure, Slice
from monitors.threshold import SUPPRESS_BELOW, conditions
from reports.dossier import Confounder, Parity, WorstGroup


def worst_groups(desk: Desk, settings: AuditSettings, measures: Sequence[str]) -> Iterator[WorstGroup]:
    """The worst group of every slicing in `audit.yaml`, for each of `measures` that the monitor makes.

    Gaps of shares are looked at with every other attribute held equal in turn, also those within what chance makes
    of the worst of as many groups: a confounder may hide a gap as well as make one.
    """
    for one in desk.monitor.measures:
        if one.name not in measures or one.scope == "item" or one.interval in (Interval.NONE, Interval.Q_HAT):
            continue
        if one.direction is Direction.AWAY_FROM_ZERO:  # a group that differs is not for that worse off
            continue
        for wanted in settings.slices:
            attribute = (wanted,) if isinstance(wanted, str) else tuple(sorted(wanted))
            found = worst_slice(desk, attribute, one.name, seed=settings.seed)
            if not found.gap > 0:  # nobody is worse off, or nothing could be measured
                continue
            share = one.interval is Interval.JEFFREYS and math.isfinite(one.high)
            others = [name for name in settings.slice_attributes if name not in attribute]
            where = Slice(conditions(found.slice))
            yield WorstGroup(
                task=desk.monitor.task,
                version=desk.version,
                measure=one.name,
                title=one.title,
                unit=one.unit,
                attribute=" & ".join(attribute),
                slice=found.slice,
                groups=found.slices,
                gap=found.gap,
                chance_median=found.null_median,
                chance_high=found.null_high,
                beyond_chance=found.gap > found.null_high,
                held_equal=tuple(_held_equal(desk, where, others, one)) if share else (),
            )


def _held_equal(desk: Desk, where: Slice, others: Sequence[str], measure: Measure) -> Iterator[Confounder]:
    """The gap with each other attribute held equal, turned so that above zero is worse off."""
    for one in confounders(desk, where, others, measure.name):
        known = one.sufficient and math.isfinite(one.adjusted_low)
        crude = one.crude, one.crude_low, one.crude_high
        adjusted = one.adjusted, one.adjusted_low, one.adjusted_high
        if measure.direction is Direction.LOWER_IS_WORSE:
            crude, adjusted = ((-value, -high, -low) for value, low, high in (crude, adjusted))
        yield Confounder(
            attribute=one.attribute,
            association=_known(one.cramers_v),
            association_by_chance=_known(one.by_chance),
            crude=crude[0],
            adjusted=adjusted[0] if known else None,
            adjusted_low=adjusted[1] if known else None,
            adjusted_high=adjusted[2] if known else None,
            note=one.note,
            crude_low=_known(crude[1]),
            crude_high=_known(crude[2]),
        )


def parity_of_finding(desk: Desk, item: str, attributes: Sequence[str]) -> Iterator[Parity]:
    """fairlearn's differences for one finding, of each attribute all of whose groups have labels enough for them.

    Enough is what sensitivity and specificity need for a verdict: eleven patients and the floor of effective
    positives and negatives. An attribute of which some group has fewer is left out.
    """
    for attribute in attributes:
        wheres = [Slice(((attribute, value),)) for value in desk.tally.values(attribute)]
        cuts = [desk.cuts.inside(where, item) for where in wheres]
        cuts = [cut for cut in cuts if cut.cell("decided_labelled").any()]
        if len(cuts) > 1 and all(_enough(desk, cut, item) for cut in cuts):
            found = group_metrics(desk.tally, attribute, version=desk.version, item=item)
            yield Parity(
                version=desk.version,
                attribute=attribute,
                groups=len(cuts),
                demographic_parity_difference=_known(found.demographic_parity_difference),
                equalized_odds_difference=_known(found.equalized_odds_difference),
                note=found.note,
                item=item,
            )


def _enough(desk: Desk, cut: Cut, item: str) -> bool:
    rates = [(i, one) for i, one in enumerate(desk.monitor.measures) if one.name in ("sensitivity", "specificity")]
    levels = [(one, desk.level(cut, i, item)) for i, one in rates]
    return all(level.n_eff >= one.floor and level.patients >= SUPPRESS_BELOW for one, level in levels)


def recorded_worst_group(one: Mapping[str, Any]) -> WorstGroup:
    """A worst group from what the audit wrote into its details."""
    return WorstGroup(**{**one, "held_equal": tuple(Confounder(**held) for held in one["held_equal"])})


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
