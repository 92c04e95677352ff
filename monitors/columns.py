"""How monitors read columns of the judged table and write contributions."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.groups import Floats
from monitors.judged import GRID
from monitors.monitor import Contributions, Monitor

Mask = NDArray[np.bool_]

#: The fixed grid on which probabilities are binned: equal bins of logit(p), clipped.
LOGIT_REACH: Final = 12.0
LOGIT_BINS: Final = 480


class JudgedError(ValueError):
    """One clear sentence about a judged table that no monitor may read."""


def numbers(batch: pa.RecordBatch, name: str) -> Floats:
    """A column as float64, NaN where null."""
    if name not in batch.schema.names:
        raise JudgedError(f"The judged table has no column {name!r}; its schema is monitors.judged.judged_schema.")
    column = batch.column(name).cast(pa.float64())
    values: Floats = column.fill_null(float("nan")).to_numpy(zero_copy_only=False)
    return values


def status_is(batch: pa.RecordBatch, status: str) -> Mask:
    """Which rows have this status."""
    same: Mask = pc.equal(batch.column("status").cast(pa.string()), status).to_numpy(zero_copy_only=False)
    return same.astype(bool)


def listed(batch: pa.RecordBatch, name: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """The entries of a column of lists, one after another, and the row of each; a null list has none."""
    if name not in batch.schema.names:
        raise JudgedError(f"The judged table has no column {name!r}; its schema is monitors.judged.judged_schema.")
    lists = batch.column(name)
    sizes = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    return lists.flatten(), np.repeat(np.arange(len(lists)), sizes)


def unit_interval(values: Floats, name: str) -> Floats:
    """Probabilities as they are; raises JudgedError outside [0, 1]. NaN is missing and passes."""
    if ((values < 0) | (values > 1)).any():
        raise JudgedError(
            f"Column {name!r} of the judged table must lie in [0, 1]; give probabilities, not logits."
        )
    return values


def logit_bin(probability: Floats) -> NDArray[np.int64]:
    """Bin 0 … 479 of each probability, equal in logit(p) clipped to ±12; NaN goes to bin 0 and must be masked."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.log(probability) - np.log1p(-probability)
    clipped = np.clip(np.nan_to_num(logit, nan=-LOGIT_REACH), -LOGIT_REACH, LOGIT_REACH)
    scaled = (clipped + LOGIT_REACH) * (LOGIT_BINS / (2 * LOGIT_REACH))
    bins: NDArray[np.int64] = np.minimum(scaled.astype(np.int64), LOGIT_BINS - 1)
    return bins


class Collector:
    """Gathers (row, cell, value) triples while a monitor walks its columns."""

    def __init__(self, cells: Sequence[str]) -> None:
        self._place = {cell: i for i, cell in enumerate(cells)}
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]] = []

    def count(self, cell: str, rows: Mask) -> None:
        """One for each masked row."""
        row = np.flatnonzero(rows)
        self._add(row, np.full(len(row), self._place[cell], np.int32), np.full(len(row), GRID, np.int64))

    def sum(self, cell: str, values: Floats, rows: Mask) -> None:
        """The value of each masked row, rounded to the grid."""
        row = np.flatnonzero(rows)
        scaled = np.rint(values[row] * GRID).astype(np.int64)
        self._add(row, np.full(len(row), self._place[cell], np.int32), scaled)

    def bins(self, first: str, bins: NDArray[np.int64], rows: Mask, values: Floats | None = None) -> None:
        """One (or the value) of each masked row into the cell `bins` places after the cell `first`."""
        row = np.flatnonzero(rows)
        scaled = (
            np.full(len(row), GRID, np.int64) if values is None else np.rint(values[row] * GRID).astype(np.int64)
        )
        self._add(row, (self._place[first] + bins[row]).astype(np.int32), scaled)

    def contributions(self) -> Contributions:
        """All that was gathered; zeros are left out."""
        row = np.concatenate([p[0] for p in self._parts]) if self._parts else np.empty(0, np.int64)
        cell = np.concatenate([p[1] for p in self._parts]) if self._parts else np.empty(0, np.int32)
        value = np.concatenate([p[2] for p in self._parts]) if self._parts else np.empty(0, np.int64)
        kept = value != 0
        return Contributions(row[kept], cell[kept], value[kept])

    def _add(self, row: NDArray[np.int64], cell: NDArray[np.int32], value: NDArray[np.int64]) -> None:
        self._parts.append((row.astype(np.int64), cell, value))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator, NaN where the denominator is not positive."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def shares(monitor: Monitor, totals: Floats) -> Floats:
    """Totals of shape (..., cells) to numerator/denominator of each measure that names both, else NaN."""
    place = {cell: i for i, cell in enumerate(monitor.cells)}
    values = np.full((*totals.shape[:-1], len(monitor.measures)), np.nan)
    for i, measure in enumerate(monitor.measures):
        if measure.numerator and measure.denominator:
            values[..., i] = ratio(totals[..., place[measure.numerator]], totals[..., place[measure.denominator]])
    return values
