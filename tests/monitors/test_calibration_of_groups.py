"""Groups of different size are compared by statistics whose expectation does not hang on the size."""

import numpy as np
import pytest

from monitors.groups import GROUPS
from monitors.intervals import squared_calibration_error

BINS = 10
RUNS = 300


def _runs(images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q̂, signed gap and plug-in error of a perfectly calibrated model, one image a patient, over many runs."""
    rng = np.random.default_rng(seed)
    squared, signed, plug_in = (np.empty(RUNS) for _ in range(3))
    for run in range(RUNS):
        confidence = rng.beta(8, 2, images)
        right = rng.uniform(size=images) < confidence
        cell = rng.integers(GROUPS, size=images) * BINS + np.minimum((confidence * BINS).astype(int), BINS - 1)
        n, sums, events = (
            np.bincount(cell, weights, GROUPS * BINS).reshape(GROUPS, BINS).astype(np.float64)
            for weights in (np.ones(images), confidence, right.astype(float))
        )
        squared[run] = squared_calibration_error(n, sums, events)[0]
        signed[run] = confidence.mean() - right.mean()
        plug_in[run] = np.abs(sums.sum(axis=0) - events.sum(axis=0)).sum() / images
    return squared, signed, plug_in


def test_a_small_group_of_the_same_quality_does_not_look_worse() -> None:
    small, large = _runs(300, 1), _runs(5_000, 2)
    for one, other in zip(small[:2], large[:2], strict=True):
        error = np.sqrt((one.var() + other.var()) / RUNS)
        assert one.mean() - other.mean() == pytest.approx(0, abs=4 * error)
        assert one.mean() == pytest.approx(0, abs=4 * one.std() / np.sqrt(RUNS))
    # what nobody should compare: three times as large in the smaller group, by chance alone
    assert small[2].mean() > 3 * large[2].mean()
