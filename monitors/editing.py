"""What became of drafts: signed as they were, or how much of them was rewritten."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, ratio, shares, unit_interval
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class Editing:
    """Drafts whose final text is known to be made from them (the radiologist saw the draft).

    `edited` is the share of words that were changed: the word edit distance over the longer of both texts. An
    accepted draft may still be wrong, and a rewritten one right: this is use, not truth, and never `act`.
    """

    name: str = "editing"
    version: int = 1
    task: str = "report"
    cells: tuple[str, ...] = ("final_known", "unchanged", "edited")
    measures: tuple[Measure, ...] = (
        Measure(
            "acceptance", "Drafts that were signed without a change", "drafts with their final text", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="unchanged", denominator="final_known",
            ceiling="watch",
        ),
        Measure(
            "edit_distance", "Share of a draft's words that were changed before signing",
            "drafts with their final text", 0, 1, Direction.HIGHER_IS_WORSE, Interval.NORMAL,
            numerator="edited", denominator="final_known", floor=50, ceiling="watch",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        edited = unit_interval(numbers(batch, "edited"), "edited")
        known = np.isfinite(edited)
        add.count("final_known", known)
        add.count("unchanged", edited == 0)
        add.sum("edited", edited, known)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """A share, and the mean of the shares of words."""
        values = shares(self, totals)
        values[..., 1] = ratio(totals[..., 2], totals[..., 0])
        return values


EDITING: Final = Editing()
