"""Agreement of two judgements of the same thing: a judge with itself, two judges, a judge with a reviewer.

One row is one thing judged twice, yes or no, with `item` naming what was asked ("contradicted": does the report
contain a contradicted finding?). Three numbers, because none suffices: the plain share flatters when one answer
is rare, kappa falls to nothing when one answer is rare though the judges hardly differ, and AC1 lies between.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors import frame, intervals
from monitors.columns import Collector, JudgedError, Mask, numbers, ratio, shares, status_is
from monitors.cut import Cut
from monitors.groups import Floats, jackknife_degrees
from monitors.levels import Desk
from monitors.measurement import Direction, Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Contributions
from monitors.tally import Tally

CELLS: Final = ("asked", "unpaired", "pairs", "agreed", "first_yes", "second_yes")
_ALPHA: Final = 0.05
_NEVER_NARROWER: Final = f"{Interval.NORMAL.value}, and no narrower than Jeffreys on the share of agreement"
_ALL_ALIKE: Final = "both said the same one thing throughout: there is no kappa"


def cohen_kappa(pairs: Floats, agreed: Floats, first_yes: Floats, second_yes: Floats) -> Floats:
    """Cohen's kappa of two yes-or-no judgements from counts of any one shape; NaN where it is not defined.

    κ = (p_o − p_e)/(1 − p_e) with p_o the share of agreement and p_e = p₁p₂ + (1 − p₁)(1 − p₂), where p₁ and p₂
    are each judge's share of yes (Cohen 1960). Undefined when both said the same one thing throughout.

    >>> cohen_kappa(*(np.array([x]) for x in (100.0, 70.0, 60.0, 50.0))).round(3).tolist()
    [0.4]
    """
    return beyond_chance(ratio(agreed, pairs), _chance_by_judge(pairs, first_yes, second_yes))


def gwet_ac1(pairs: Floats, agreed: Floats, first_yes: Floats, second_yes: Floats) -> Floats:
    """Gwet's AC1 from counts of any one shape; NaN without pairs.

    (p_o − p_e)/(1 − p_e) with p_e = 2π(1 − π) and π the mean share of yes of both judges (Gwet 2008).

    >>> gwet_ac1(*(np.array([x]) for x in (100.0, 100.0, 0.0, 0.0))).tolist()
    [1.0]
    """
    return beyond_chance(ratio(agreed, pairs), _chance_pooled(pairs, first_yes, second_yes))


def beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """(p_o − p_e)/(1 − p_e) within [−1, 1]; NaN where chance alone would agree always."""
    # a rounding error away from 1 is 1: there p₁ = p₂ = 0 or 1 exactly, and nothing is left to agree on
    left = np.where(1 - expected > 1e-12, 1 - expected, np.nan)
    values: Floats = np.clip((observed - expected) / left, -1.0, 1.0)
    return values


def _chance_by_judge(pairs: Floats, first_yes: Floats, second_yes: Floats) -> Floats:
    p1, p2 = ratio(first_yes, pairs), ratio(second_yes, pairs)
    expected: Floats = p1 * p2 + (1 - p1) * (1 - p2)
    return expected


def _chance_pooled(pairs: Floats, first_yes: Floats, second_yes: Floats) -> Floats:
    either = ratio(first_yes + second_yes, 2 * pairs)
    expected: Floats = 2 * either * (1 - either)
    return expected


def agreement_measures(who: str, title: str) -> tuple[Measure, ...]:
    """Share of agreement, kappa, AC1 and the share of missing pairs, named and titled after who is compared."""
    return (
        Measure(
            f"{who}_agreement", f"{title}: share of agreement", "pairs of judgements", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS,
            numerator="agreed", denominator="pairs", ceiling="watch", scope="item",
        ),
        *(
            Measure(
                f"{who}_{name}", f"{title}: {said}", "pairs of judgements", -1, 1,
                Direction.LOWER_IS_WORSE, Interval.NORMAL,
                denominator="pairs", floor=50, ceiling="watch", unit="score", scope="item",
            )
            for name, said in (("kappa", "Cohen's kappa"), ("ac1", "Gwet's AC1"))
        ),
        Measure(
            f"{who}_missing", f"{title}: pairs with a missing judgement", "pairs asked for", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS,
            numerator="unpaired", denominator="asked", ceiling="watch", scope="item",
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreement:
    """Sums over pairs of judgements (schema ``agreement`` of `monitors.judged`), for one kind of comparison.

    A pair of which a judgement is missing is in no rate of agreement; it is counted in `missing`. Kappa of
    items taken together would mix rare with frequent ones, so every measure is of one item.
    """

    name: str
    measures: tuple[Measure, ...]
    version: int = 1
    task: str = "agreement"
    cells: tuple[str, ...] = CELLS

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Raises JudgedError when a judgement is neither 0, 1 nor missing."""
        add = Collector(self.cells)
        first, second, paired = judged_pairs(batch)
        asked = ~status_is(batch, "awaiting")
        add.count("asked", asked)
        add.count("unpaired", asked & ~paired)
        add.count("pairs", paired)
        add.count("agreed", paired & (first == second))
        add.count("first_yes", paired & (first == 1))
        add.count("second_yes", paired & (second == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Two shares, kappa and AC1."""
        values = shares(self, totals)
        counts = [totals[..., CELLS.index(c)] for c in ("pairs", "agreed", "first_yes", "second_yes")]
        values[..., 1] = cohen_kappa(*counts)
        values[..., 2] = gwet_ac1(*counts)
        return values


def judged_pairs(batch: pa.RecordBatch) -> tuple[Floats, Floats, Mask]:
    """Both judgements of each row (NaN: missing), and which rows were asked and have both.

    Raises JudgedError when a judgement is neither 0, 1 nor missing.
    """
    first, second = numbers(batch, "first"), numbers(batch, "second")
    for column in (first, second):
        if (np.isfinite(column) & (column != 0) & (column != 1)).any():
            raise JudgedError("Columns 'first' and 'second' of a pair of judgements hold 0, 1 or null.")
    return first, second, ~status_is(batch, "awaiting") & np.isfinite(first) & np.isfinite(second)


REPEATS: Final = Agreement("agreement_repeats", agreement_measures("repeat", "The judge with itself, asked again"))
JUDGES: Final = Agreement("agreement_judges", agreement_measures("judge", "The judge with a second judge"))
FROZEN: Final = Agreement(
    "agreement_frozen", agreement_measures("frozen", "The judge now with what it first said of its frozen set")
)


def measure(
    monitor: Agreement, tally: Tally, *, version: str, window: Window, items: Sequence[str] = ()
) -> list[Measurement]:
    """Every measure of each item (default: all in the tally), with limits that hold near full agreement.

    The design effect of the shares comes from the pairs themselves, for there is no larger tally to take it from;
    what that leaves uncertain is in the limits, which have t instead of z (`_with_t`). The jackknife of kappa and
    AC1 sees no variance where no pair disagrees, and little where few do. Their limits therefore reach at least
    as far as those of the share of agreement with chance agreement held at its estimate: (p − p_e)/(1 − p_e) at
    both Jeffreys limits p. They share its effective n.
    """
    desk, rows = Desk(monitor, tally, version), []
    for item in items or tally.values("item"):
        found = frame.measure(desk, [Slice()], items=[item], window=window)
        cut = desk.cuts.inside(Slice(), item)
        share, kappa, ac1, missing = (
            _with_t(row, one, cut, index) if one.interval is Interval.JEFFREYS else row
            for index, (row, one) in enumerate(zip(found, monitor.measures, strict=True))
        )
        counted = [cut.cell(c).sum(keepdims=True) for c in ("pairs", "first_yes", "second_yes")]
        kappa = _widened(kappa, share, _chance_by_judge(*counted))
        rows += [share, kappa, _widened(ac1, share, _chance_pooled(*counted)), missing]
    return rows


def _with_t(row: Measurement, one: Measure, cut: Cut, index: int) -> Measurement:
    """A share with its design effect (t/z)² times as large, t on the degrees of freedom of its jackknife.

    Where few pairs differ, the design effect is assumed and not estimated (`intervals.design`), and stays.
    """
    if not min(row.events, row.n - row.events) >= intervals.FEW_EVENTS:
        return row
    degrees = jackknife_degrees(cut.without[:, index], intervals.filled_groups(cut.cell(one.denominator)))
    deff = row.deff * (intervals.t_of(_ALPHA, degrees) / intervals.z_of(_ALPHA)) ** 2
    low, high = intervals.jeffreys(row.events, row.n, deff, _ALPHA)
    return replace(row, low=low, high=high, n_eff=row.n / deff, deff=deff)


def _widened(one: Measurement, share: Measurement, expected: Floats) -> Measurement:
    if not math.isfinite(one.value):
        return replace(one, note=_ALL_ALIKE) if one.n > 0 else one
    by_share = beyond_chance(np.array([share.low, share.high]), expected)
    low, high = np.nanmin([one.low, by_share[0]]), np.nanmax([one.high, by_share[1]])
    note = "" if one.patients > 1 else one.note
    return replace(
        one,
        low=float(low),
        high=float(high),
        n_eff=share.n_eff,
        deff=share.deff,
        interval=_NEVER_NARROWER,
        note=note,
    )
