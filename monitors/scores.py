"""Sums over a classifier's probabilities with and without labels: what estimation and shifts of labels are read
from.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import LOGIT_BINS, Collector, logit_bin, numbers, unit_interval
from monitors.groups import Floats
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

#: Histograms on the logit grid: by the system's decision (labelled or not), of labelled rows, of their positives.
BLOCKS: Final = ("flagged", "clear", "undecided", "labelled", "event")
_CONFUSION: Final = ("true_positive", "false_negative", "true_negative", "false_positive")


def _estimated(name: str, title: str, counted: str, denominator: str, unit: str = "share") -> Measure:
    return Measure(
        f"estimated_{name}", f"{title} (estimated)", counted, 0, 1, Direction.LOWER_IS_WORSE, Interval.NONE,
        denominator=denominator, floor=100, ceiling="watch", unit=unit, scope="item",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scores:
    """Histograms of probabilities by decision and by label, per finding; one row is one (output, finding).

    Rows without label count among `flagged`, `clear` and `undecided` as those with one do; `labelled` and `event`
    are of the rows that have both probability and label. The confusion cells need label and decision.
    """

    name: str = "scores"
    version: int = 1
    task: str = "classification"
    cells: tuple[str, ...] = (
        "scored", "decided", *_CONFUSION, *(f"{block}_{i:03d}" for block in BLOCKS for i in range(LOGIT_BINS)),
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        _estimated("sensitivity", "Sensitivity", "decisions", "decided"),
        _estimated("specificity", "Specificity", "decisions", "decided"),
        _estimated("accuracy", "Decisions that are correct", "decisions", "decided"),
        _estimated("auroc", "Area under the ROC curve", "scores", "scored", unit="score"),
        _estimated("prevalence", "Share that is positive", "scores", "scored"),
    )

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Rows without a probability are in the confusion cells only."""
        add = Collector(self.cells)
        label, decision = numbers(batch, "label"), numbers(batch, "decision")
        probability = unit_interval(numbers(batch, "probability"), "probability")
        scored, bins = np.isfinite(probability), logit_bin(probability)
        yes, no, sick, healthy = decision == 1, decision == 0, label == 1, label == 0
        add.count("scored", scored)
        add.count("decided", scored & (yes | no))
        for cell, rows in zip(_CONFUSION, (sick & yes, sick & no, healthy & no, healthy & yes), strict=True):
            add.count(cell, rows)
        for block, rows in zip(BLOCKS, (yes, no, ~yes & ~no, sick | healthy, sick), strict=True):
            add.bins(f"{block}_000", bins, scored & rows)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimates need the reference window too, so a level has none: see `monitors.estimation`."""
        return np.full((*totals.shape[:-1], len(self.measures)), np.nan)

    def block(self, totals: Floats, name: str) -> Floats:
        """One histogram of totals (..., cells), of shape (..., 480)."""
        first = self.cells.index(f"{name}_000")
        histogram: Floats = totals[..., first : first + LOGIT_BINS]
        return histogram

    def confusion(self, totals: Floats) -> Floats:
        """True positives, false negatives, true negatives, false positives, of shape (..., 4)."""
        first = self.cells.index(_CONFUSION[0])
        counts: Floats = totals[..., first : first + 4]
        return counts


SCORES: Final = Scores()
