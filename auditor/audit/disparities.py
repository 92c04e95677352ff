"""The worst group of every attribute beside what chance would make of it, and what else moves with its gap."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.settings import AuditSettings
from monitors.fairness_confounders import confounders
from monitors.fairness_worst import worst_slice
from monitors.levels import Desk
from monitors.measurement import Direction, Interval, Measure, Slice
from monitors.threshold import conditions
from reports.dossier import Confounder, WorstGroup


def worst_groups(desk: Desk, settings: AuditSettings, measures: Sequence[str]) -> Iterator[WorstGroup]:
    """The worst group of every slicing in `audit.yaml`, for each of `measures` that the monitor makes.

    Where it lies beyond what chance makes of the worst of as many groups, it is looked at with every other
    attribute held equal in turn.
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
            beyond = found.gap > found.null_high
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
                beyond_chance=beyond,
                held_equal=tuple(_held_equal(desk, where, others, one))
                if beyond and one.interval is Interval.JEFFREYS and math.isfinite(one.high)
                else (),
            )


def _held_equal(desk: Desk, where: Slice, others: Sequence[str], measure: Measure) -> Iterator[Confounder]:
    """The gap with each other attribute held equal, turned so that above zero is worse off."""
    for one in confounders(desk, where, others, measure.name):
        known = one.sufficient and math.isfinite(one.adjusted_low)
        crude, adjusted, low, high = one.crude, one.adjusted, one.adjusted_low, one.adjusted_high
        if measure.direction is Direction.LOWER_IS_WORSE:
            crude, adjusted, low, high = -crude, -adjusted, -high, -low
        yield Confounder(
            attribute=one.attribute,
            association=_known(one.cramers_v),
            association_by_chance=_known(one.by_chance),
            crude=crude,
            adjusted=adjusted if known else None,
            adjusted_low=low if known else None,
            adjusted_high=high if known else None,
            note=one.note,
        )


def recorded_worst_group(one: Mapping[str, Any]) -> WorstGroup:
    """A worst group from what the audit wrote into its details."""
    return WorstGroup(**{**one, "held_equal": tuple(Confounder(**held) for held in one["held_equal"])})


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
