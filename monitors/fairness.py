"""Fairness: underdiagnosis over the findings of an image, and fairlearn's group metrics on weighted counts.

Differences between the best and the worst group are positive without any bias: they are shown, never alerted on.
What alerts is a slice against the rest, `monitors.frame.gaps`, for any measure of any monitor.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares
from monitors.measurement import Direction, Interval, Measure, Slice
from monitors.monitor import Contributions
from monitors.performance import PERFORMANCE
from monitors.selection import select
from monitors.tally import Tally

_CONFUSION: Final = ("true_positive", "false_negative", "true_negative", "false_positive")


@dataclass(frozen=True, slots=True)
class Underdiagnosis:
    """Images called clear though something is there, and the reverse (Seyyed-Kalantari et al. 2021).

    An image has a finding if any label is 1, and none only if all labels are 0; decisions likewise. With labels
    or decisions missing it may be neither, and is then in no cell. All rows of an output must be in one batch:
    the output counts once, on the row of its first item.
    """

    name: str = "underdiagnosis"
    version: int = 1
    task: str = "classification"
    cells: tuple[str, ...] = ("sick", "called_clear", "healthy", "called_sick")
    measures: tuple[Measure, ...] = (
        Measure(
            "underdiagnosis", "Images with a finding that were called clear", "images with a finding", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="called_clear", denominator="sick",
            scope="whole",
        ),
        Measure(
            "overdiagnosis", "Images without a finding that were flagged", "images without a finding", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="called_sick", denominator="healthy",
            ceiling="watch", scope="whole",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`; the rows of `batch` are whole outputs."""
        output = pc.dictionary_encode(batch.column("output_id")).indices.to_numpy(zero_copy_only=False)
        count = int(output.max()) + 1 if len(output) else 0
        label = _any(numbers(batch, "label"), output, count)[output]
        decision = _any(numbers(batch, "decision"), output, count)[output]
        bears = _first_item(batch, output)
        add = Collector(self.cells)
        sick, healthy = bears & (label == 1) & np.isfinite(decision), bears & (label == 0) & np.isfinite(decision)
        add.count("sick", sick)
        add.count("called_clear", sick & (decision == 0))
        add.count("healthy", healthy)
        add.count("called_sick", healthy & (decision == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Both measures are ratios of two cells."""
        return shares(self, totals)


UNDERDIAGNOSIS: Final = Underdiagnosis()


def _any(values: NDArray[np.float64], owner: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """By owner: 1 if any value is 1, 0 if all are 0, NaN where missing values leave it open (Kleene's or)."""
    ones = np.bincount(owner, weights=values == 1, minlength=count)
    missing = np.bincount(owner, weights=np.isnan(values), minlength=count)
    return np.where(ones > 0, 1.0, np.where(missing > 0, np.nan, 0.0))


def _first_item(batch: pa.RecordBatch, output: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The row of each output whose item comes first by name: the same whatever the order of rows."""
    item = pc.rank(batch.column("item").cast(pa.string()), sort_keys="ascending", tiebreaker="dense")
    order = np.lexsort((item.to_numpy(zero_copy_only=False), output))
    first = np.ones(len(output), bool)
    first[1:] = output[order][1:] != output[order][:-1]
    bears = np.zeros(len(output), bool)
    bears[order[first]] = True
    return bears


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Point values of one group; NaN where it has none of what is needed."""

    value: str
    n: float
    selection_rate: float
    true_positive_rate: float
    false_positive_rate: float


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Group metrics of one attribute: shown, never alerted on. A difference is NaN if any group has no value."""

    attribute: str
    groups: tuple[GroupRow, ...]
    demographic_parity_difference: float
    equalized_odds_difference: float
    note: str


def group_metrics(tally: Tally, attribute: str, *, version: str, item: str = "") -> GroupMetrics:
    """fairlearn's MetricFrame on the weighted confusion cells of a performance tally.

    Only rows with a label and a decision count. Raises TallyError when the tally has no such attribute.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    values, counts = [], []
    for value in tally.values(attribute):
        mask = select(tally, Slice(((attribute, value),)), version=version, item=item)
        sums = tally.group_totals(mask).sum(axis=0)
        cells = [float(sums[PERFORMANCE.cells.index(c)]) for c in _CONFUSION]
        if sum(cells) > 0:
            values.append(value)
            counts.append(cells)
    if not values:
        return GroupMetrics(attribute, (), math.nan, math.nan, "no row has both a label and a decision")
    weight = np.array(counts)
    truth, decision = np.tile([1, 1, 0, 0], len(values)), np.tile([1, 0, 0, 1], len(values))
    group = np.repeat(np.arange(len(values)), 4)
    kept = weight.ravel() > 0
    weights = {"sample_weight": weight.ravel()[kept]}
    made = MetricFrame(
        metrics={"selection": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate},
        y_true=truth[kept],
        y_pred=decision[kept],
        sensitive_features=group[kept],
        sample_params={"selection": weights, "tpr": weights, "fpr": weights},
    ).by_group
    sick, healthy = weight[:, 0] + weight[:, 1], weight[:, 2] + weight[:, 3]
    selection = made["selection"].to_numpy(float)
    # fairlearn reads a rate without any case as 0, which would make the unmeasurable look fair
    tpr = np.where(sick > 0, made["tpr"].to_numpy(float), np.nan)
    fpr = np.where(healthy > 0, made["fpr"].to_numpy(float), np.nan)
    rows = tuple(
        GroupRow(v, float(w.sum()), float(s), float(t), float(f))
        for v, w, s, t, f in zip(values, weight, selection, tpr, fpr, strict=True)
    )
    odds = (
        max(float(np.ptp(tpr)), float(np.ptp(fpr)))
        if np.isfinite(tpr).all() and np.isfinite(fpr).all()
        else math.nan
    )
    note = "" if math.isfinite(odds) else "a group without positives or negatives cannot be called fair"
    return GroupMetrics(attribute, rows, float(np.ptp(selection)), odds, note)
