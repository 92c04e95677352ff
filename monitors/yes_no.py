"""Yes/no questions as a detection task: does the system see what is there, or does it like to say yes?

Questions such as "Is there a pneumothorax?" whose truth is known (POPE; Li et al., EMNLP 2023). Accuracy alone
rewards a system that leans to the commoner answer; signal detection theory (Macmillan and Creelman 2005) takes
the lean (criterion) and the sensitivity to the image (d′) apart.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from monitors.columns import Collector, numbers, ratio, shares, status_is
from monitors.groups import Floats
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

#: |z| of (k + ½)/(n + 1) stays below this for every n that a tally can hold.
_LARGEST_Z: Final = 12.0


def signal_detection(hits: Floats, present: Floats, false_alarms: Floats, absent: Floats) -> tuple[Floats, Floats]:
    """(d′, criterion) from counts of any shape; NaN where no question of one kind was asked.

    d′ = z(H) − z(F) and c = −½[z(H) + z(F)], with H = (hits + ½)/(present + 1) and F likewise, so that a perfect
    rate stays finite (Hautus 1995). d′ = 0: answers have nothing to do with the truth. c < 0: leans to yes.

    >>> d, c = signal_detection(np.array(90.0), np.array(100.0), np.array(90.0), np.array(100.0))
    >>> float(d), float(c) < 0
    (0.0, True)
    """
    asked = (present > 0) & (absent > 0)
    hit = special.ndtri(np.where(asked, (hits + 0.5) / (present + 1), np.nan))
    alarm = special.ndtri(np.where(asked, (false_alarms + 0.5) / (absent + 1), np.nan))
    return hit - alarm, -(hit + alarm) / 2


@dataclass(frozen=True, slots=True)
class YesNo:
    """Sums over answered yes/no questions with a known truth; one row is one question."""

    name: str = "yes_no"
    version: int = 1
    task: str = "vqa"
    cells: tuple[str, ...] = ("asked", "present", "absent", "hits", "correct_rejections", "said_yes")
    measures: tuple[Measure, ...] = (
        Measure(
            "yes_sensitivity", "Questions about something present that are answered yes", "questions", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="hits", denominator="present",
        ),
        Measure(
            "yes_specificity", "Questions about something absent that are answered no", "questions", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="correct_rejections", denominator="absent",
        ),
        Measure(
            "yes_precision", "Answers yes that are right", "answers yes", 0, 1, Direction.LOWER_IS_WORSE,
            Interval.JEFFREYS, numerator="hits", denominator="said_yes",
        ),
        Measure(
            "yes_ratio", "Questions answered yes", "yes/no answers", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="said_yes", denominator="asked", ceiling="watch",
        ),
        Measure(
            "yes_f1", "F1 of the answer yes", "yes/no answers", 0, 1, Direction.LOWER_IS_WORSE, Interval.NORMAL,
            denominator="asked", floor=50, ceiling="watch", unit="score",
        ),
        Measure(
            "d_prime", "Sensitivity to the image, d′ (0: answers as if blind)", "yes/no answers", -2 * _LARGEST_Z,
            2 * _LARGEST_Z, Direction.LOWER_IS_WORSE, Interval.PROBIT, denominator="asked", floor=50,
            ceiling="watch", unit="score", parts=("yes_sensitivity", "yes_specificity"),
        ),
        Measure(
            "criterion", "Lean of the answers, criterion c (below 0: to yes)", "yes/no answers", -_LARGEST_Z,
            _LARGEST_Z, Direction.AWAY_FROM_ZERO, Interval.LEAN, denominator="asked", floor=50,
            ceiling="watch", unit="score", parts=("yes_specificity", "yes_sensitivity"),
        ),
        Measure(
            "yes_bias", "Says yes more often than is true", "yes/no answers", -1, 1, Direction.AWAY_FROM_ZERO,
            Interval.NORMAL, denominator="asked", floor=50, ceiling="watch", unit="difference",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Abstentions and unreadable answers are in no cell."""
        add = Collector(self.cells)
        said, truth, closed = (numbers(batch, name) for name in ("answered_yes", "truth_yes", "closed"))
        declined = numbers(batch, "abstained") == 1
        asked = status_is(batch, "judged") & (closed == 1) & np.isfinite(said) & np.isfinite(truth) & ~declined
        for cell, rows in (
            ("asked", asked),
            ("present", asked & (truth == 1)),
            ("absent", asked & (truth == 0)),
            ("hits", asked & (truth == 1) & (said == 1)),
            ("correct_rejections", asked & (truth == 0) & (said == 0)),
            ("said_yes", asked & (said == 1)),
        ):
            add.count(cell, rows)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of cells; F1 = 2·hits/(present + said yes); d′ and c as in `signal_detection`.

        Yes-bias is P(says yes) − P(truth is yes) on the same questions.
        """
        values = shares(self, totals)
        at = {cell: totals[..., i] for i, cell in enumerate(self.cells)}
        values[..., 4] = ratio(2 * at["hits"], at["present"] + at["said_yes"])
        false_alarms = at["absent"] - at["correct_rejections"]
        values[..., 5], values[..., 6] = signal_detection(at["hits"], at["present"], false_alarms, at["absent"])
        values[..., 7] = ratio(at["said_yes"] - at["present"], at["asked"])
        return values


YES_NO: Final = YesNo()
