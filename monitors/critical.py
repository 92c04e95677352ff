"""Critical findings: what must not be missed, and whether it was flagged in time."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class Critical:
    """Flags of the findings that the settings call critical; one row is one (output, finding).

    Both shares are of images that have the finding, so a system that flags late is no better than one that
    misses. Rows without label or decision, and for the second those without both times, are in no cell.
    """

    name: str = "critical"
    version: int = 1
    task: str = "classification"
    cells: tuple[str, ...] = ("sick", "flagged", "timed", "in_time")
    measures: tuple[Measure, ...] = (
        Measure(
            "critical_sensitivity", "Critical findings that were flagged", "images with a critical finding", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="flagged", denominator="sick",
        ),
        Measure(
            "critical_in_time", "Critical findings flagged within the time allowed",
            "images with a critical finding and both times", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS,
            numerator="in_time", denominator="timed",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        label, decision = numbers(batch, "label"), numbers(batch, "decision")
        in_time = numbers(batch, "in_time")
        sick = (numbers(batch, "critical") == 1) & (label == 1) & np.isfinite(decision)
        add.count("sick", sick)
        add.count("flagged", sick & (decision == 1))
        add.count("timed", sick & np.isfinite(in_time))
        add.count("in_time", sick & (decision == 1) & (in_time == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every measure is a ratio of two cells."""
        return shares(self, totals)


CRITICAL: Final = Critical()
