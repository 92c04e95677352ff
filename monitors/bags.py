"""Bags of outputs: the words of a text, the findings that a draft names; each entry counted once an output.

Sums by patient group of how many outputs have each entry, which is all that the drift of bags is computed from.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.groups import GROUPS, Floats, assign
from monitors.judged import GRID
from monitors.runs import starts_of_runs
from monitors.sketch import SKETCH, count_all

#: Entries of each window that are told apart; all others are counted together.
MOST: Final = 300
#: Rows of a window from which its commonest entries are chosen.
SAMPLE: Final = 5_000


def vocabulary(samples: Iterable[pa.ListArray | pa.ChunkedArray]) -> tuple[str, ...]:
    """The 300 entries of each sample that most of its outputs have, sorted.

    >>> vocabulary([pa.array([["lung", "clear", "clear"], ["lung"]])])
    ('clear', 'lung')
    """
    found: set[str] = set()
    for sample in samples:
        _, entries = _distinct(sample)
        outputs = Counter(entries.to_pylist())
        found.update(sorted(outputs, key=lambda entry: (-outputs[entry], entry))[:MOST])
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True, eq=False)
class BagSums:
    """The bags of one window and version, summed by patient group on the grid of 2**-20: sums are exact.

    The columns of `counts` are the entries, then all other entries together, then outputs without any entry.
    """

    entries: tuple[str, ...]
    counts: NDArray[np.int64]  # (256, entries + 2)
    weights: NDArray[np.int64]  # (256,): outputs
    subjects: NDArray[np.uint64]  # the smallest distinct subject hashes

    @classmethod
    def of(cls, entries: Sequence[str], batches: Iterable[pa.RecordBatch], seed: int = 0) -> "BagSums":
        """Fold batches with the columns `bag` (lists of strings), `subject_id` and `weight` (on the grid).

        The entries of one batch are in memory at once. Rows whose bag is null are left out: nothing is known of
        them.
        """
        counts = np.zeros((GROUPS, len(entries) + 2), np.int64)
        weights = np.zeros(GROUPS, np.int64)
        subjects = np.empty(0, np.uint64)
        known = pa.array(entries, pa.string())
        for batch in batches:
            batch = batch.filter(batch["bag"].is_valid())
            if not batch.num_rows:
                continue
            group, subject = assign(batch["subject_id"], seed)
            weight = batch["weight"].to_numpy()
            row, entry = _distinct(batch["bag"])
            places = np.asarray(pc.fill_null(pc.index_in(entry.dictionary, value_set=known), len(entries)))
            rows = np.r_[row, np.setdiff1d(np.arange(batch.num_rows), row)]
            cells = np.full(len(rows), len(entries) + 1)
            cells[: len(row)] = places[np.asarray(entry.indices)]
            place = group[rows].astype(np.int64) * counts.shape[1] + cells
            counts += _sums(place, weight[rows], counts.size).reshape(counts.shape)
            weights += _sums(group, weight, GROUPS)
            subjects = np.unique(np.concatenate([subjects, subject]))[:SKETCH]
        return cls(tuple(entries), counts, weights, subjects)

    @property
    def n(self) -> float:
        """Outputs, each draft of a case weighted 1/k."""
        return float(self.weights.sum()) / GRID

    @property
    def patients(self) -> tuple[int, bool]:
        """Distinct patients, and whether the count is exact: as in `monitors.tally.Tally.patients`."""
        return count_all(self.subjects)

    @property
    def shares(self) -> Floats:
        """Share of the outputs that have each of `entries`."""
        found: Floats = self.counts[:, :-2].sum(axis=0) / max(1, int(self.weights.sum()))
        return found


def _sums(place: NDArray[np.integer], weight: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Weights summed by place; a piece of rows is far from 2**53, up to which the sums are exact."""
    sums: NDArray[np.int64] = np.bincount(place, weight, size).astype(np.int64)
    return sums


def _distinct(bags: pa.ListArray | pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.DictionaryArray]:
    """Row and entry of each entry of each bag, once a bag; null bags and empty entries have none."""
    bags = bags.combine_chunks() if isinstance(bags, pa.ChunkedArray) else bags
    encoded = pc.dictionary_encode(pc.list_flatten(bags))
    size = max(1, len(encoded.dictionary))
    empty = pc.fill_null(pc.index(encoded.dictionary, ""), -1).as_py()
    code = np.asarray(pc.fill_null(encoded.indices, empty))
    pairs = np.asarray(pc.list_parent_indices(bags)).astype(np.int64) * size + code
    pairs = pairs[code != empty]
    pairs.sort()  # in place: several times as fast as np.unique
    pairs = pairs[starts_of_runs(pairs)]
    return pairs // size, pa.DictionaryArray.from_arrays(pa.array(pairs % size), encoded.dictionary)
