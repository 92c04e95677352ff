"""Drift: whether outputs, references or case mix look different from the reference window.

The effect is the Jensen–Shannon distance of category shares, beside a null band: how far two samples of one
population lie apart at the same effective sizes. Drift alone is `watch` at most: it may be harmless.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import numbers, status_is
from monitors.drift_columns import COLUMNS, Column
from monitors.drift_null import clustered_band, design_effect, jensen_shannon
from monitors.drift_numbers import NumberColumn
from monitors.drift_rows import DISTANCE, ColumnDrift
from monitors.groups import GROUPS, Floats
from monitors.judged import GRID, STATUSES
from monitors.measurement import Measure, Slice
from monitors.monitor import Contributions
from monitors.selection import select
from monitors.tally import Tally, TallyError


@dataclass(frozen=True, slots=True)
class Drift:
    """Category counts of the columns of one task; label-free columns count awaiting rows too.

    `numbers` are numeric attributes of the cases, cut at the quantiles of a reference window
    (`monitors.drift_numbers.from_reference`); their edges are part of the monitor's name, since counts of other
    categories cannot be added.
    """

    task: str
    version: int = 2
    measures: tuple[Measure, ...] = (DISTANCE,)
    numbers: tuple[NumberColumn, ...] = ()

    @property
    def name(self) -> str:
        if not self.numbers:
            return f"drift_{self.task}"
        edges = repr([(c.name, c.edges) for c in self.numbers])
        return f"drift_{self.task}_{hashlib.blake2b(edges.encode(), digest_size=4).hexdigest()}"

    @property
    def columns(self) -> tuple[Column | NumberColumn, ...]:
        return (*COLUMNS[self.task], *self.numbers)

    @property
    def cells(self) -> tuple[str, ...]:
        statuses = (f"status:{s}" for s in STATUSES if s != "awaiting")
        return ("rows", *statuses, *(cell for column in self.columns for cell in column.cells))

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        places = {cell: i for i, cell in enumerate(self.cells)}
        every = np.arange(batch.num_rows)
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64] | int]] = [(every, places["rows"])]
        parts += [(np.flatnonzero(status_is(batch, s)), places[f"status:{s}"]) for s in _status_labels()]
        for column in self.columns:
            values = numbers(batch, column.source)
            bins = column.bins(values) + places[column.cells[0]]
            known = every if column.missing else np.flatnonzero(np.isfinite(values))
            parts.append((known, bins if column.missing else bins[known]))
        # written in place: with many columns and rows, copies are most of the time
        ends = np.cumsum([len(row) for row, _ in parts])
        rows, cells = np.empty(ends[-1], np.int64), np.empty(ends[-1], np.int32)
        for (row, cell), end in zip(parts, ends, strict=True):
            rows[end - len(row) : end], cells[end - len(row) : end] = row, cell
        return Contributions(rows, cells, np.broadcast_to(np.int64(GRID), len(rows)))

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """A distance is between two windows, so a level has none: see `compare`."""
        return np.full((*totals.shape[:-1], 1), np.nan)


DRIFT: Final = tuple(Drift(task) for task in COLUMNS)


def compare(
    window: Tally,
    reference: Tally,
    *,
    version: str,
    reference_version: str | None = None,
    attributes: Sequence[str] = (),
    items: Sequence[str] = ("",),
    numbers: Sequence[NumberColumn] = (),
    seed: int = 0,
) -> list[ColumnDrift]:
    """Every column of the task for each item, and every attribute, window against reference window.

    Both tallies are of the drift monitor of one task, with the same `numbers`. Columns without any value in one of
    the windows are left out. Awaiting references are not a category: the newest window always has more of them.
    Numeric attributes belong to the case, so they are compared over all items together.
    """
    monitor = _monitor_of(window, reference, tuple(numbers))
    before = reference_version or version
    found = []
    for item in items:
        masks = (
            select(window, Slice(), version=version, item=item),
            select(reference, Slice(), version=before, item=item),
        )
        now, then = window.group_totals(masks[0]), reference.group_totals(masks[1])
        patients = min(window.patients(masks[0]), reference.patients(masks[1]))
        shapes = [("status", "Status of the output", _status_labels(), _status_cells())] if not item else []
        columns = COLUMNS[monitor.task] if item else monitor.columns
        shapes += [(c.name, c.title, c.labels, c.cells) for c in columns]
        for name, title, labels, cells in shapes:
            at = [monitor.cells.index(cell) for cell in cells]
            found.append(_drift(name, title, item, labels, now[:, at], then[:, at], patients, seed))
    everybody = [t.patients(select(t, Slice(), version=v)) for t, v in ((window, version), (reference, before))]
    patients = min(everybody)
    rows = [_rows_by_stratum(tally) for tally in (window, reference)] if attributes else []
    for attribute in attributes:
        labels = tuple(sorted({*window.values(attribute), *reference.values(attribute)}))
        now = _by_value(window, rows[0], attribute, labels, version)
        then = _by_value(reference, rows[1], attribute, labels, before)
        found.append(_drift(attribute, attribute.replace("_", " "), "", labels, now, then, patients, seed))
    return [one for one in found if one is not None]


def _monitor_of(window: Tally, reference: Tally, numbers: tuple[NumberColumn, ...]) -> Drift:
    """The drift monitor that made both tallies."""
    for task in COLUMNS:
        monitor = Drift(task, numbers=numbers)
        if window.monitor == reference.monitor == monitor.name:
            return monitor
    raise TallyError(
        "Drift compares two tallies of the drift monitor of one task and of the same numeric columns; "
        "make them anew."
    )


def _status_labels() -> tuple[str, ...]:
    return tuple(s for s in STATUSES if s != "awaiting")


def _status_cells() -> tuple[str, ...]:
    return tuple(f"status:{s}" for s in _status_labels())


def _rows_by_stratum(tally: Tally) -> Floats:
    """Row counts by stratum and patient group, of shape (strata, 256): the first cell alone."""
    stratum, group, cell, value = tally.sums
    chosen = cell == 0
    keys = stratum[chosen] * GROUPS + group[chosen]
    counts = np.bincount(keys, value[chosen].astype(np.float64), len(tally.levels) * GROUPS)
    shaped: Floats = counts.reshape(-1, GROUPS) / GRID
    return shaped


def _by_value(tally: Tally, rows: Floats, attribute: str, labels: Sequence[str], version: str) -> Floats:
    """Row counts by patient group and value of an attribute, of shape (256, values)."""
    masks = (select(tally, Slice(((attribute, value),)), version=version) for value in labels)
    return np.stack([rows[mask].sum(axis=0) for mask in masks], axis=1)


def _drift(
    name: str,
    title: str,
    item: str,
    labels: Sequence[str],
    now: Floats,
    then: Floats,
    patients: tuple[int, bool],
    seed: int,
) -> ColumnDrift | None:
    """One column from its category counts by patient group, or None where one side has none."""
    n, m = float(now.sum()), float(then.sum())
    if n <= 0 or m <= 0:
        return None
    used = (now.sum(axis=0) + then.sum(axis=0)) > 0
    if [label for label, keep in zip(labels, used, strict=True) if keep] == ["missing"]:
        return None
    p, q = now.sum(axis=0)[used] / n, then.sum(axis=0)[used] / m
    n_eff, m_eff = n / design_effect(now), m / design_effect(then)
    distance = float(jensen_shannon(p, q))
    band = clustered_band(now, then, n_eff, m_eff, _seed_of(seed, name, item))
    return ColumnDrift(
        name, title, item, distance, float(np.abs(p - q).sum() / 2), band, distance > band,
        "Jensen–Shannon distance, base 2; 95 % point under no change",
        tuple(label for label, keep in zip(labels, used, strict=True) if keep),
        tuple(q.tolist()), tuple(p.tolist()), n, m, n_eff, m_eff, *patients,
    )  # fmt: skip


def _seed_of(seed: int, name: str, item: str) -> int:
    """A seed of its own for each column, the same in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}/{item}".encode(), digest_size=8).digest(), "little")
