"""Drift of what the model sees: embeddings of a window against those of the reference window.

The effect is the maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012) from random Fourier
features, beside a null band: how far two windows of one population lie apart, with the same patients repeating as
they do here. Drift alone is `watch` at most: it may be harmless.
"""

import math
from typing import Final

import numpy as np

from monitors.drift_null import DECIMALS, FEWEST_PATIENTS, null_of
from monitors.drift_rows import ColumnDrift
from monitors.embedding_sums import EmbeddingError, EmbeddingSums
from monitors.groups import mean_cluster_size
from monitors.judged import GRID
from monitors.measurement import Direction, Interval, Measure

EMBEDDING_DISTANCE: Final = Measure(
    "embedding_distance",
    "Distance of the embeddings to the reference window",
    "outputs",
    0.0,
    math.sqrt(2),
    Direction.HIGHER_IS_WORSE,
    Interval.NONE,
    floor=50,
    ceiling="watch",
    unit="distance",
)
NAME: Final = "embedding_drift"
#: Raised whenever the same rows would give another number.
VERSION: Final = 1
ITEM: Final = "embedding"
METHOD: Final = "Maximum mean discrepancy, Gaussian kernel, random Fourier features; 95 % point under no change"


def compare(window: EmbeddingSums, reference: EmbeddingSums) -> ColumnDrift:
    """Distance and null band from the sums of two windows in one `Space`.

    With δ the difference of mean features, E‖δ‖² = MMD² + tr V, so ‖δ‖² − tr V has no bias; V is the
    delete-a-group jackknife covariance of δ, the groups being the same in both windows, so patients who repeat, in
    one window or in both, are in it. Raises EmbeddingError below 50 patients in either window.
    """
    people = min(window.patients, reference.patients)
    if people[0] < FEWEST_PATIENTS:
        raise EmbeddingError(
            f"The embeddings of one window are of {people[0]} patients; {FEWEST_PATIENTS} are needed."
        )
    (now, now_rest), (then, then_rest) = window.means(), reference.means()
    filled = (window.weights > 0) | (reference.weights > 0)
    null = null_of((now_rest - then_rest)[filled])
    squared = float(((now - then) ** 2).sum()) - null.mean
    distance = round(math.sqrt(max(0.0, squared)), DECIMALS)
    band = round(math.sqrt(max(0.0, null.above)), DECIMALS)
    return ColumnDrift(
        column=ITEM,
        title="Embeddings",
        item="",
        distance=distance,
        total_variation=None,
        null_high=band,
        drifted=distance > band,
        method=METHOD,
        categories=(),
        reference_shares=(),
        window_shares=(),
        n_window=window.n,
        n_reference=reference.n,
        n_eff_window=window.n / _design_effect(window),
        n_eff_reference=reference.n / _design_effect(reference),
        patients=people[0],
        patients_exact=people[1],
    )


def _design_effect(sums: EmbeddingSums) -> float:
    """What clustering costs the mean features: n·tr V/(1 − ‖mean z‖²), from 1 to the mean cluster size."""
    size = mean_cluster_size(sums.weights.astype(np.float64) / GRID)
    mean, rest = sums.means()
    spread = 1 - float(mean @ mean)
    trace = null_of(rest[sums.weights > 0]).mean
    return float(np.clip(sums.n * trace / spread, 1.0, size)) if spread > 0 else size
