"""Numeric attributes of cases (age, dose, mean grey value, contrast, sharpness) by their distribution.

Their categories are cut at quantiles of the reference window and then fixed, so that sums of any two days merge;
as text every value would be a category of its own.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import numbers
from monitors.groups import Floats
from monitors.judged import number_column

#: Where the reference is cut: deciles, and tails thin enough to show values that were rare before.
QUANTILES: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: Reference rows that a tail of 1 % needs; with fewer, only deciles are cut.
_MANY: Final = 1000
_DECILES: Final = QUANTILES[2:-2]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A numeric attribute in the judged table, cut at `edges` (ascending; null is "missing").

    A value on an edge lies above it. The first and the last category lie outside the range of the reference.
    """

    name: str
    title: str
    edges: tuple[float, ...]
    missing: bool = True

    @property
    def source(self) -> str:
        """The column of the judged table."""
        return number_column(self.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the categories: as few digits as tell the edges apart, four at least."""
        if not self.edges:
            return ("any", "missing")
        ends = _said(self.edges)
        inner = [a if a == b else f"{a} to {b}" for a, b in itertools.pairwise(ends)]
        return (f"below {ends[0]}", *inner, f"above {ends[-1]}", "missing")

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(f"{self.name}:{i}" for i in range(len(self.edges) + 2))

    def bins(self, values: Floats) -> NDArray[np.int64]:
        """Category of each value; the last is "missing"."""
        found = np.searchsorted(np.array(self.edges, np.float64), values, side="right")
        return np.where(np.isnan(values), len(self.edges) + 1, found).astype(np.int64, copy=False)


def from_reference(reference: pa.Table, names: Sequence[str]) -> tuple[NumberColumn, ...]:
    """Columns cut at quantiles of the rows of a reference window; raises JudgedError for a column it lacks.

    Quantiles are values that occur (never in between), and doubled ones are cut once, so that heaped numbers such
    as whole years keep a category each. A column without any value has the categories "any" and "missing".

    >>> table = pa.table({"number:age": [float(age) for age in range(100)]})
    >>> from_reference(table, ["age"])[0].labels[:3]
    ('below 0', '0 to 10', '10 to 20')
    """
    return tuple(NumberColumn(name, name.replace("_", " "), _edges(reference, name)) for name in names)


def _said(edges: Sequence[float]) -> list[str]:
    """Edges in digits. The last one lies beside the largest value and reads like it."""
    for digits in range(4, 18):
        said = [np.format_float_positional(float(f"{edge:.{digits}g}"), trim="-") for edge in edges]
        if len(set(said[:-1])) == len(said) - 1:
            break
    return said


def _edges(reference: pa.Table, name: str) -> tuple[float, ...]:
    source = number_column(name)
    known = [source] if source in reference.column_names else []
    batch = pa.RecordBatch.from_arrays([reference[one].combine_chunks() for one in known], names=known)
    values = numbers(batch, source)
    values = values[np.isfinite(values)]
    if not len(values):
        return ()
    asked = QUANTILES if len(values) >= _MANY else _DECILES
    cut = np.quantile(values, asked, method="higher")
    # what the reference never saw, on either side, is a category of its own
    return tuple(np.unique([values.min(), *cut, np.nextafter(values.max(), np.inf)]).tolist())
