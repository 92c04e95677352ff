"""How far a judge has moved on the same things: what it says now, what it first said, and the difference of both.

One row is one thing judged twice, yes or no, as in `monitors.agreement`. The difference of two shares of the same
pairs is that of the pairs that changed: newly yes minus no longer yes. Its limits are MOVER (Zou & Donner 2008) on
the Jeffreys limits of these two small shares, which keep their width where nothing changed. Made of the limits of
the shares themselves it would have none there: their correlation is 1.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.agreement import judged_pairs
from monitors.columns import Collector, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


def _changed(name: str, title: str) -> Measure:
    return Measure(
        name, title, "pairs of judgements", 0, 1, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS,
        numerator=name.removeprefix("frozen_"), denominator="pairs", ceiling="watch", scope="item",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Movement:
    """Sums over pairs of judgements (schema ``agreement`` of `monitors.judged`); `first` came before `second`.

    A pair of which a judgement is missing is in no number.
    """

    name: str = "agreement_moved"
    version: int = 1
    task: str = "agreement"
    cells: tuple[str, ...] = ("pairs", "raised", "cleared")
    measures: tuple[Measure, ...] = (
        _changed("frozen_raised", "The judge on its frozen set: yes now, no at first"),
        _changed("frozen_cleared", "The judge on its frozen set: no now, yes at first"),
        Measure(
            "frozen_moved", "The judge on its frozen set: share of yes now minus at first", "pairs of judgements",
            -1, 1, Direction.AWAY_FROM_ZERO, Interval.DIFFERENCE, denominator="pairs",
            parts=("frozen_raised", "frozen_cleared"), ceiling="watch", unit="difference", scope="item",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Raises JudgedError when a judgement is neither 0, 1 nor missing."""
        add = Collector(self.cells)
        first, second, paired = judged_pairs(batch)
        add.count("pairs", paired)
        add.count("raised", paired & (second > first))
        add.count("cleared", paired & (second < first))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Both shares, and their difference."""
        values = shares(self, totals)
        values[..., 2] = values[..., 0] - values[..., 1]
        return values


MOVED: Final = Movement()
