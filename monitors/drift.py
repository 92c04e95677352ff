"""Drift: whether outputs, references or case mix look different from the reference window.

The effect is the Jensen–Shannon distance of category shares, beside a null band: how far two samples of one
population lie apart at the same effective sizes. Drift alone is `watch` at most: it may be harmless.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, Mask, numbers, status_is
from monitors.drift_columns import COLUMNS, Column
from monitors.groups import Floats, jackknife_covariance, leave_one_out, mean_cluster_size
from monitors.intervals import filled_groups
from monitors.judged import STATUSES
from monitors.measurement import Direction, Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Contributions, Monitor
from monitors.selection import select
from monitors.tally import Tally, TallyError

_DRAWS: Final = 1000
_BAND: Final = 0.95
_FEW_GROUPS: Final = 30
DISTANCE: Final = Measure(
    "drift_distance",
    "Distance of the distribution to the reference window",
    "outputs",
    0.0,
    1.0,
    Direction.HIGHER_IS_WORSE,
    Interval.NONE,
    floor=50,
    ceiling="watch",
    unit="distance",
)


@dataclass(frozen=True, slots=True)
class Drift:
    """Category counts of the columns of one task; label-free columns count awaiting rows too."""

    task: str
    version: int = 1
    measures: tuple[Measure, ...] = (DISTANCE,)

    @property
    def name(self) -> str:
        return f"drift_{self.task}"

    @property
    def columns(self) -> tuple[Column, ...]:
        return COLUMNS[self.task]

    @property
    def cells(self) -> tuple[str, ...]:
        statuses = (f"status:{s}" for s in STATUSES if s != "awaiting")
        return ("rows", *statuses, *(cell for column in self.columns for cell in column.cells))

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        add.count("rows", np.ones(batch.num_rows, bool))
        for status in STATUSES:
            if status != "awaiting":
                add.count(f"status:{status}", status_is(batch, status))
        for column in self.columns:
            values = numbers(batch, column.name)
            counted: Mask = np.ones(len(values), bool) if column.missing else np.isfinite(values)
            add.bins(column.cells[0], column.bins(values), counted)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """A distance is between two windows, so a level has none: see `compare`."""
        return np.full((*totals.shape[:-1], 1), np.nan)


DRIFT: Final = tuple(Drift(task) for task in COLUMNS)


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column, window against reference window."""

    column: str
    title: str
    item: str
    distance: float  # Jensen–Shannon distance, base 2, in [0, 1]
    total_variation: float  # in [0, 1]
    null_high: float
    drifted: bool
    method: str
    categories: tuple[str, ...]
    reference_shares: tuple[float, ...]
    window_shares: tuple[float, ...]
    n_window: float
    n_reference: float
    n_eff_window: float
    n_eff_reference: float
    patients: int
    patients_exact: bool


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Jensen–Shannon distance, base 2, of shares along the last axis: 0 for equal, 1 for disjoint.

    >>> float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    middle = (p + q) / 2
    halves: Floats = (_entropy(middle) - (_entropy(p) + _entropy(q)) / 2).clip(0.0, 1.0)
    root: Floats = np.sqrt(halves)
    return root


def _entropy(p: Floats) -> Floats:
    logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
    sums: Floats = -(p * logs).sum(axis=-1)
    return sums


def compare(
    window: Tally,
    reference: Tally,
    *,
    version: str,
    reference_version: str | None = None,
    attributes: Sequence[str] = (),
    items: Sequence[str] = ("",),
    seed: int = 0,
) -> list[ColumnDrift]:
    """Every column of the task for each item, and every attribute, window against reference window.

    Both tallies are of the drift monitor of one task. Columns without any value in one of the windows are left
    out. Awaiting references are not a category: the newest window always has more of them.
    """
    if window.monitor != reference.monitor or not window.monitor.startswith("drift_"):
        raise TallyError("Drift compares two tallies of the drift monitor of one task; make them anew.")
    monitor = Drift(window.monitor.removeprefix("drift_"))
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
        shapes += [(c.name, c.title, c.labels, c.cells) for c in monitor.columns]
        for name, title, labels, cells in shapes:
            at = [monitor.cells.index(cell) for cell in cells]
            found.append(_drift(name, title, item, labels, now[:, at], then[:, at], patients, seed))
    for attribute in attributes:
        labels = tuple(sorted({*window.values(attribute), *reference.values(attribute)}))
        now, then = (_by_value(t, attribute, labels, v) for t, v in ((window, version), (reference, before)))
        patients = min(
            window.patients(select(window, Slice(), version=version)),
            reference.patients(select(reference, Slice(), version=before)),
        )
        found.append(_drift(attribute, attribute.replace("_", " "), "", labels, now, then, patients, seed))
    return [one for one in found if one is not None]


