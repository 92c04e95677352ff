"""Sealed weeks: one output a patient, ISO week and version, picked by hash, once the whole week is mature.

A patient with one error is likelier to have the next; counted report by report, forty charts with a budget of two
false alarms a year gave four (ρ = .15) to twelve (ρ = .30) of them in simulation. One output a patient and week
removes what the same week repeats, and sealing removes what later amendments would rewrite.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors import intervals
from monitors.casemix import Stratum
from monitors.groups import GROUPS, Floats, assign, mean_cluster_size
from monitors.judged import GRID
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Monitor

#: The column that `seal` adds: the Monday of the ISO week.
WEEK: Final = "week"
_NEEDED: Final = ("output_id", "subject_id", "version", "item", "day", "weight")
_COUNTED: Final = "{name} is not 0 or 1 for one output; chart the share of outputs with at least one instead."
_MONDAY: Final = 3  # 1 January 1970, day 0 of date32, was a Thursday


class SealedError(ValueError):
    """One clear sentence about judged rows that no chart can be made of."""


@dataclass(frozen=True, slots=True)
class WeekCounts:
    """What a chart takes in for one sealed week and version: by stratum, patients measured and with an event.

    An event is the bad outcome: for a measure where lower is worse (sensitivity) it is the miss. `picked` are all
    patients of whom an output was picked; those without a judgement are in it and in no stratum.
    """

    week: date  # its Monday
    version: str
    counts: Mapping[Stratum, tuple[int, int]]  # stratum → (n, events)
    picked: int

    @property
    def n(self) -> int:
        return sum(n for n, _ in self.counts.values())

    @property
    def events(self) -> int:
        return sum(events for _, events in self.counts.values())


def sealed_until(as_of: date, maturity_days: int = 14) -> date:
    """The Monday of the newest week whose every output is mature on `as_of`: Sunday + maturity lies before it.

    >>> sealed_until(date(2024, 3, 25))
    datetime.date(2024, 3, 4)
    >>> sealed_until(date(2024, 3, 24))
    datetime.date(2024, 2, 26)
    """
    last = as_of - timedelta(days=maturity_days + 7)
    return last - timedelta(days=last.weekday())


def seal(
    rows: pa.Table, *, as_of: date, maturity_days: int = 14, after: date | None = None, seed: int = 0
) -> pa.Table:
    """All rows of one output for each patient, ISO week and version of the sealed weeks, with their `week`.

    Which output is decided by a hash of its id and the seed alone (where k unranked drafts of a case count 1/k
    each, with that chance): not by the order or partition of the rows, nor by anything a judge found, so an
    amended reference picks nobody else. ``seal(a + b) == seal(seal(a) + seal(b))``. Undated rows are in no week.

    This is a pure function of the rows. So that what arrives later never changes a chart's past, the caller
    stores the counts (`weekly_counts`) with the Monday of the last week folded, and gives that Monday as `after`:
    weeks up to it are not returned again. What arrives for them later counts in no chart.

    Raises SealedError where a column is missing.
    """
    for name in _NEEDED:
        if name not in rows.column_names:
            raise SealedError(f"The judged table has no column {name!r}; it is needed to seal weeks.")
    if maturity_days < 0:
        raise SealedError("The maturity in days must not be negative; give 0 to seal a week on its next Monday.")
    rows = rows.drop_columns([WEEK]) if WEEK in rows.column_names else rows
    rows = rows.filter(pc.is_valid(rows["day"]))
    days = rows["day"].cast(pa.int32()).to_numpy().astype(np.int64)
    monday = days - (days + _MONDAY) % 7
    open_from = _number(sealed_until(as_of, maturity_days)) + 7
    kept = (monday < open_from) & (monday > (_number(after) if after else np.iinfo(np.int64).min))
    rows, monday = rows.filter(pa.array(kept)), monday[kept]
    if rows.num_rows:
        chosen = _picked(rows, monday, seed)
        rows, monday = rows.filter(pa.array(chosen)), monday[chosen]
    week = pa.array(monday.astype(np.int32), pa.int32()).cast(pa.date32())
    made = rows.append_column(pa.field(WEEK, pa.date32(), nullable=False), week)
    names = ["version", "output_id", "item"]
    plain = {name: made[name].cast(pa.string()) for name in names}  # dictionaries differ between batches
    order = pc.sort_indices(
        pa.table({WEEK: made[WEEK], **plain}), sort_keys=[(name, "ascending") for name in (WEEK, *names)]
    )
    return made.take(order)


def _picked(rows: pa.Table, monday: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Mask of the rows whose output wins the exponential race −log(u)/weight of its patient, week and version."""
    weight = rows["weight"].to_numpy().astype(np.float64) / GRID
    if (weight <= 0).any():
        raise SealedError("An output of weight zero or less counts nowhere; leave it out before sealing.")
    _, key = assign(rows["output_id"], seed)
    race = -np.log((key.astype(np.float64) + 0.5) / 2.0**63) / weight
    order = np.lexsort((key, race, _codes(rows["subject_id"]), _codes(rows["version"]), monday))
    place = np.stack([monday, _codes(rows["version"]), _codes(rows["subject_id"])])[:, order]
    first = np.r_[True, (place[:, 1:] != place[:, :-1]).any(axis=0)]
    winner = key[order][first][np.cumsum(first) - 1]
    chosen = np.zeros(len(order), bool)
    chosen[order] = key[order] == winner
    return chosen


