"""Answers to questions about an image, against the reference's answers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares, status_is
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class VqaPerformance:
    """Answers to questions about an image; one row is one question.

    Accuracy is among answers that were given: abstentions and unparseable answers are shares of their own.
    """

    name: str = "vqa_performance"
    version: int = 4
    task: str = "vqa"
    cells: tuple[str, ...] = (
        "outputs", "unparseable", "abstention_known", "abstained", "answered", "correct", "closed_answered",
        "closed_correct", "open_answered", "open_correct", "choice_answered", "choice_correct", "pairs",
        "pairs_correct",
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
            "accuracy_choice", "Questions with options that are answered with the right one", "answers", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="choice_correct",
            denominator="choice_answered",
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
            "pair_correct", "Pairs of questions that are both answered right", "pairs of questions", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="pairs_correct", denominator="pairs",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        closed, correct = numbers(batch, "closed"), numbers(batch, "correct")
        abstained = numbers(batch, "abstained")
        add.count("outputs", ~status_is(batch, "awaiting"))
        add.count("unparseable", status_is(batch, "unparseable"))
        add.count("abstention_known", np.isfinite(abstained))
        add.count("abstained", abstained == 1)
        answered = status_is(batch, "judged") & np.isfinite(correct) & (abstained != 1)
        pair = numbers(batch, "pair_correct")
        add.count("pairs", np.isfinite(pair))
        add.count("pairs_correct", pair == 1)
        for prefix, rows in (
            ("", answered),
            ("closed_", answered & (closed == 1)),
            ("open_", answered & (closed == 0)),
            ("choice_", answered & np.isnan(closed)),
        ):
            add.count(f"{prefix}answered", rows)
            add.count(f"{prefix}correct", rows & (correct == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every measure is a ratio of two cells."""
        return shares(self, totals)


VQA_PERFORMANCE: Final = VqaPerformance()
