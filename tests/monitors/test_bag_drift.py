"""Drift of words and findings: sums against a plain count, the band against the chi-square, planted changes."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from benchmarks.bag_drift import Setting, pair
from monitors.bag_drift import FINDINGS, WORDS, BagError, compare
from monitors.bags import MOST, BagSums, vocabulary
from monitors.drift_rows import DISTANCE, Of, measurement
from monitors.judged import GRID
from monitors.measurement import Window
from monitors.threshold import Bound, Status, decide

Bags = list[list[str] | None]


def batch(bags: Bags, subjects: list[str] | None = None, weights: list[int] | None = None) -> pa.RecordBatch:
    n = len(bags)
    return pa.RecordBatch.from_pydict(
        {
            "bag": pa.array(bags, pa.list_(pa.string())),
            "subject_id": pa.array(subjects or [f"p{i}" for i in range(n)]),
            "weight": pa.array(weights or [GRID] * n),
        }
    )


def both(now: Bags, then: Bags) -> tuple[BagSums, BagSums]:
    entries = vocabulary(pa.array(bags, pa.list_(pa.string())) for bags in (now, then))
    return BagSums.of(entries, [batch(now)]), BagSums.of(entries, [batch(then)])


some_bags = st.lists(st.none() | st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=6), max_size=30)


@settings(deadline=None)
@given(some_bags, st.sets(st.sampled_from(["a", "b", "c", "x"])), st.integers(1, 29))
def test_sums_are_a_plain_count(bags: Bags, known: set[str], cut: int) -> None:
    entries = sorted(known)
    subjects = [f"p{i % 7}" for i in range(len(bags))]
    whole = batch(bags, subjects) if bags else batch([])
    sums = BagSums.of(entries, [whole.slice(0, cut), whole.slice(cut)], seed=3)
    kept = [set(bag) - {""} for bag in bags if bag is not None]
    counted = [sum(entry in bag for bag in kept) for entry in entries]
    others, none = sum(len(bag - known) for bag in kept), sum(not bag for bag in kept)
    assert (sums.counts.sum(axis=0) / GRID).tolist() == [*counted, others, none]
    assert sums.n == len(kept)
    assert sums.patients == (len({s for s, bag in zip(subjects, bags, strict=True) if bag is not None}), True)


def test_a_draft_of_several_counts_its_part() -> None:
    sums = BagSums.of(["a"], [batch([["a"], ["a"], ["b"]], ["p", "p", "q"], [GRID // 2, GRID // 2, GRID])])
    assert sums.n == 2
    assert sums.shares.tolist() == [0.5]


def test_the_commonest_entries_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    bags: Bags = [
        [f"w{k}" for k in np.flatnonzero(rng.uniform(size=900) < 1 / np.arange(1, 901))] for _ in range(400)
    ]
    chosen = vocabulary([pa.array(bags)])
    outputs = {f"w{k}": sum(f"w{k}" in (bag or ()) for bag in bags) for k in range(900)}
    assert len(chosen) == MOST
    assert min(outputs[entry] for entry in chosen) >= max(n for e, n in outputs.items() if e not in chosen)


def test_the_distance_is_that_of_the_shares_of_all_entries() -> None:
    now: Bags = [["a", "b"], ["a"], [], ["c", "a", "a"]] * 40
    then: Bags = [["a", "b"], ["b"], ["b", "c"], []] * 40
    found = compare(*both(now, then), FINDINGS)
    # a, b, c, none: entries of one output once each
    assert found.distance == pytest.approx(jensenshannon([3, 1, 1, 1], [1, 3, 1, 1], base=2), abs=1e-6)
    assert dict(zip(found.categories, found.window_shares, strict=True)) == {"a": 0.75, "b": 0.25}
    assert dict(zip(found.categories, found.reference_shares, strict=True)) == {"a": 0.25, "b": 0.75}
    assert (found.n_window, found.patients, found.total_variation) == (160, 160, None)
    assert found.drifted


def test_of_one_entry_an_output_the_band_is_that_of_the_chi_square() -> None:
    rng = np.random.default_rng(4)
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    names = np.array(["a", "b", "c", "d"])

    def side(n: int) -> Bags:
        return [[name] for name in rng.choice(names, n, p=shares)]

    found = [compare(*both(side(2_000), side(3_000)), FINDINGS).null_high for _ in range(20)]
    # 2·ln 2·4·JSD²/(1/n + 1/m) is chi-square with K − 1 degrees of freedom
    point = math.sqrt(7.814728 * (1 / 2_000 + 1 / 3_000) / (8 * math.log(2)))
    assert np.mean(found) == pytest.approx(point, rel=0.05)


def test_the_same_outputs_are_no_distance() -> None:
    bags: Bags = [["a", "b"], ["b"], []] * 50
    found = compare(*both(bags, bags), WORDS)
    assert (found.distance, found.null_high, found.drifted, found.categories) == (0.0, 0.0, False, ())


@pytest.mark.parametrize("column", [WORDS, FINDINGS])
def test_chance_stays_in_the_band_and_a_change_leaves_it(column: str) -> None:
    quiet = [
        pair(Setting(column, 400, 0.3, shared), seed).drifted for shared in (False, True) for seed in range(20)
    ]
    assert sum(quiet) <= 7  # of 40: at 5 % a tenth of a percent of the time
    loud = [pair(Setting(column, 2_000, 0.3, False, 0.25), seed).drifted for seed in range(2)]
    assert all(loud)


def test_names_are_of_enough_patients_and_of_words_that_may_be_told() -> None:
    rare: Bags = [*[["lung", "millerson"]] * 60, *[["lung", "smithers"]] * 10, *[["heart"]] * 60]
    then: Bags = [["lung"], ["heart"]] * 60
    assert set(compare(*both(rare, then), WORDS).categories) == {"lung", "heart", "millerson"}
    told = compare(*both(rare, then), WORDS, may_name={"lung", "heart"})
    assert set(told.categories) == {"lung", "heart"}
    assert told.distance == compare(*both(rare, then), WORDS).distance


def test_few_patients_are_refused_and_drift_is_watch_at_most() -> None:
    with pytest.raises(BagError, match="are of 49 patients; 50 are needed"):
        compare(*both([["a"]] * 49, [["b"]] * 80), WORDS)
    far = compare(*both([["a"]] * 90, [["b"]] * 80), WORDS)
    assert far.distance == 1.0
    row = measurement(Of(DISTANCE, "drift_report", 2, "report", "v1", Window()), far)
    assert (row.item, row.value) == ("words", 1.0)
    assert decide(row, DISTANCE, Bound(watch=0.1, act=0.2)).status is Status.WATCH
