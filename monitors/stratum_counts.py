"""What a case mix is made of: the two sums of one measure by patient group and stratum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.casemix import CaseMix, CaseMixError, Stratum
from monitors.groups import Floats
from monitors.intervals import event_weight
from monitors.measurement import Interval, Measure
from monitors.monitor import Monitor
from monitors.tally import Tally

#: Of these, two sums are not enough, whatever cells they name.
_NO_RATIO: Final = (Interval.F1, Interval.LOGIT, Interval.RECALIBRATION, Interval.Q_HAT)


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Denominator and numerator of one measure in one window, each of shape (256 patient groups, strata)."""

    strata: tuple[Stratum, ...]
    n: Floats
    events: Floats  # of a mean: the sum of its numbers
    weight: float = 1.0  # what one event of a weighted count weighs, Σw²/Σw
    rarer: float = math.inf  # rows of the rarer outcome, of a mean over outcomes (a calibration gap)


def is_share(one: Measure) -> bool:
    """Whether a measure is events over what was counted, at most all of it."""
    return one.interval is Interval.JEFFREYS and one.high == 1


def is_count(one: Measure) -> bool:
    """Whether a measure is events over what was counted, of which each may have several."""
    return one.interval is Interval.JEFFREYS and math.isinf(one.high)


def why_not(one: Measure) -> str:
    """Why a measure cannot be standardised, as one sentence; empty where it can: it is a ratio of two sums.

    Strata of an area, an F1 or a fit do not add up to that of the whole.
    """
    if one.interval is Interval.MEAN or (
        one.numerator and one.denominator and one.interval not in _NO_RATIO and not one.parts
    ):
        return ""
    return "It is no ratio of two sums over cases, and those of the strata do not add up to that of the whole."


def group_counts(
    tally: Tally,
    monitor: Monitor,
    measure: Measure,
    columns: Sequence[str],
    *,
    version: str | None = None,
    item: str = "",
) -> GroupCounts:
    """The case mix of a tally: one stratum for each combination of `columns` that it holds.

    No `version` takes the rows of all. Raises CaseMixError for a measure that is no ratio of sums and for columns
    the tally was not stratified by.
    """
    return counts_of(tally, monitor, [measure], columns, version=version, item=item)[0]


def counts_of(
    tally: Tally,
    monitor: Monitor,
    measures: Sequence[Measure],
    columns: Sequence[str],
    *,
    version: str | None = None,
    item: str = "",
) -> list[GroupCounts]:
    """`group_counts` of several measures of one monitor, whose strata are read once."""
    for one in measures:
        if why_not(one):
            raise CaseMixError(f"{one.name} cannot be standardised to a case mix. {why_not(one)}")
    unknown = [name for name in columns if name not in tally.strata]
    if unknown:
        raise CaseMixError(f"The tally is not stratified by {unknown[0]!r}; add it to the slices and tally anew.")
    places = [tally.strata.index(name) for name in columns]
    asked = {"version": version, "item": item or None}
    wanted = tally.where(**{name: value for name, value in asked.items() if value is not None})
    strata = tuple(
        sorted({tuple(level[i] for i in places) for level, w in zip(tally.levels, wanted, strict=True) if w})
    )
    n, events = (np.zeros((len(measures), 256, len(strata))) for _ in range(2))
    whole = np.zeros(len(monitor.cells))
    for at, stratum in enumerate(strata):
        totals = tally.group_totals(wanted & tally.where(**dict(zip(columns, stratum, strict=True))))
        whole += totals.sum(axis=0)
        # reading all measures of a grid is dear, and only means without a cell of their own need it
        values = None if all(one.numerator for one in measures) else monitor.read(totals)
        for i, one in enumerate(measures):
            n[i, :, at], events[i, :, at] = _sums(monitor, one, totals, values)
    return [
        GroupCounts(strata, n[i], events[i], _weight(monitor, one, whole), _rarer(monitor, one, whole))
        for i, one in enumerate(measures)
    ]


def case_mix(counts: GroupCounts, columns: Sequence[str]) -> CaseMix:
    """The case mix of a reference window from its group counts; see `CaseMix.of`."""
    sums = zip(counts.n.sum(axis=0).tolist(), counts.events.sum(axis=0).tolist(), strict=True)
    return CaseMix.of(dict(zip(counts.strata, sums, strict=True)), columns)


def _sums(monitor: Monitor, one: Measure, totals: Floats, values: Floats | None) -> tuple[Floats, Floats]:
    """Denominator and numerator by patient group, (256,) each, from totals (256, cells) and what they read."""
    n: Floats = totals[:, monitor.cells.index(one.denominator)]
    if one.numerator or values is None:
        return n, totals[:, monitor.cells.index(one.numerator)]
    # a mean of one patient group, times how many rows it is of, is their sum
    return n, np.where(n > 0, values[:, monitor.measures.index(one)], 0.0) * n


def _weight(monitor: Monitor, one: Measure, totals: Floats) -> float:
    """What one event weighs (`monitors.intervals.event_weight`), 1 where events are not weighted."""
    if not one.squares:
        return 1.0
    return event_weight(*(float(totals[monitor.cells.index(name)]) for name in (one.numerator, one.squares)))


def _rarer(monitor: Monitor, one: Measure, totals: Floats) -> float:
    """Rows of the rarer outcome, of a mean whose rows have one."""
    if one.interval is not Interval.MEAN:
        return math.inf
    events, n = (float(totals[monitor.cells.index(name)]) for name in ("events", one.denominator))
    return min(events, n - events)
