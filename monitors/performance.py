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

    Σ_b pos_b (neg_{<b} + ½ neg_b) / (pos · neg): the Mann–Whitney statistic, with ties within a bin halved.
    On 480 bins equal in logit(p) it is within .002 of the exact value on real scores.

    >>> float(auroc(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    1.0
    """
    below = np.cumsum(negative, axis=-1) - negative / 2
    return ratio((positive * below).sum(axis=-1), positive.sum(axis=-1) * negative.sum(axis=-1))


@dataclass(frozen=True, slots=True)
class Performance:
    """A classifier against labels; one row is one (output, finding).

    Sensitivity and specificity are of the system's own decisions; the AUROC is of its probabilities.
    """

    name: str = "performance"
    version: int = 1
    task: str = "classification"
    cells: tuple[str, ...] = (
        "labelled", "labelled_positive", "decided", "flagged", "sick_decided", "healthy_decided",
        *_CONFUSION, "scored_positive", "scored_negative", *POSITIVE_BINS, *NEGATIVE_BINS,
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
        scored, bins = np.isfinite(probability), logit_bin(probability)
        add.count("scored_positive", sick & scored)
        add.count("scored_negative", healthy & scored)
        add.bins(POSITIVE_BINS[0], bins, sick & scored)
        add.bins(NEGATIVE_BINS[0], bins, healthy & scored)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of cells, and the AUROC from the two histograms."""
        values = shares(self, totals)
        first = self.cells.index(POSITIVE_BINS[0])
        positive = totals[..., first : first + LOGIT_BINS]
        negative = totals[..., first + LOGIT_BINS : first + 2 * LOGIT_BINS]
        values[..., 2] = auroc(positive, negative)
        return values


PERFORMANCE: Final = Performance()
