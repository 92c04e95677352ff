"""Performance of a classifier against labels, per finding."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import LOGIT_BINS, Collector, logit_bin, numbers, ratio, shares, unit_interval
from monitors.groups import Floats
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

_CONFUSION: Final = ("true_positive", "false_negative", "true_negative", "false_positive")
POSITIVE_BINS: Final = tuple(f"positive_{i:03d}" for i in range(LOGIT_BINS))
NEGATIVE_BINS: Final = tuple(f"negative_{i:03d}" for i in range(LOGIT_BINS))


def auroc(positive: Floats, negative: Floats) -> Floats:
    """Area under the ROC curve from counts by score bin, shape (..., bins) → (...), NaN with one class only.

    Σ_b pos_b (neg_{<b} + ½ neg_b) / (pos · neg): the Mann–Whitney statistic, with ties within a bin halved, so
    that the value of the scores themselves is at most ½ Σ_b pos_b neg_b / (pos · neg) away. On 480 bins equal in
    logit(p) it was within .0003 on real scores (14 findings; that bound .001–.006).

    >>> float(auroc(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    1.0
    """
    below = np.cumsum(negative, axis=-1) - negative / 2
    return ratio((positive * below).sum(axis=-1), positive.sum(axis=-1) * negative.sum(axis=-1))


def average_precision(positive: Floats, negative: Floats) -> Floats:
    """Area under the precision–recall curve from counts by score bin, shape (..., bins) → (...).

    Average precision, a step function without interpolation as scikit-learn's, but with the rows of a bin in
    random order: Σ_b pos_b · π_b / pos, with π_b = [pos_{>b} + (pos_b + 1)/2] / [n_{>b} + (n_b + 1)/2]. NaN with
    one class only. On 480 bins equal in logit(p) it is within .001 of the exact value on real scores (14 findings
    with 27 to 2,092 positives among 11,627 images: at most .0007). Scores that say nothing have the prevalence as
    their value, so findings, or slices, of different prevalence do not compare.

    >>> float(average_precision(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    1.0
    """
    every = positive + negative
    true, passed = (np.cumsum(x[..., ::-1], axis=-1)[..., ::-1] - x for x in (positive, every))
    # a bin of one row is that row; weighted rows may add up to less than one
    true, passed = (a + (x + np.minimum(x, 1.0)) / 2 for a, x in ((true, positive), (passed, every)))
    precision = np.divide(true, passed, out=np.zeros(np.shape(every)), where=every > 0)
    values = np.minimum(ratio((positive * precision).sum(axis=-1), positive.sum(axis=-1)), 1.0)
    return np.where(negative.sum(axis=-1) > 0, values, np.nan)


def f1_of(jaccard: Floats) -> Floats:
    """F1 = 2J/(1 + J) of J = TP/(TP + FP + FN), which is a share of rows and so has the interval of one."""
    made: Floats = 2 * jaccard / (1 + jaccard)
    return made


def jaccard_of(f1: Floats) -> Floats:
    """J = F1/(2 − F1): the inverse of `f1_of`."""
    made: Floats = f1 / (2 - f1)
    return made


@dataclass(frozen=True, slots=True)
class Performance:
    """A classifier against labels; one row is one (output, finding).

    Sensitivity, specificity, predictive values, F1 and balanced accuracy are of the system's own decisions; the
    areas are of its probabilities. Item "" pools the rows of all findings (micro average); the mean over findings
    is in `monitors.macro`.
    """

    name: str = "performance"
    version: int = 2
    task: str = "classification"
    cells: tuple[str, ...] = (
        "labelled", "labelled_positive", "decided", "flagged", "sick_decided", "healthy_decided",
        *_CONFUSION, "decided_labelled", "flagged_labelled", "clear_labelled", "sick_or_flagged",
        "scored_positive", "scored_negative", *POSITIVE_BINS, *NEGATIVE_BINS,
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        Measure(
            "sensitivity", "Sensitivity", "labelled positives", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS,
            numerator="true_positive", denominator="sick_decided",
        ),
        Measure(
            "specificity", "Specificity", "labelled negatives", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS,
            numerator="true_negative", denominator="healthy_decided",
        ),
        Measure(
            "auroc", "Area under the ROC curve", "labelled images", 0, 1, Direction.LOWER_IS_WORSE, Interval.LOGIT,
            numerator="scored_positive", denominator="scored_negative", floor=20, unit="score", scope="item",
        ),
        Measure(
            "prevalence", "Share labelled positive", "labelled images", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="labelled_positive", denominator="labelled", ceiling="watch",
        ),
        Measure(
            "flagged", "Share the system flags", "decisions", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="flagged", denominator="decided", ceiling="watch",
        ),
        Measure(
            "ppv", "Positive predictive value", "flagged and labelled", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.JEFFREYS, numerator="true_positive", denominator="flagged_labelled",
        ),
        Measure(
            "npv", "Negative predictive value", "not flagged and labelled", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.JEFFREYS, numerator="true_negative", denominator="clear_labelled",
        ),
        Measure(
            "f1", "F1 score", "labelled positive or flagged", 0, 1, Direction.LOWER_IS_WORSE, Interval.F1,
            numerator="true_positive", denominator="sick_or_flagged", unit="score", ceiling="watch",
        ),
        Measure(
            "balanced_accuracy", "Balanced accuracy", "decisions on labelled images", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.MOVER, denominator="decided_labelled",
            parts=("sensitivity", "specificity"), ceiling="watch",
        ),
        Measure(
            "auprc", "Area under the precision–recall curve", "labelled images", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.LOGIT, numerator="scored_positive", denominator="scored_negative", floor=20, unit="score",
            scope="item", ceiling="watch",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. A missing label, decision or probability is in no cell that needs it."""
        add = Collector(self.cells)
        label, decision = numbers(batch, "label"), numbers(batch, "decision")
        probability = unit_interval(numbers(batch, "probability"), "probability")
        sick, healthy, yes, no = label == 1, label == 0, decision == 1, decision == 0
        add.count("labelled", sick | healthy)
        add.count("labelled_positive", sick)
        add.count("decided", yes | no)
        add.count("flagged", yes)
        add.count("sick_decided", sick & (yes | no))
        add.count("healthy_decided", healthy & (yes | no))
        for cell, rows in zip(_CONFUSION, (sick & yes, sick & no, healthy & no, healthy & yes), strict=True):
            add.count(cell, rows)
        both = (sick | healthy) & (yes | no)
        add.count("decided_labelled", both)
        add.count("flagged_labelled", both & yes)
        add.count("clear_labelled", both & no)
        add.count("sick_or_flagged", both & (sick | yes))
        scored, bins = np.isfinite(probability), logit_bin(probability)
        add.count("scored_positive", sick & scored)
        add.count("scored_negative", healthy & scored)
        add.bins(POSITIVE_BINS[0], bins, sick & scored)
        add.bins(NEGATIVE_BINS[0], bins, healthy & scored)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of cells, what is made of them, and both areas from the two histograms."""
        values = shares(self, totals)
        at = {measure.name: i for i, measure in enumerate(self.measures)}
        first = self.cells.index(POSITIVE_BINS[0])
        positive = totals[..., first : first + LOGIT_BINS]
        negative = totals[..., first + LOGIT_BINS : first + 2 * LOGIT_BINS]
        values[..., at["auroc"]] = auroc(positive, negative)
        values[..., at["auprc"]] = average_precision(positive, negative)
        values[..., at["f1"]] = f1_of(values[..., at["f1"]])
        values[..., at["balanced_accuracy"]] = (
            values[..., at["sensitivity"]] + values[..., at["specificity"]]
        ) / 2
        return values


PERFORMANCE: Final = Performance()
