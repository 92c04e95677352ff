"""Rankings of a search against their true matches: image to text, text to image, cases like this one."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, shares, status_is, unit_interval
from monitors.judged import CUTOFFS
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions


def _recall(k: int) -> Measure:
    among = "first" if k == 1 else f"among the first {k}"
    return Measure(
        f"recall_at_{k}", f"Searches with a true match {among} (recall at {k})", "searches", 0, 1,
        Direction.LOWER_IS_WORSE, Interval.JEFFREYS, numerator=f"found_{k}", denominator=f"known_{k}",
        tied=True,
    )  # fmt: skip


def _chance(k: int) -> Measure:
    return Measure(
        f"chance_at_{k}", f"What a random order of the gallery would reach (recall at {k})", "searches", 0, 1,
        Direction.HIGHER_IS_WORSE, Interval.KNOWN, numerator=f"chance_{k}", denominator=f"gallery_known_{k}",
        ceiling="watch",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Searches; one row is one ranking, and its true match is the first of those that the reference names.

    Recall at k is over the rankings that say what is among the first k; `short_lists` is the share of the others
    at the largest k. The mean reciprocal rank is over all: 0 where no true match is listed, which is its lower
    bound where lists end early; `mrr_at_most` is its upper bound. Chance is of the same rankings as the recall
    beside it, where the size of their gallery is known: a gallery that grows makes every recall smaller.
    """

    name: str = "retrieval"
    version: int = 1
    task: str = "retrieval"
    cells: tuple[str, ...] = (
        "searches", "reciprocal", "reciprocal_high", "nothing_found", "short",
        *(f"{name}_{k}" for name in ("known", "found", "gallery_known", "chance") for k in CUTOFFS),
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        *map(_recall, CUTOFFS),
        Measure(
            "mrr", "Mean reciprocal rank of the first true match, 0 where none is listed", "searches", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.NORMAL, numerator="reciprocal", denominator="searches", floor=50,
            unit="score",
        ),
        Measure(
            "mrr_at_most", "… at most, if unlisted matches came next", "searches", 0, 1,
            Direction.LOWER_IS_WORSE, Interval.NORMAL, numerator="reciprocal_high", denominator="searches",
            floor=50, unit="score", ceiling="watch",
        ),
        *map(_chance, CUTOFFS),
        Measure(
            "nothing_found", "Searches that list nothing", "searches", 0, 1, Direction.HIGHER_IS_WORSE,
            Interval.JEFFREYS, numerator="nothing_found", denominator="searches", ceiling="watch",
        ),
        Measure(
            "short_lists", f"Searches whose list is too short for recall at {CUTOFFS[-1]}", "searches", 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator="short", denominator="searches",
            ceiling="watch",
        ),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. A recall that the list does not tell is in no cell."""
        add = Collector(self.cells)
        low, high = (
            unit_interval(numbers(batch, name), name) for name in ("reciprocal_rank", "reciprocal_rank_high")
        )
        judged = status_is(batch, "judged") & np.isfinite(low) & np.isfinite(high)
        add.count("searches", judged)
        add.sum("reciprocal", low, judged)
        add.sum("reciprocal_high", high, judged)
        add.count("nothing_found", judged & (numbers(batch, "listed") == 0))
        for k in CUTOFFS:
            recall, chance = (
                unit_interval(numbers(batch, name), name) for name in (f"recall_at_{k}", f"chance_at_{k}")
            )
            known = judged & np.isfinite(recall)
            add.count(f"known_{k}", known)
            add.sum(f"found_{k}", recall, known)
            add.count(f"gallery_known_{k}", known & np.isfinite(chance))
            add.sum(f"chance_{k}", chance, known & np.isfinite(chance))
            if k == CUTOFFS[-1]:
                add.count("short", judged & ~known)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every measure is a ratio of two cells."""
        return shares(self, totals)


RETRIEVAL: Final = Retrieval()
