"""Consistency: whether a question in other words, in another order or asked again gets the same meaning; and what
is not there: false premises, and a right option that is missing.

Discrete semantic entropy (Farquhar et al. 2024): answers of one meaning are one cluster, p(C) = |C|/N, and
−Σ p log p is divided by log N, so that 0 is one meaning and 1 as many meanings as answers.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


def semantic_entropy(meanings: Sequence[Hashable]) -> tuple[float, float]:
    """Entropy of the meanings over its maximum log N, and the share of the most frequent meaning.

    NaN for fewer than two answers.

    >>> semantic_entropy(["yes", "yes", "no", "no"])
    (0.5, 0.5)
    """
    count = len(meanings)
    if count < 2:
        return math.nan, math.nan
    shares = np.array(sorted(Counter(meanings).values()), np.float64) / count
    entropy = float(-(shares * np.log(shares)).sum() / math.log(count))
    return max(0.0, min(1.0, entropy)), float(shares[-1])


@dataclass(frozen=True, slots=True)
class Consistency:
    """Sums over probes (schema ``probe`` of `monitors.judged`): paraphrases, options, samples, false premises."""

    name: str = "consistency"
    version: int = 2
    task: str = "probe"
    cells: tuple[str, ...] = (
        "paraphrased", "same", "sampled", "entropy", "agreeing", "premises", "rejected", "cropped", "cropped_same",
        "reordered", "reordered_same", "replaced", "none_chosen",
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        Measure(
            "paraphrase_agreement", "Answers that mean the same when the question is put in other words",
            "answers", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="same",
            denominator="paraphrased", ceiling="watch", scope="whole",
        ),
        Measure(
            "semantic_entropy", "Entropy of meanings of one question asked several times", "questions", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="entropy", denominator="sampled",
            ceiling="watch", unit="score", scope="whole",
        ),
        Measure(
            "samples_agreeing", "Answers to one question that mean what most of them mean", "questions", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="agreeing", denominator="sampled",
            ceiling="watch", scope="whole",
        ),
        Measure(
            "false_premise_rejected", "Questions about an absent finding whose premise is rejected", "questions",
            0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="rejected", denominator="premises",
            scope="whole",
        ),
        Measure(
            "same_option_reordered", "Choices that stay the same when the options stand in another order",
            "answers", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="reordered_same",
            denominator="reordered", ceiling="watch", scope="whole",
        ),
        Measure(
            "none_of_the_above_chosen", "Questions without their right option where none of the above is chosen",
            "questions", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="none_chosen",
            denominator="replaced", scope="whole",
        ),
        Measure(
            "unchanged_cropped", "Answers that stay the same when only the middle of the image is shown",
            "answers", 0, 1, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="cropped_same",
            denominator="cropped", ceiling="watch", scope="whole",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        probe = batch.column("probe").cast(pa.string()).to_numpy(zero_copy_only=False)
        same, entropy, agreeing, rejected = (
            numbers(batch, name) for name in ("same", "entropy", "agreeing", "rejected")
        )
        for name, cell, kept in (
            ("paraphrase", "paraphrased", "same"),
            ("cropped", "cropped", "cropped_same"),
            ("option order", "reordered", "reordered_same"),
        ):
            add.count(cell, (probe == name) & np.isfinite(same))
            add.count(kept, (probe == name) & (same == 1))
        sampled = (probe == "samples") & np.isfinite(entropy)
        add.count("sampled", sampled)
        add.sum("entropy", entropy, sampled)
        add.sum("agreeing", agreeing, sampled)
        for name, cell, kept in (
            ("false premise", "premises", "rejected"),
            ("none of the above", "replaced", "none_chosen"),
        ):
            add.count(cell, (probe == name) & np.isfinite(rejected))
            add.count(kept, (probe == name) & (rejected == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of two cells."""
        return shares(self, totals)


CONSISTENCY: Final = Consistency()
