"""Drift against scipy, its null band, Evidently's page, and the row sample that feeds it."""

import itertools
import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from monitors import drift
from monitors.columns import JudgedError
from monitors.drift import DRIFT, Drift
from monitors.drift_columns import COLUMNS, Column
from monitors.drift_null import clustered_band, design_effect, jensen_shannon, null_band
from monitors.drift_numbers import from_reference
from monitors.drift_rows import DISTANCE, ColumnDrift, Of, measurement
from monitors.evidently_drift import EvidentlyError, evidently_page
from monitors.measurement import Window
from monitors.sample import RowSample, SampleError
from monitors.tally import Tally, TallyError
from monitors.threshold import Bound, Status, decide
from tests.monitors.population import STRATA, TABLES, cluster_sizes, reports

REPORT = Drift("report")


def tally(seed: int, patients: int = 400, words: float = 60) -> Tally:
    return Tally.of(REPORT, reports(np.random.default_rng(seed), patients, words=words), STRATA)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_distance_is_scipys(counts: list[tuple[int, int]]) -> None:
    p, q = np.array(counts, float).T
    if p.sum() == 0 or q.sum() == 0:
        return
    p, q = p / p.sum(), q / q.sum()
    assert float(jensen_shannon(p, q)) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-6)


def test_the_null_band_is_rarely_left_without_change() -> None:
    """5 % by construction; patients repeat, so the effective size is what keeps it there."""
    left = [
        one.drifted
        for seed in range(40)
        for one in drift.compare(tally(seed), tally(1000 + seed), version="v1", attributes=("sex", "site"))
    ]
    assert len(left) >= 200
    assert np.mean(left) < 0.07


def test_a_band_shrinks_with_the_sample_and_is_the_same_each_time() -> None:
    p = np.array([0.2, 0.3, 0.5])
    assert null_band(p, p, 50, 50, 1) > null_band(p, p, 500, 500, 1) > null_band(p, p, 5000, 5000, 1)
    assert null_band(p, p, 50, 50, 1) == null_band(p, p, 50, 50, 1)


def clustered(rng: np.random.Generator, patients: int, shares: np.ndarray, rho: float) -> np.ndarray:
    """Category counts by patient group: any two reports of a patient agree by choice with probability `rho`."""
    owner = np.repeat(np.arange(patients), cluster_sizes(rng, patients))
    own = rng.choice(len(shares), patients, p=shares)[owner]
    free = rng.choice(len(shares), len(owner), p=shares)
    kept = rng.uniform(size=len(owner)) < np.sqrt(rho)
    counts = np.zeros((256, len(shares)))
    np.add.at(counts, (rng.integers(256, size=patients)[owner], np.where(kept, own, free)), 1)
    return counts


def banded(now: np.ndarray, then: np.ndarray, seed: int, simple: bool = False) -> bool:
    """Whether the distance leaves its band."""
    p, q = now.sum(axis=0) / now.sum(), then.sum(axis=0) / then.sum()
    n, m = now.sum() / design_effect(now), then.sum() / design_effect(then)
    band = null_band(p, q, n, m, seed) if simple else clustered_band(now, then, n, m, seed)
    return bool(jensen_shannon(p, q) > band)


@pytest.mark.parametrize(("categories", "patients"), [(20, 200), (2, 300)])
def test_the_clustered_band_is_left_in_at_most_one_window_in_twenty(categories: int, patients: int) -> None:
    """ρ = .3. One mean design effect alone lets 20 categories out half as often again."""
    rng = np.random.default_rng(17)
    shares = np.exp(-np.abs(np.arange(categories) - categories / 3) / 2.5)
    shares = shares / shares.sum()
    pairs = [tuple(clustered(rng, k, shares, 0.3) for k in (patients, 2 * patients)) for _ in range(300)]
    left = np.mean([banded(now, then, i) for i, (now, then) in enumerate(pairs)])
    assert left <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
    if categories > 2:
        alone = np.mean([banded(now, then, i, simple=True) for i, (now, then) in enumerate(pairs)])
        assert alone > left


def test_patients_in_both_windows_narrow_the_band() -> None:
    """The same patients who keep their category: less chance, so less change is needed to be seen."""
    rng = np.random.default_rng(5)
    group, own = rng.integers(256, size=600), rng.choice(3, 600, p=[0.5, 0.3, 0.2])
    now = np.zeros((256, 3))
    np.add.at(now, (group, own), 2)
    again = now.copy()
    again[group[:30], own[:30]] -= 1  # thirty of 1,200 results differ
    again[group[:30], (own[:30] + 1) % 3] += 1
    together, apart = (clustered_band(now, then, 600, 600, 1) for then in (again, np.roll(again, 7, axis=0)))
    assert together < 0.4 * apart
    assert clustered_band(now, now, 600, 600, 1) == 0


