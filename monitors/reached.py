"""Harm first: errors of a draft that stand in the report that was signed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class Reached:
    """Drafts whose signed report is known, beside a reference that is independent of both.

    `reached` is 1 where a clinically significant finding that the independent reference denies is asserted by the
    draft and still by the report signed with that draft in view; 0 where the signed report holds no such error of
    the draft, be it that the radiologist took it out or that there was none; null where either text is not known.
    An error that was signed can have harmed somebody; one that was taken out cost time.
    """

    name: str = "reached"
    version: int = 1
    task: str = "report"
    cells: tuple[str, ...] = ("signed_known", "reached")
    measures: tuple[Measure, ...] = (
        Measure(
            "reached_reports", "Signed reports that hold a clinically significant error of the draft",
            "signed reports", 0, 1, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS,
            numerator="reached", denominator="signed_known",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        reached = numbers(batch, "reached")
        add.count("signed_known", np.isfinite(reached))
        add.count("reached", reached == 1)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of signed reports."""
        return shares(self, totals)


REACHED: Final = Reached()
