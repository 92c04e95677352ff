"""Drift of what the model sees: embeddings of a window against those of the reference window.

The effect is the maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012) from random Fourier
features, beside a null band: how far two windows of one population lie apart, with the same patients repeating as
they do here. Drift alone is `watch` at most: it may be harmless.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from monitors.drift import ColumnDrift
from monitors.embedding_sums import EmbeddingError, EmbeddingSums
from monitors.groups import Floats, mean_cluster_size
from monitors.judged import GRID
from monitors.measurement import Direction, Interval, Measure, Measurement, Window

#: Patients that either window needs: with fewer, the band is not known well enough to hold.
FEWEST_PATIENTS: Final = 50
#: Decimals kept: the last bits of matrix products differ between machines.
_DECIMALS: Final = 6
_BAND: Final = 0.95

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


class _Null(NamedTuple):
    """MMD² without any change: its mean and the 95 % point above that mean."""

    mean: float
    above: float


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
    distance = round(math.sqrt(max(0.0, squared)), _DECIMALS)
    band = round(math.sqrt(max(0.0, null.above)), _DECIMALS)
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


def null_of(rest: Floats) -> _Null:
    """The distribution of ‖δ‖² without change from leave-one-group-out values of δ, of shape (groups, features).

    ‖δ‖² is Σ λ χ²₁ over the eigenvalues of its covariance V. Its 95 % point is that of a shifted and scaled χ²
    with the same mean, variance and skewness (Buckley & Eagleson 1988), as an F whose second degrees of freedom
    are those of tr V itself, which rests on 1/Σw² groups, w the share of each in tr V. tr V² and tr V³ come from
    different groups only, as sums over pairs and triples: products of a group with itself would count its noise as
    structure, and the band would be far too wide where embeddings have many dimensions.
    """
    groups = len(rest)
    away = (rest - rest.mean(axis=0)) * math.sqrt((groups - 1) / groups)
    gram = away @ away.T
    parts = np.diag(gram).copy()
    trace = float(parts.sum())
    if trace <= 0:
        return _Null(0.0, 0.0)  # the same patients with the same embeddings
    np.fill_diagonal(gram, 0.0)
    twice, thrice = (float(((parts / trace) ** power).sum()) for power in (2, 3))
    square = float((gram**2).sum()) / (1 - twice)
    cube = float(((gram @ gram) * gram).sum()) / (1 - 3 * twice + 2 * thrice)
    cube = max(cube, square**2 / trace)  # as of equal eigenvalues, the least skewed
    freedom = square**3 / cube**2
    point = float(special.fdtri(freedom, freedom / twice, _BAND))
    return _Null(trace, math.sqrt(square * freedom) * (point - 1))


def _design_effect(sums: EmbeddingSums) -> float:
    """What clustering costs the mean features: n·tr V/(1 − ‖mean z‖²), from 1 to the mean cluster size."""
    size = mean_cluster_size(sums.weights.astype(np.float64) / GRID)
    mean, rest = sums.means()
    spread = 1 - float(mean @ mean)
    trace = null_of(rest[sums.weights > 0]).mean
    return float(np.clip(sums.n * trace / spread, 1.0, size)) if spread > 0 else size


def measurement(drift: ColumnDrift, *, task: str, version: str, window: Window) -> Measurement:
    """The distance as a measurement; `low` and `high` are its null band, which is no interval of the value."""
    return _measurement(
        task,
        version,
        window,
        value=drift.distance,
        high=drift.null_high,
        n=drift.n_window,
        n_eff=min(drift.n_eff_window, drift.n_eff_reference),
        people=(drift.patients, drift.patients_exact),
        deff=drift.n_window / drift.n_eff_window,
        note=f"without any change it would stay below {drift.null_high:.3f} in 95 % of windows",
    )


def refused(
    why: str, *, n: float, patients: tuple[int, bool], task: str, version: str, window: Window
) -> Measurement:
    """No distance, and why; `n` and `patients` are those of the window."""
    nan = math.nan
    return _measurement(
        task, version, window, value=nan, high=nan, n=n, n_eff=nan, people=patients, deff=nan, note=why
    )


def _measurement(
    task: str,
    version: str,
    window: Window,
    *,
    value: float,
    high: float,
    n: float,
    n_eff: float,
    people: tuple[int, bool],
    deff: float,
    note: str,
) -> Measurement:
    return Measurement(
        measure=EMBEDDING_DISTANCE.name,
        monitor=NAME,
        monitor_version=VERSION,
        task=task,
        version=version,
        item=ITEM,
        slice="all",
        contrast="reference",
        window=window,
        value=value,
        low=0.0 if math.isfinite(value) else math.nan,
        high=high,
        n=n,
        events=math.nan,
        n_eff=n_eff,
        patients=people[0],
        patients_exact=people[1],
        deff=deff,
        interval=Interval.NONE.value,
        note=note,
    )
