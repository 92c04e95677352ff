"""Reproduction: whether the live model, asked again, says what was recorded of its version."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Sums over recorded answers beside replayed ones (schema ``probe``, probe "reproduced").

    A model that draws its words by chance gives few of them again letter by letter; meaning and claims are what
    such a model is held to.
    """

    name: str = "reproduction"
    version: int = 1
    task: str = "probe"
    cells: tuple[str, ...] = ("asked", "same", "texts", "exact", "claimed", "overlap", "scored", "difference")
    measures: tuple[Measure, ...] = (
        Measure(
            "meaning_reproduced", "Recorded answers whose meaning the live model gives again", "answers", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="same", denominator="asked", scope="whole",
        ),
        Measure(
            "exactly_reproduced", "Recorded answers that the live model gives again letter by letter", "answers",
            0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="exact", denominator="texts",
            ceiling="watch", scope="whole",
        ),
        Measure(
            "claims_reproduced", "Claims that the recorded and the live answer share, of those of either",
            "answers", 0, 1, Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator="overlap",
            denominator="claimed", ceiling="watch", scope="whole",
        ),
        Measure(
            "score_reproduction_error", "Mean difference of the recorded and the live score", "scores", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="difference", denominator="scored",
            ceiling="watch", unit="score", scope="whole",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        probe = batch.column("probe").cast(pa.string()).to_numpy(zero_copy_only=False)
        mine = probe == "reproduced"
        same, exact, overlap, difference = (
            numbers(batch, name) for name in ("same", "exact", "overlap", "difference")
        )
        for asked, cell, values in (
            ("asked", "same", same),
            ("texts", "exact", exact),
            ("claimed", "overlap", overlap),
            ("scored", "difference", difference),
        ):
            known = mine & np.isfinite(values)
            add.count(asked, known)
            add.sum(cell, values, known)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of two cells."""
        return shares(self, totals)


REPRODUCTION: Final = Reproduction()
