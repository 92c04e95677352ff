"""The protocol that every monitor follows: two pure, vectorised functions over exact sums."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.measurement import Measure


@dataclass(frozen=True, slots=True)
class Contributions:
    """What a batch of judged rows adds to the sums: coordinates (row, cell, value), all of one length.

    `value` is on the grid of `monitors.judged.GRID` (one unit is 2**20). The row's weight is applied by the
    tally, not here. A row may contribute to many cells or to none.
    """

    row: NDArray[np.int64]
    cell: NDArray[np.int32]
    value: NDArray[np.int64]


class Monitor(Protocol):
    """One family of measures on one task, as a function of sums."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int:
        """Raised whenever `contributions` changes: old tallies are then made anew."""
        ...

    @property
    def task(self) -> str: ...
    @property
    def cells(self) -> tuple[str, ...]: ...
    @property
    def measures(self) -> tuple[Measure, ...]: ...

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """What the rows of `batch` (schema `monitors.judged`) add to each cell."""
        ...

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Totals of shape (..., cells), in units, to values of shape (..., measures); NaN where undefined."""
        ...