def _status_labels() -> tuple[str, ...]:
    return tuple(s for s in STATUSES if s != "awaiting")


def _status_cells() -> tuple[str, ...]:
    return tuple(f"status:{s}" for s in _status_labels())


def _by_value(tally: Tally, attribute: str, labels: Sequence[str], version: str) -> Floats:
    """Row counts by patient group and value of an attribute, of shape (256, values)."""
    masks = (select(tally, Slice(((attribute, value),)), version=version) for value in labels)
    return np.stack([tally.group_totals(mask)[:, 0] for mask in masks], axis=1)


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
    band = null_band(p, q, n_eff, m_eff, _seed_of(seed, name, item))
    return ColumnDrift(
        name, title, item, distance, float(np.abs(p - q).sum() / 2), band, distance > band,
        "Jensen–Shannon distance, base 2; 95 % point under no change",
        tuple(label for label, keep in zip(labels, used, strict=True) if keep),
        tuple(q.tolist()), tuple(p.tolist()), n, m, n_eff, m_eff, *patients,
    )  # fmt: skip


def design_effect(counts: Floats) -> float:
    """What clustering costs a whole distribution: the mean design effect of its shares (Rao & Scott 1984).

    δ = Σ_k n·V(p̂_k)/p̂_k / (K − 1) over the K categories that occur, V from the patient jackknife; within 1 and
    the mean cluster size, and that size itself (patients wholly alike) with fewer than 30 patient groups.
    """
    n = float(counts.sum())
    size = mean_cluster_size(counts.sum(axis=1))
    used = counts.sum(axis=0) > 0
    filled = filled_groups(counts)
    if used.sum() < 2 or filled.sum() < _FEW_GROUPS:
        return size
    rest = leave_one_out(counts[:, used])
    variances = np.diag(jackknife_covariance(rest / rest.sum(axis=1, keepdims=True), filled))
    shares = counts[:, used].sum(axis=0) / n
    return float(np.clip((n * variances / shares).sum() / (used.sum() - 1), 1.0, size))


def _seed_of(seed: int, name: str, item: str) -> int:
    """A seed of its own for each column, the same in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}/{item}".encode(), digest_size=8).digest(), "little")


def null_band(p: Floats, q: Floats, n: float, m: float, seed: int) -> float:
    """The 95 % point of the distance between two samples of one population, at effective sizes n and m.

    The population is the two pooled by effective size; 1,000 seeded multinomial pairs.
    """
    sizes = max(1, math.floor(n)), max(1, math.floor(m))
    pooled = (p * sizes[0] + q * sizes[1]) / sum(sizes)
    pooled = pooled / pooled.sum()
    rng = np.random.default_rng(seed)
    a, b = (rng.multinomial(size, pooled, size=_DRAWS) / size for size in sizes)
    return float(np.quantile(jensen_shannon(a, b), _BAND))


def measurement(drift: ColumnDrift, *, monitor: Monitor, version: str, window: Window) -> Measurement:
    """The distance as a measurement; `low` and `high` are its null band, which is no interval of the value."""
    return Measurement(
        measure=DISTANCE.name,
        monitor=monitor.name,
        monitor_version=monitor.version,
        task=monitor.task,
        version=version,
        item=f"{drift.column}: {drift.item}" if drift.item else drift.column,
        slice="all",
        contrast="reference",
        window=window,
        value=drift.distance,
        low=0.0,
        high=drift.null_high,
        n=drift.n_window,
        events=math.nan,
        n_eff=min(drift.n_eff_window, drift.n_eff_reference),
        patients=drift.patients,
        patients_exact=drift.patients_exact,
        deff=drift.n_window / drift.n_eff_window,
        interval=Interval.NONE.value,
        note=f"without any change it would stay below {drift.null_high:.3f} in 95 % of windows",
    )
