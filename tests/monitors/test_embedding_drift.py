"""Embedding drift against the exact kernel distance, its null band, its power, and what it refuses."""

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.embedding_drift import SHIFT, Setting, batch, drawn, measured
from monitors import embedding_drift
from monitors.drift_null import null_of
from monitors.drift_rows import Of, measurement, refused
from monitors.embedding_drift import EMBEDDING_DISTANCE, compare
from monitors.embedding_sums import FREQUENCIES, EmbeddingError, EmbeddingSums, Space
from monitors.judged import GRID
from monitors.measurement import Window
from monitors.threshold import Bound, Status, decide

Floats = NDArray[np.float64]


def exact(x: Floats, y: Floats, bandwidth: float) -> float:
    """MMD² of Gretton et al. 2012 in its biased form, with every pair."""

    def kernel(a: Floats, b: Floats) -> Floats:
        apart: Floats = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.exp(-apart / (2 * bandwidth**2))

    return float(kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean())


def own(rows: int) -> list[str]:
    """Everybody has one study."""
    return [f"p{i}" for i in range(rows)]


def lists(values: Floats) -> pa.Array:
    return batch(values, own(len(values)))["embedding"]


def approximated(x: Floats, y: Floats, frequencies: int, seed: int) -> tuple[float, float]:
    """‖δ‖² from random features, and the exact MMD² of the same bandwidth."""
    space = Space.of(lists(y), seed, frequencies)
    means = [EmbeddingSums.of(space, [batch(one, own(len(one)))]).means()[0] for one in (x, y)]
    return float(((means[0] - means[1]) ** 2).sum()), exact(x, y, space.bandwidth)


def test_random_features_come_near_the_exact_distance_the_more_there_are() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(60, 5)) + 0.5, rng.normal(size=(80, 5))
    errors = {}
    for frequencies in (16, 128, 1024):
        pairs = [approximated(x, y, frequencies, seed) for seed in range(24)]
        errors[frequencies] = np.sqrt(np.mean([(found - right) ** 2 for found, right in pairs])) / pairs[0][1]
    assert errors[16] > 1.8 * errors[128] > 3.2 * errors[1024]
    assert errors[1024] < 0.06


def test_the_bandwidth_is_the_median_distance() -> None:
    values = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32).astype(float)
    pairs = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(values, 2)]
    assert Space.of(lists(values), 0).bandwidth == pytest.approx(np.median(pairs), rel=1e-8)


def test_a_change_of_scale_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(70, 4)) + 0.4, rng.normal(size=(90, 4))
    found = []
    for scale in (1.0, 1024.0):
        space = Space.of(lists(y * scale), 5)
        found.append(compare(*(EmbeddingSums.of(space, [batch(one * scale, own(len(one)))]) for one in (x, y))))
    assert found[0] == found[1]


def test_the_null_has_the_moments_of_its_covariance() -> None:
    """Normal deviations of known eigenvalues: mean Σλ, and the 95 % point of Σ λ χ²₁ by simulation."""
    rng = np.random.default_rng(4)
    eigenvalues = np.r_[np.full(4, 1.0), np.full(60, 0.05)]
    point = np.quantile((rng.normal(size=(200_000, 64)) ** 2) @ eigenvalues, 0.95)
    found = [null_of(rng.normal(size=(256, 64)) * np.sqrt(eigenvalues / 256)) for _ in range(200)]
    assert np.mean([one.mean for one in found]) == pytest.approx(eigenvalues.sum(), rel=0.02)
    assert np.mean([one.mean + one.above for one in found]) == pytest.approx(point, rel=0.03)


@pytest.mark.parametrize(
    "setting",
    [Setting(8, 150, 0.15, shared=True), Setting(64, 150, 0.3, shared=False)],
    ids=str,
)
def test_the_band_is_left_in_one_window_of_twenty_and_a_change_is_seen(setting: Setting) -> None:
    runs = 100
    left = np.mean([one.drifted for one in measured(setting, runs)])
    assert left <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    seen = np.mean([one.drifted for one in measured(replace(setting, shift=3 * SHIFT), 20)])
    assert seen > 0.6


def test_patients_in_both_windows_narrow_the_band() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(300, 6))
    space = Space.of(lists(values), 0)
    then = EmbeddingSums.of(space, [batch(values, own(300))])
    names = own(300)
    again = EmbeddingSums.of(space, [batch(values + 0.1 * rng.normal(size=(300, 6)), names)])
    others = EmbeddingSums.of(space, [batch(rng.normal(size=(300, 6)), [f"q{i}" for i in range(300)])])
    assert compare(again, then).null_high < 0.4 * compare(others, then).null_high
    same = compare(then, then)
    assert (same.distance, same.null_high, same.drifted) == (0.0, 0.0, False)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=4), order=st.integers(0, 1000))