def with_number(table: pa.Table, values: np.ndarray) -> pa.Table:
    return table.append_column("number:grey", pa.array(values, pa.float64(), from_pandas=True))


def test_numeric_attributes_drift_by_their_distribution() -> None:
    rng = np.random.default_rng(2)
    before, after = (reports(np.random.default_rng(s), 500) for s in (21, 22))
    n, m = before.num_rows, after.num_rows
    reference = with_number(before, rng.normal(120, 12, n))
    numbers = from_reference(reference, ["grey"])
    monitor = Drift("report", numbers=numbers)
    then = Tally.of(monitor, reference, STRATA)
    seen = {}
    for name, values in {
        "same": rng.normal(120, 12, m),
        "darker": rng.normal(108, 12, m),
        "flatter": rng.normal(120, 4, m),
        "missing": np.where(rng.uniform(size=m) < 0.3, np.nan, rng.normal(120, 12, m)),
    }.items():
        now = Tally.of(monitor, with_number(after, values), STRATA)
        made = {c.column: c for c in drift.compare(now, then, version="v1", numbers=numbers)}
        assert set(made) > {"length", "grey"}
        seen[name] = made["grey"]
    assert not seen["same"].drifted
    assert all(seen[name].drifted for name in ("darker", "flatter", "missing"))
    assert sum(seen["same"].reference_shares) == pytest.approx(1)
    assert seen["missing"].categories[-1] == "missing"
    assert seen["same"].n_window == m


def test_numbers_are_cut_where_the_reference_is_and_new_values_stand_out() -> None:
    table = pa.table(
        {
            "number:kv": [100.0] * 60 + [120.0] * 900 + [None] * 40,
            "number:none": pa.nulls(1000, pa.float64()),
        }
    )
    heaped, empty = from_reference(table, ["kv", "none"])
    bins = heaped.bins(np.array([90.0, 100.0, 110.0, 120.0, 125.0, np.nan]))
    np.testing.assert_array_equal(bins, [0, 1, 1, 2, 3, 4])
    assert len(heaped.labels) == len(heaped.cells) == 5
    assert empty.labels == ("any", "missing")
    np.testing.assert_array_equal(empty.bins(np.array([3.0, np.nan])), [0, 1])
    with pytest.raises(JudgedError, match="no column 'number:age'"):
        from_reference(table, ["age"])


def test_numbers_cut_elsewhere_cannot_be_added_or_compared() -> None:
    table = reports(np.random.default_rng(0), 100)
    table = with_number(table, np.arange(table.num_rows, dtype=float))
    one, two = (from_reference(t, ["grey"]) for t in (table, table.slice(50)))
    tallies = [Tally.of(Drift("report", numbers=n), table, STRATA) for n in (one, two)]
    with pytest.raises(TallyError):
        Tally.merge(tallies)
    with pytest.raises(TallyError, match="same numeric columns"):
        drift.compare(*tallies, version="v1", numbers=one)


def test_design_effect_of_a_patients_own_attribute_is_its_cluster_size() -> None:
    """Sex never varies within a patient, so its design effect is about m̃; an independent column has none."""
    rng = np.random.default_rng(0)
    own: list[float] = []
    free: list[float] = []
    for _ in range(60):
        group = np.repeat(rng.integers(256, size=400), 5)
        sex = np.repeat(rng.integers(2, size=400), 5)
        coin = rng.integers(2, size=2000)
        for column, found in ((sex, own), (coin, free)):
            counts = np.zeros((256, 2))
            np.add.at(counts, (group, column), 1)
            found.append(design_effect(counts))
    assert np.mean(own) == pytest.approx(5, rel=0.1)
    assert np.mean(free) == pytest.approx(1, abs=0.15)


def test_a_change_is_seen_in_its_own_column_only() -> None:
    made = {d.column: d for d in drift.compare(tally(1), tally(2, words=110), version="v1", attributes=("sex",))}
    assert made["length"].drifted
    assert made["length"].distance > 0.5
    assert not made["sex"].drifted
    assert sum(made["length"].window_shares) == pytest.approx(1)
    assert len(made["length"].categories) == len(made["length"].window_shares)
    assert "confidence" not in made  # stated by neither: nothing to compare


def test_awaiting_references_are_not_drift() -> None:
    table = reports(np.random.default_rng(3), 600)
    late = table.set_column(
        table.column_names.index("reference_findings"),
        table.schema.field("reference_findings"),
        pa.array(
            [None if i % 2 else v for i, v in enumerate(table["reference_findings"].to_pylist())], pa.int32()
        ),
    )
    made = drift.compare(Tally.of(REPORT, late, STRATA), Tally.of(REPORT, table, STRATA), version="v1")
    assert not next(d for d in made if d.column == "reference_findings").drifted


