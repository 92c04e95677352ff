"""How often the words of outputs, or the findings that drafts name, leave their null band.

python -m benchmarks.bag_drift               400 pairs of windows a row; a quarter of an hour on one core
python -m benchmarks.bag_drift --runs 100    quicker

Patients have 1 to many studies (`tests.monitors.population.cluster_sizes`). A draft is a set of sentences, each of
some words of its own and some that many sentences share; whether a patient's drafts hold a sentence, or name a
finding, is correlated by ρ from study to study. The reference window has twice the studies of the window, or the
same patients once more. The change of words is one more sentence of six new words in 2 or 10 % of the drafts; that
of findings a finding of 5 % that becomes one of 7.5 or of 10 %.
"""

import argparse
import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from monitors.bag_drift import FINDINGS, WORDS, compare
from monitors.bags import SAMPLE, BagSums, vocabulary
from monitors.drift_rows import ColumnDrift
from monitors.groups import Floats
from monitors.judged import GRID
from tests.monitors.population import cluster_sizes

_STUDIES_A_PATIENT: Final = 1.82
_SENTENCES: Final = 60
#: By column: what it becomes in the window, smaller and larger.
CHANGES: Final = {WORDS: (0.02, 0.10), FINDINGS: (0.075, 0.10)}


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    column: str
    rows: int  # of the window
    rho: float
    shared: bool  # the same patients in both windows
    change: float | None = None


def pair(setting: Setting, seed: int) -> ColumnDrift:
    """A window against its reference window."""
    rng = np.random.default_rng(seed)
    patients = round(setting.rows / _STUDIES_A_PATIENT)
    rates = _RATES[setting.column]
    own = rng.normal(size=(patients, len(rates)))
    other = own if setting.shared else rng.normal(size=(2 * patients, len(rates)))
    changed = rates.copy()
    if setting.change is not None:
        changed[0] = setting.change
    names = ("w", "w" if setting.shared else "r")
    sides = [
        _batch(setting, rng, name, effect, rate)
        for name, effect, rate in zip(names, (own, other), (changed, rates), strict=True)
    ]
    samples = [side["bag"].take(pa.array(rng.permutation(len(side))[:SAMPLE])) for side in sides]
    entries = vocabulary(samples)
    window, reference = (BagSums.of(entries, [side], seed) for side in sides)
    return compare(window, reference, setting.column)


def _batch(setting: Setting, rng: np.random.Generator, name: str, own: Floats, rates: Floats) -> pa.RecordBatch:
    """Drafts as an audit folds them: sentence or finding j is there where a normal score exceeds its quantile."""
    owner = np.repeat(np.arange(len(own)), cluster_sizes(rng, len(own)))
    noise = rng.normal(size=(len(owner), len(rates)))
    score = np.sqrt(setting.rho) * own[owner] + np.sqrt(1 - setting.rho) * noise
    there = score < special.ndtri(rates)
    entries = _entries(there @ _VOCABULARY > 0) if setting.column == WORDS else _entries(there)
    return pa.RecordBatch.from_pydict(
        {
            "bag": entries,
            "subject_id": pa.array([f"{name}{i}" for i in owner]),
            "weight": pa.array(np.full(len(owner), GRID)),
        }
    )


def _entries(there: NDArray[np.bool_]) -> pa.ListArray:
    """Rows of yes and no as lists of the names of their columns."""
    names = pa.array([f"e{j}" for j in range(there.shape[1])])
    ends = np.r_[0, np.cumsum(there.sum(axis=1))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), names.take(pa.array(np.nonzero(there)[1])))


def _sentences() -> NDArray[np.int64]:
    """Which words each sentence has, (sentences, words): six of its own, four that others have too."""
    rng = np.random.default_rng(0)
    shared = 80
    words = np.zeros((_SENTENCES, shared + 6 * _SENTENCES), np.int64)
    common = 1 / np.arange(1, shared + 1)
    for i in range(_SENTENCES):
        words[i, shared + 6 * i : shared + 6 * i + 6] = 1
        if i:  # the first sentence is the change: all of its words are new
            words[i, rng.choice(shared, size=4, replace=False, p=common / common.sum())] = 1
    return words


_VOCABULARY: Final = _sentences()
#: Rates of sentences (the first is not there without a change) and of findings (the first is of 5 %).
_RATES: Final[dict[str, Floats]] = {
    WORDS: np.r_[1e-9, np.geomspace(0.01, 0.7, _SENTENCES - 1)],
    FINDINGS: np.r_[0.05, np.geomspace(0.002, 0.3, 39)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 200, 1000, 5000])
    asked = parser.parse_args()
    print("column    rows  ρ     patients  left without change  … smaller change  … larger change  distance  band")
    for column, rows in itertools.product((WORDS, FINDINGS), asked.rows):
        for rho, shared in itertools.product((0.0, 0.3), (False, True)):
            changes = (None, *CHANGES[column])
            found = [
                [pair(Setting(column, rows, rho, shared, change), seed) for seed in range(asked.runs)]
                for change in changes
            ]
            left = [float(np.mean([one.drifted for one in every])) for every in found]
            distance, band = (
                float(np.median([getattr(one, name) for one in found[0]])) for name in ("distance", "null_high")
            )
            print(
                f"{column:8}  {rows:4}  {rho:<4}  {'the same' if shared else 'others':8}  {left[0]:19.3f}  "
                f"{left[1]:16.3f}  {left[2]:15.3f}  {distance:8.3f}  {band:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