def test_sums_are_the_same_however_rows_arrive(cuts: list[int], order: int) -> None:
    rng = np.random.default_rng(0)
    rows = batch(rng.normal(size=(400, 7)), [f"p{i // 2}" for i in range(400)])
    space = Space.of(rows["embedding"], 1)
    whole = EmbeddingSums.of(space, [rows], 3)
    mixed = rows.take(pa.array(np.random.default_rng(order).permutation(400)))
    ends = sorted({0, *cuts, 400})
    parts = EmbeddingSums.of(space, [mixed.slice(a, b - a) for a, b in itertools.pairwise(ends)], 3)
    # a feature on the very edge of two steps of the grid may go either way with the shape of a product
    assert np.abs(parts.features - whole.features).max() <= 1
    np.testing.assert_array_equal(parts.weights, whole.weights)
    np.testing.assert_array_equal(parts.subjects, whole.subjects)
    assert whole.patients == (200, True) and whole.n == 400


_ELSEWHERE = """
from benchmarks.embedding_drift import Setting, measured
for one in measured(Setting(40, 200, 0.3, False, shift=0.2), 2):
    print(repr(one))
"""


def test_every_process_finds_the_same() -> None:
    here = [repr(one) for one in measured(Setting(40, 200, 0.3, False, shift=0.2), 2)]
    ran = subprocess.run([sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == here


def test_rows_without_an_embedding_are_left_out() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(100, 3))
    rows = batch(values, own(100))
    space = Space.of(rows["embedding"], 0)
    some: list[list[float | None] | None] = values.tolist()
    some[3], some[4], some[5] = None, [1.0, float("inf"), 0.0], [None, 1.0, 1.0]
    embedding = pa.array(some, pa.list_(pa.float32()))
    found = EmbeddingSums.of(space, [pa.record_batch({**_columns(rows), "embedding": embedding})])
    kept = rows.filter(pa.array([i not in (3, 4, 5) for i in range(100)]))
    right = EmbeddingSums.of(space, [kept])
    np.testing.assert_array_equal(found.features, right.features)
    assert found.patients == (97, True)


def _columns(rows: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(rows.schema.names, rows.columns, strict=True))


def test_drafts_of_one_case_share_its_weight() -> None:
    values = np.random.default_rng(2).normal(size=(80, 3))
    rows = batch(values, own(80))
    space = Space.of(rows["embedding"], 0)
    twice = pa.Table.from_batches([rows, rows]).combine_chunks().to_batches()[0]
    halves = pa.record_batch({**_columns(twice), "weight": pa.array(np.full(160, GRID // 2))})
    one, two = (EmbeddingSums.of(space, [each]) for each in (rows, halves))
    np.testing.assert_allclose(two.means()[0], one.means()[0], atol=1e-6)
    assert two.n == one.n == 80


def test_what_cannot_be_compared_is_refused() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(120, 4))
    space = Space.of(lists(values), 0)
    then = EmbeddingSums.of(space, [batch(values, own(120))])
    few = EmbeddingSums.of(space, [batch(values, [f"p{i % 49}" for i in range(120)])])
    with pytest.raises(EmbeddingError, match="are of 49 patients; 50 are needed"):
        compare(few, then)
    with pytest.raises(EmbeddingError, match="have 5 numbers, those of the reference window 4"):
        EmbeddingSums.of(space, [batch(rng.normal(size=(3, 5)), own(3))])
    with pytest.raises(EmbeddingError, match="Most embeddings of the reference window are the same"):
        Space.of(lists(np.full((60, 4), 7.3)), 0)
    with pytest.raises(EmbeddingError, match="have 1 and 2 numbers"):
        Space.of(pa.array([[1.0], [1.0, 2.0]]), 0)


def test_drift_is_watch_at_most_and_a_refusal_is_insufficient() -> None:
    far = compare(*drawn(Setting(16, 300, 0.2, False, shift=2.0), 1)[1:])
    of = Of(EMBEDDING_DISTANCE, embedding_drift.NAME, embedding_drift.VERSION, "report", "v1", Window())
    row = measurement(of, far)
    assert (row.item, row.value, row.high) == ("embedding", far.distance, far.null_high)
    assert 50 < row.n_eff <= row.n
    assert decide(row, EMBEDDING_DISTANCE, Bound(watch=0.05, act=0.06)).status is Status.WATCH
    near = compare(*drawn(Setting(16, 300, 0.2, False), 1)[1:])
    assert decide(measurement(of, near), EMBEDDING_DISTANCE, Bound(watch=0.3)).status is Status.OK
    assert near.distance <= near.null_high < 0.3
    none = refused(of, "embedding", "no reference", n=300.0, patients=(160, True))
    verdict = decide(none, EMBEDDING_DISTANCE, Bound(watch=0.3))
    assert verdict.status is Status.INSUFFICIENT and "no reference" in verdict.reason
    assert none.monitor == embedding_drift.NAME
    assert Space.of(lists(np.eye(3)), 0).frequencies.shape == (3, FREQUENCIES)


def test_more_patients_than_are_counted_exactly() -> None:
    values = np.random.default_rng(0).normal(size=(6000, 2))
    space = Space.of(lists(values[:100]), 0)
    count, exactly = EmbeddingSums.of(space, [batch(values, own(6000))]).patients
    assert not exactly
    assert count == pytest.approx(6000, rel=0.05)
