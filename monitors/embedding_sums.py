"""Sums of random Fourier features of embeddings by patient group: all that their drift is computed from.

With z(x) = [cos Wᵀx, sin Wᵀx]/√F and W normal with standard deviation 1/bandwidth, z(x)ᵀz(y) estimates the
Gaussian kernel exp(−‖x − y‖²/(2·bandwidth²)) (Rahimi & Recht 2007; cosine and sine of one frequency err less than
shifted cosines, Sutherland & Schneider 2015). Mean features of two windows therefore give the distance of their
distributions, and features add: memory does not grow with rows.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.groups import GROUPS, Floats, assign
from monitors.judged import GRID
from monitors.sketch import SKETCH, count_all

#: Frequencies; each gives two features.
FREQUENCIES: Final = 256
#: Reference rows of which the bandwidth is the median distance.
SAMPLE: Final = 1_000
#: Rows whose features are in memory at once.
_ROWS: Final = 4_096
_DIGITS: Final = 9


class EmbeddingError(ValueError):
    """One clear sentence about embeddings that cannot be compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The random features of one space of embeddings; the same dimension, bandwidth and seed give the same."""

    bandwidth: float
    frequencies: Floats  # (dimension, FREQUENCIES)

    @classmethod
    def of(cls, sample: pa.Array | pa.ChunkedArray, seed: int, frequencies: int = FREQUENCIES) -> "Space":
        """From a sample of the reference embeddings: the bandwidth is the median distance of its pairs.

        Raises EmbeddingError where they differ in length, or most of them are the same.
        """
        lengths = lengths_of(sample)
        if len(lengths) != 1:
            raise EmbeddingError(f"The embeddings have {_listed(lengths)} numbers: they are of different spaces.")
        values = _matrix(sample, lengths[0])
        squares = (values**2).sum(axis=1)
        apart = np.clip(squares[:, None] + squares - 2 * values @ values.T, 0, None)
        pairs = np.sqrt(apart[np.triu_indices(len(values), 1)])
        # rounded, so that the last bits of a matrix product are nobody's business
        bandwidth = float(f"{np.median(pairs):.{_DIGITS}g}") if len(pairs) else 0.0
        # against the size of the numbers: differences of large equal squares are noise, not distance
        if bandwidth <= 1e-6 * float(np.sqrt(squares.max(initial=0.0))):
            raise EmbeddingError("Most embeddings of the reference window are the same: the model sees no image.")
        key = hashlib.blake2b(f"embedding/{seed}/{lengths[0]}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(key, "little"))
        return cls(bandwidth, rng.normal(size=(lengths[0], frequencies)) / bandwidth)

    @property
    def dimension(self) -> int:
        return len(self.frequencies)

    def features(self, values: Floats) -> Floats:
        """Rows of embeddings to cosines and sines, of shape (rows, 2 · frequencies), each in [−1, 1]."""
        phases = values @ self.frequencies
        return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSums:
    """Features of one window and version, summed by patient group on the grid of 2**-20: sums are exact."""

    features: NDArray[np.int64]  # (256, 2 · frequencies)
    weights: NDArray[np.int64]  # (256,)
    subjects: NDArray[np.uint64]  # the smallest distinct subject hashes

    @classmethod
    def of(cls, space: Space, batches: Iterable[pa.RecordBatch], seed: int = 0) -> "EmbeddingSums":
        """Fold batches with the columns `embedding` (lists of numbers), `subject_id` and `weight` (on the grid).

        Rows without an embedding, or with a number that is not finite, are left out. Raises EmbeddingError for
        another length than the space has.
        """
        features = np.zeros((GROUPS, 2 * space.frequencies.shape[1]), np.int64)
        weights = np.zeros(GROUPS, np.int64)
        subjects = np.empty(0, np.uint64)
        for batch in batches:
            if set(lengths_of(batch["embedding"])) - {space.dimension}:
                raise EmbeddingError(
                    f"The embeddings have {_listed(lengths_of(batch['embedding']))} numbers, "
                    f"those of the reference window {space.dimension}."
                )
            for start in range(0, batch.num_rows, _ROWS):
                piece = batch.slice(start, _ROWS)
                piece = piece.filter(piece["embedding"].is_valid())
                values = _matrix(piece["embedding"], space.dimension)
                finite = np.isfinite(values).all(axis=1)
                piece, values = piece.filter(pa.array(finite)), values[finite]
                group, subject = assign(piece["subject_id"], seed)
                weight = piece["weight"].to_numpy()
                scaled = np.rint(space.features(values) * weight[:, None]).astype(np.int64)
                _add(features, scaled, group)
                _add(weights, weight, group)
                subjects = np.unique(np.concatenate([subjects, subject]))[:SKETCH]
        return cls(features, weights, subjects)

    @property
    def n(self) -> float:
        """Outputs, each draft of a case weighted 1/k."""
        return float(self.weights.sum()) / GRID

    @property
    def patients(self) -> tuple[int, bool]:
        """Distinct patients, and whether the count is exact: as in `monitors.tally.Tally.patients`."""
        return count_all(self.subjects)

    def means(self) -> tuple[Floats, Floats]:
        """Mean feature vector, and what each group leaves of it: (2F,) and (256, 2F), ‖z(x)‖ = 1."""
        sums, sizes = self.features.astype(np.float64), self.weights.astype(np.float64)
        scale = np.sqrt(sums.shape[1] / 2)
        rest = np.clip(sizes.sum() - sizes, 1.0, None)[:, None]
        return sums.sum(axis=0) / sizes.sum() / scale, (sums.sum(axis=0) - sums) / rest / scale


def patients_of(subjects: pa.ChunkedArray, seed: int) -> tuple[int, bool]:
    """Distinct patients of a column, counted as those of `EmbeddingSums`."""
    return count_all(np.unique(assign(subjects, seed)[1])[:SKETCH])


def lengths_of(embeddings: pa.Array | pa.ChunkedArray) -> list[int]:
    """How many numbers the embeddings have, ascending; null has none."""
    return sorted(pc.unique(pc.list_value_length(embeddings).drop_null()).to_pylist())


def _matrix(embeddings: pa.Array | pa.ChunkedArray, dimension: int) -> Floats:
    """Valid embeddings of one length as rows; null numbers are NaN."""
    flat = pc.list_flatten(embeddings.drop_null())
    values = flat.to_numpy() if isinstance(flat, pa.ChunkedArray) else flat.to_numpy(zero_copy_only=False)
    matrix: Floats = values.astype(np.float64).reshape(-1, dimension)
    return matrix


def _add(sums: NDArray[np.int64], values: NDArray[np.int64], group: NDArray[np.uint8]) -> None:
    """Add rows to the sums of their group, in place."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    if len(present):
        sums[present] += np.add.reduceat(values[order], starts, axis=0)


def _listed(lengths: list[int]) -> str:
    return " and ".join(str(one) for one in lengths)
