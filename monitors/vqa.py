"""Answers to questions about an image, against the reference's answers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, ratio, shares, status_is
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class VqaPerformance:
    """Answers to questions about an image; one row is one question.

    Accuracy is among answers that were given: abstentions and unparseable answers are shares of their own.
    """

    name: str = "vqa_performance"
    version: int = 1
    task: str = "vqa"
    cells: tuple[str, ...] = (
        "outputs", "unparseable", "abstention_known", "abstained", "answered", "correct", "closed_answered",
        "closed_correct", "open_answered", "open_correct", "yes_known", "said_yes", "truth_yes",
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        Measure(
            "accuracy", "Answers that are correct", "answers", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS,
            numerator="correct", denominator="answered",
        ),
        Measure(
            "accuracy_closed", "Yes/no answers that are correct", "answers", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.JEFFREYS, numerator="closed_correct", denominator="closed_answered",
        ),
        Measure(
            "accuracy_open", "Open answers that are correct", "answers", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.JEFFREYS, numerator="open_correct", denominator="open_answered",
        ),
        Measure(
            "abstention", "Questions the system declined", "questions", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="abstained", denominator="abstention_known", ceiling="watch",
        ),
        Measure(
            "unparseable_answers", "Answers that could not be parsed", "outputs", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="unparseable", denominator="outputs", ceiling="watch",
        ),
        Measure(
            "yes_bias", "Says yes more often than is true", "yes/no answers", -1, 1, Direction.AWAY_FROM_ZERO,
            Interval.NORMAL, denominator="yes_known", floor=50, ceiling="watch", unit="difference",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        closed, correct = numbers(batch, "closed"), numbers(batch, "correct")
        abstained, said, truth = (numbers(batch, n) for n in ("abstained", "answered_yes", "truth_yes"))
        add.count("outputs", ~status_is(batch, "awaiting"))
        add.count("unparseable", status_is(batch, "unparseable"))
        add.count("abstention_known", np.isfinite(abstained))
        add.count("abstained", abstained == 1)
        answered = status_is(batch, "judged") & np.isfinite(correct) & (abstained != 1)
        for prefix, rows in (
            ("", answered),
            ("closed_", answered & (closed == 1)),
            ("open_", answered & (closed == 0)),
        ):
            add.count(f"{prefix}answered", rows)
            add.count(f"{prefix}correct", rows & (correct == 1))
        both = answered & (closed == 1) & np.isfinite(said) & np.isfinite(truth)
        add.count("yes_known", both)
        add.count("said_yes", both & (said == 1))
        add.count("truth_yes", both & (truth == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of cells; yes-bias is P(says yes) − P(truth is yes) on the same questions."""
        values = shares(self, totals)
        at = {cell: totals[..., i] for i, cell in enumerate(self.cells)}
        values[..., 5] = ratio(at["said_yes"] - at["truth_yes"], at["yes_known"])
        return values


VQA_PERFORMANCE: Final = VqaPerformance()