def ruled(made: list[ColumnDrift], bound: Bound) -> tuple[Status, str]:
    """The verdict on the length of the text, and its reason."""
    column = next(d for d in made if d.column == "length")
    row = measurement(Of(DISTANCE, REPORT.name, REPORT.version, "report", "v1", Window()), column)
    assert (row.measure, row.item) == ("drift_distance", "length")
    assert (row.value, row.high) == (column.distance, column.null_high)
    verdict = decide(row, DISTANCE, bound)
    return verdict.status, verdict.reason


def test_drift_is_watch_at_most_and_insufficient_when_chance_reaches_the_bound() -> None:
    far = drift.compare(tally(1), tally(2, words=110), version="v1")
    assert ruled(far, Bound(watch=0.1, act=0.2))[0] is Status.WATCH
    near = drift.compare(tally(1, 80), tally(2, 80), version="v1")
    status, reason = ruled(near, Bound(watch=0.05))
    assert status is Status.INSUFFICIENT
    assert "chance alone" in reason
    assert ruled(drift.compare(tally(1, 8), tally(2, 8), version="v1"), Bound(watch=0.9))[0] is Status.INSUFFICIENT
    assert ruled(drift.compare(tally(1), tally(2), version="v1"), Bound(watch=0.2))[0] is Status.OK


def test_only_tallies_of_one_drift_monitor_compare() -> None:
    with pytest.raises(TallyError, match="drift monitor"):
        drift.compare(tally(1, 5), Tally.zero(DRIFT[1], STRATA), version="v1")


@pytest.mark.parametrize("column", [c for cs in COLUMNS.values() for c in cs], ids=lambda c: c.name)
def test_every_value_has_one_category(column: Column) -> None:
    values = np.array([0.0, 1.0] if column.logit else [0, 1, 2, 3, 4, 5, 7, 9, 511, 512, 10_000], float)
    bins = column.bins(values)
    assert (np.diff(bins) >= 0).all()
    assert bins[0] == 0
    assert bins.max() < len(column.labels) - column.missing
    assert len(set(column.labels)) == len(column.labels)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 300), max_size=4), order=st.integers(0, 1000))
def test_the_sample_is_the_same_however_rows_arrive(cuts: list[int], order: int) -> None:
    table = reports(np.random.default_rng(0), 150)
    whole = RowSample.of(table, ["length", "site"], k=40)
    mixed = table.take(np.random.default_rng(order).permutation(table.num_rows))
    ends = sorted({0, *(min(c, table.num_rows) for c in cuts), table.num_rows})
    parts = [mixed.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    merged = RowSample.merge([RowSample.of(p, ["length", "site"], k=40) for p in parts])
    assert merged == whole
    assert RowSample.merge([whole, whole]) == whole
    assert whole.table.num_rows == 40


def test_the_sample_is_fair_and_survives_its_bytes() -> None:
    table = reports(np.random.default_rng(1), 2000)
    sample = RowSample.of(table, ["site", "length"], k=1500, seed=5)
    share = np.mean(np.array(sample.table["site"].to_pylist()) == "north")
    assert share == pytest.approx(0.5, abs=0.05)
    assert RowSample.from_bytes(sample.to_bytes()) == sample
    assert RowSample.of(table, ["site", "length"], k=1500, seed=6) != sample
    with pytest.raises(SampleError, match="not a row sample"):
        RowSample.from_bytes(sample.to_bytes()[:100])
    with pytest.raises(SampleError, match="cannot be merged"):
        RowSample.merge([sample, RowSample.of(table, ["site"], k=1500, seed=5)])
    with pytest.raises(SampleError, match="no column 'age'"):
        RowSample.of(table, ["age"])


def test_evidentlys_page_sees_the_change_and_reaches_for_nothing() -> None:
    before, after = (
        RowSample.of(
            reports(np.random.default_rng(s), 400, words=w), ["length", "confidence", "sex", "site"]
        ).table
        for s, w in ((1, 60), (2, 110))
    )
    page = evidently_page(before, after, ["length", "confidence"], ["sex", "site"])
    assert set(page.scores) == {"length", "sex", "site"}  # no confidence was stated
    assert page.scores["length"].score > page.scores["length"].threshold
    assert page.scores["sex"].score < page.scores["sex"].threshold
    assert page.scores["length"].method == "jensenshannon"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert "<script src=" not in page.html
    assert page.html.count("<html") == 1
    with pytest.raises(EvidentlyError, match="nothing to compare"):
        evidently_page(before, after, ["confidence"], [])


def test_every_task_has_its_columns() -> None:
    assert set(COLUMNS) == set(TABLES) - {"agreement", "probe"}  # pairs of judgements have no columns of their own