def weekly_counts(
    sealed: pa.Table, monitor: Monitor, measure: Measure, *, columns: Sequence[str] = (), item: str = ""
) -> list[WeekCounts]:
    """The sealed weeks of every version, ascending: patients and events of one 0/1 measure by case mix.

    `columns` are the case-mix variables, outermost first. `item` names the finding where an output has several
    rows ("" where it has one).

    Raises SealedError where the measure is no share of 0/1 outcomes, or has no worse direction.
    """
    rows = _of_item(sealed, measure, item)
    if not rows.num_rows:
        return []
    n, bad = _outcomes(rows, monitor, measure)
    subject, version, week = _codes(rows["subject_id"]), rows["version"].cast(pa.string()).to_pylist(), rows[WEEK]
    place = np.stack([subject, _codes(rows["version"]), week.cast(pa.int32()).to_numpy()])[:, n > 0]
    if np.unique(place, axis=1).shape[1] != place.shape[1]:
        raise SealedError(
            f"Some patients have several rows of {measure.name} in a week; seal the rows first, and name one item."
        )
    levels = zip(*(rows[name].cast(pa.string()).to_pylist() for name in columns), strict=True) if columns else ()
    strata = list(levels) or [()] * rows.num_rows
    made: dict[tuple[date, str], dict[Stratum, list[int]]] = {}
    picked: dict[tuple[date, str], set[int]] = {}
    for monday, name, stratum, who, one, hit in zip(
        week.to_pylist(), version, strata, subject.tolist(), n.tolist(), bad.tolist(), strict=True
    ):
        picked.setdefault((monday, name), set()).add(who)
        cells = made.setdefault((monday, name), {})
        if one:
            cell = cells.setdefault(stratum, [0, 0])
            cell[0] += 1
            cell[1] += hit
    return [
        WeekCounts(monday, name, {s: (c[0], c[1]) for s, c in sorted(cells.items())}, len(picked[monday, name]))
        for (monday, name), cells in sorted(made.items())
    ]


def design_of(
    sealed: pa.Table, monitor: Monitor, measure: Measure, *, item: str = "", seed: int = 0
) -> intervals.Design:
    """Design effect of the rate over all the sealed weeks given: patients who stay on are in several of them.

    The larger of the jackknife over 256 patient groups, of 1 + ρ(m̃ − 1) with the correlation of these rows, and
    of 1; patients are taken as wholly alike where fewer than ten events leave the correlation unknown.

    Raises SealedError where nothing was measured, or as `weekly_counts` does.
    """
    totals = group_totals(sealed, monitor, measure, item=item, seed=seed)
    if not totals.any():
        raise SealedError(f"No sealed week has an output on which {measure.name} could be measured.")
    return design_of_groups(totals)


def group_totals(sealed: pa.Table, monitor: Monitor, measure: Measure, *, item: str = "", seed: int = 0) -> Floats:
    """Patients measured and with an event by patient group, summed over the sealed weeks given: (256, 2)."""
    rows = _of_item(sealed, measure, item)
    if not rows.num_rows:
        return np.zeros((GROUPS, 2))
    group, _ = assign(rows["subject_id"], seed)
    outcomes = _outcomes(rows, monitor, measure)
    return np.stack([np.bincount(group, weights=x, minlength=GROUPS) for x in outcomes], axis=1)


def design_of_groups(totals: Floats) -> intervals.Design:
    """The design effect of a share from totals (denominator, events) by patient group, of shape (256, 2)."""
    n, events = (float(x) for x in totals.sum(axis=0))
    if n <= 0:
        raise SealedError("Nothing was measured in these weeks: there is no rate to chart.")
    variance = intervals.share_variance(totals[:, 1], totals[:, 0])
    size = mean_cluster_size(totals[:, 0])
    few = min(events, n - events) < intervals.FEW_EVENTS
    rho = (
        float("nan")
        if few
        else intervals.intracluster_correlation(intervals.local_deff(variance, n, events), size)
    )
    return intervals.design(n, events, variance, size, rho)


def require_share(measure: Measure) -> None:
    """Raise SealedError for a measure that no chart can follow."""
    if measure.direction is Direction.AWAY_FROM_ZERO or measure.interval is not Interval.JEFFREYS:
        raise SealedError(
            f"{measure.name} is no share of outcomes with a worse direction; a chart of 0/1 outcomes needs one."
        )
    if math.isinf(measure.high):
        raise SealedError(_COUNTED.format(name=measure.name))


def _of_item(sealed: pa.Table, measure: Measure, item: str) -> pa.Table:
    """The rows of one finding, or all; raises SealedError for a measure that no chart can follow."""
    require_share(measure)
    return sealed if not item else sealed.filter(pc.equal(sealed["item"].cast(pa.string()), item))


def _outcomes(rows: pa.Table, monitor: Monitor, measure: Measure) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(0/1 measured, 0/1 bad outcome) of every row; a good outcome that hangs on the order of a tie is none."""
    (batch,) = rows.unify_dictionaries().combine_chunks().to_batches()
    made = monitor.contributions(batch)
    n, hits = (
        np.bincount(made.row[made.cell == cell], weights=made.value[made.cell == cell], minlength=rows.num_rows)
        for cell in (monitor.cells.index(measure.denominator), monitor.cells.index(measure.numerator))
    )
    if measure.tied and measure.direction is Direction.LOWER_IS_WORSE:
        hits = np.where(hits < n, 0, hits)
    if not (np.isin(n, (0, GRID)).all() and np.isin(hits, (0, GRID)).all() and (hits <= n).all()):
        raise SealedError(_COUNTED.format(name=measure.name))
    bad = n - hits if measure.direction is Direction.LOWER_IS_WORSE else hits
    return (n / GRID).astype(np.int64), (bad / GRID).astype(np.int64)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    encoded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
    codes: NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
