"""How often the embeddings of a window leave their null band, without change and with one.

python -m benchmarks.embedding_drift              300 pairs of windows a row; an hour on one core
python -m benchmarks.embedding_drift --runs 40    quicker

Patients have 1 to many studies (`tests.monitors.population.cluster_sizes`); embeddings are normal, any two studies
of a patient correlated by ρ, with even or with falling variances of the dimensions. The reference window has twice
the studies of the window, or the same patients once more. The change is a shift of the mean by .3 standard
deviations in a tenth of the dimensions.
"""

import argparse
import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitors.drift_rows import ColumnDrift
from monitors.embedding_drift import compare
from monitors.embedding_sums import SAMPLE, EmbeddingSums, Space
from monitors.groups import Floats
from monitors.judged import GRID
from tests.monitors.population import cluster_sizes

SHIFT = 0.3
_STUDIES_A_PATIENT = 1.82


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    dimension: int
    rows: int  # of the window
    rho: float
    shared: bool  # the same patients in both windows
    falling: bool = False  # variance of dimension i is 1/i
    shift: float = 0.0


def drawn(setting: Setting, seed: int) -> tuple[Space, EmbeddingSums, EmbeddingSums]:
    """The space, and the sums of a window and of its reference window."""
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(np.arange(1, setting.dimension + 1)) if setting.falling else np.ones(setting.dimension)
    patients = round(setting.rows / _STUDIES_A_PATIENT)
    known = _own(rng, patients, setting.dimension)
    other = known if setting.shared else _own(rng, 2 * patients, setting.dimension)
    now, then = (
        _studies(rng, "w", known, setting.rho),
        _studies(rng, "w" if setting.shared else "r", other, setting.rho),
    )
    now[0][:, : max(1, setting.dimension // 10)] += setting.shift
    batches = [batch(values * scale, names) for values, names in (now, then)]
    sample = batches[1]["embedding"].take(pa.array(rng.permutation(len(then[0]))[:SAMPLE]))
    space = Space.of(sample, seed)
    window, reference = (EmbeddingSums.of(space, [one], seed) for one in batches)
    return space, window, reference


def _own(rng: np.random.Generator, patients: int, dimension: int) -> Floats:
    own: Floats = rng.normal(size=(patients, dimension))
    return own


def _studies(rng: np.random.Generator, name: str, own: Floats, rho: float) -> tuple[Floats, list[str]]:
    owner = np.repeat(np.arange(len(own)), cluster_sizes(rng, len(own)))
    values = np.sqrt(rho) * own[owner] + np.sqrt(1 - rho) * rng.normal(size=(len(owner), own.shape[1]))
    return values, [f"{name}{i}" for i in owner]


def batch(values: Floats, subjects: list[str]) -> pa.RecordBatch:
    """Rows of embeddings as an audit folds them."""
    flat = pa.array(values.astype(np.float32).ravel())
    ends = pa.array(np.arange(0, values.size + 1, values.shape[1], dtype=np.int32))
    columns = [pa.ListArray.from_arrays(ends, flat), pa.array(subjects), pa.array(np.full(len(values), GRID))]
    return pa.RecordBatch.from_arrays(columns, names=["embedding", "subject_id", "weight"])


def measured(setting: Setting, runs: int) -> list[ColumnDrift]:
    """The same setting, `runs` times."""
    return [compare(*drawn(setting, seed)[1:]) for seed in range(runs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[16, 512])
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 1000, 5000])
    asked = parser.parse_args()
    print("dimension  rows  variances  ρ    patients  left without change  left with change  distance  band")
    for falling, dimension, rows in itertools.product((False, True), asked.dimensions, asked.rows):
        for rho, shared in itertools.product((0.0, 0.15, 0.3), (False, True)):
            still = Setting(dimension, rows, rho, shared, falling)
            # a shift of .3 of each dimension's own standard deviation: it is applied before the scale
            quiet = measured(still, asked.runs)
            moved = measured(Setting(dimension, rows, rho, shared, falling, SHIFT), asked.runs)
            print(
                f"{dimension:9}  {rows:4}  {'falling' if falling else 'even':9}  {rho:<4} "
                f"{'shared' if shared else 'other':8}  {_left(quiet):19.3f}  {_left(moved):16.3f}  "
                f"{_median(moved, 'distance'):8.3f}  {_median(moved, 'null_high'):.3f}",
                flush=True,
            )


def _left(found: list[ColumnDrift]) -> float:
    return float(np.mean([one.drifted for one in found]))


def _median(found: list[ColumnDrift], name: str) -> float:
    return float(np.median([getattr(one, name) for one in found]))


if __name__ == "__main__":
    main()
