"""Patients in 256 groups: the resampling unit of every interval.

A patient is in the same group in every week, slice, monitor and process, so group totals give the delete-a-group
jackknife, any number of replicates, and the covariance of anything with anything, without storing a replicate.
"""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Number of patient groups. Simulated: coverage equals that of patient-level replicates.
GROUPS: Final = 256


def assign(subjects: pa.Array | pa.ChunkedArray, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Group (0–255) and hash (63 bits) of the subject of each row, by BLAKE2b keyed with the seed.

    The hash is independent of the group, so that distinct patients can be counted from its smallest values.

    >>> group, _ = assign(pa.array(["p1", "p2", "p1"]), seed=0)
    >>> bool(group[0] == group[2])
    True
    """
    codes = pc.dictionary_encode(subjects)
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.combine_chunks()
    if codes.null_count:
        raise ValueError("subject_id is missing in some rows; where no patient is known, give the study.")
    key = seed.to_bytes(8, "little", signed=True)
    names = codes.dictionary.cast(pa.string()).to_pylist()
    digests = b"".join(hashlib.blake2b(n.encode(), digest_size=16, key=key).digest() for n in names)
    words = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    index = codes.indices.to_numpy(zero_copy_only=False)
    group = (words[:, 0] & np.uint64(GROUPS - 1)).astype(np.uint8)
    return group[index], (words[:, 1] >> np.uint64(1)).astype(np.uint64)[index]


def leave_one_out(totals: Floats) -> Floats:
    """Group totals of shape (256, cells) to the totals without each group, of the same shape."""
    rest: Floats = totals.sum(axis=0) - totals
    return rest


def jackknife_covariance(values: Floats, filled: NDArray[np.bool_]) -> Floats:
    """Delete-a-group jackknife covariance of leave-one-out `values`, shape (256, k) → (k, k).

    V = (m−1)/m · Σ_g (θ₍g₎ − θ̄)(θ₍g₎ − θ̄)ᵀ over the m groups that hold any data (`filled`); leaving an empty
    group out changes nothing. NaN with fewer than two filled groups. Source: Efron & Stein 1981.
    """
    kept = values[filled]
    m = len(kept)
    if m < 2:
        return np.full((values.shape[1], values.shape[1]), np.nan)
    away = kept - kept.mean(axis=0)
    covariance: Floats = (m - 1) / m * away.T @ away
    return covariance


def jackknife_variance(values: Floats, filled: NDArray[np.bool_]) -> float:
    """Delete-a-group jackknife variance of one statistic from its 256 leave-one-out values."""
    return float(jackknife_covariance(values[:, None], filled)[0, 0])


def degrees_of(parts: Floats) -> float:
    """Degrees of freedom of a variance that is a sum over groups of `parts`, u ≥ 0 (Satterthwaite 1946).

    It varies as a χ² of 2·m·ū²/Var(u) degrees: about m where the groups contribute alike, and far fewer where a
    few of them hold most of it, as of many studies of one patient, or of rare events. Infinite if all are equal.
    """
    noise = float(parts.var(ddof=1)) / len(parts)
    return 2 * float(parts.mean()) ** 2 / noise if noise > 0 else float("inf")


def jackknife_degrees(values: Floats, filled: NDArray[np.bool_]) -> float:
    """Degrees of freedom of the delete-a-group jackknife variance of one statistic, the sum of (θ₍g₎ − θ̄)².

    As many as there are filled groups where these are wholly alike; NaN with fewer than two of them.
    """
    kept = values[filled]
    if len(kept) < 2:
        return float("nan")
    degrees = degrees_of((kept - kept.mean()) ** 2)
    return float(len(kept)) if degrees == float("inf") else degrees


def correlation(first: Floats, second: Floats) -> float:
    """Correlation of two statistics over the same patient groups; 0 where one of them does not vary."""
    sound = np.isfinite(first) & np.isfinite(second)
    if sound.sum() < 3:
        return 0.0
    a, b = first[sound] - first[sound].mean(), second[sound] - second[sound].mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip((a @ b) / scale, -1.0, 1.0)) if scale > 0 else 0.0


def mean_cluster_size(sizes: Floats) -> float:
    """Mean cluster size seen by an observation, m̃ = Σm²/Σm, from the 256 group totals of the denominator.

    m̃ = [Σ_g n_g² − n²/G] / [n(1 − 1/G)], never below 1; NaN where the denominator is empty.

    >>> mean_cluster_size(np.array([1.0] * 256))
    1.0
    """
    n = float(sizes.sum())
    if n <= 0:
        return float("nan")
    spread = float(sizes @ sizes) - n * n / len(sizes)
    return max(1.0, spread / (n * (1 - 1 / len(sizes))))


def poisson_replicates(totals: Floats, replicates: int, seed: int) -> Floats:
    """Totals of Poisson(1) replicates over groups: (256, cells) → (replicates, cells).

    Every group carries the same draw in every slice and window that is given the same seed.
    """
    draws = np.random.default_rng(seed).poisson(1.0, size=(replicates, len(totals)))
    sums: Floats = draws.astype(np.float64) @ totals
    return sums
