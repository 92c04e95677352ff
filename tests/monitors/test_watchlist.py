"""The watch list: p-values, the false discovery rate, and what it must never be fed."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitors.charts.null import tolerable
from monitors.charts.shiryaev_roberts import Chart, watch
from monitors.intervals import mover
from monitors.measurement import Direction
from monitors.watchlist import (
    Counted,
    Gap,
    Side,
    WatchListError,
    benjamini_hochberg,
    p_value,
    promoted,
    watch_list,
)
from tests.monitors.charts.weeks import week

MONDAY = date(2024, 4, 1)
WORSE = Direction.HIGHER_IS_WORSE


def gap(name: str, first: Side, second: Side, monday: date = MONDAY, system: str = "drafts") -> Gap:
    return Gap(system, monday, "contradicted_reports", "", name, WORSE, first, second)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.integers(1, 4000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.floats(1, 4),
    st.floats(-0.5, 0.5),
)
def test_the_interval_at_level_p_ends_at_zero(
    a: tuple[int, int], b: tuple[int, int], deff: float, r: float
) -> None:
    first, second = Counted(a[1], a[0], deff), Counted(b[1], b[0], deff)
    p = p_value(first, second, r)
    assert 0 < p <= 1
    if 1e-10 < p < 0.9:
        low, high = mover(first.limits(p), second.limits(p), r)
        assert min(abs(low), abs(high)) < 1e-6
        inside = mover(first.limits(p * 0.9), second.limits(p * 0.9), r)
        assert inside[0] <= 0 <= inside[1]


def test_one_sided_is_half_where_it_looks_worse_and_one_where_it_does_not() -> None:
    bad, good = Counted(20, 200), Counted(50, 1000)
    both = p_value(bad, good)
    assert p_value(bad, good, direction=WORSE) == pytest.approx(both / 2)
    assert p_value(bad, good, direction=Direction.LOWER_IS_WORSE) == 1.0
    assert p_value(good, bad, direction=Direction.LOWER_IS_WORSE) == pytest.approx(both / 2)
    assert p_value(good, bad) == pytest.approx(both)


def test_clustering_and_shared_patients_count() -> None:
    plain = p_value(Counted(20, 200), Counted(50, 1000))
    assert p_value(Counted(20, 200, 2.0), Counted(50, 1000, 2.0)) > plain
    assert p_value(Counted(20, 200), Counted(50, 1000), r=0.4) < plain


def test_a_slice_far_off_has_a_floor_and_the_unmeasured_no_p_at_all() -> None:
    assert p_value(Counted(900, 1000), Counted(10, 10_000)) == 1e-12
    assert math.isnan(p_value(Counted(0, 0), Counted(5, 100)))
    assert p_value(Counted(5, 100), Counted(5, 100)) == 1.0


class Normal:
    """A maker that is not a count."""

    def __init__(self, value: float, error: float) -> None:
        self.value, self.error = value, error

    def limits(self, alpha: float) -> tuple[float, float, float]:
        half = float(stats.norm.isf(alpha / 2)) * self.error
        return self.value, self.value - half, self.value + half


def test_any_interval_makes_a_side_and_normal_ones_give_the_z_test() -> None:
    z = (0.12 - 0.08) / math.hypot(0.015, 0.01)
    assert p_value(Normal(0.12, 0.015), Normal(0.08, 0.01)) == pytest.approx(2 * stats.norm.sf(z), rel=1e-6)


@pytest.mark.parametrize(
    ("n", "m", "rate"), [(50, 900, 0.05), (150, 2000, 0.05), (200, 2000, 0.02), (100, 900, 0.9)]
)
def test_small_p_values_are_about_as_rare_as_they_say(n: int, m: int, rate: float) -> None:
    """No true gap: P(p ≤ t) by enumeration. Jeffreys limits are like mid-p: a little often in the far tail."""
    first = np.arange(stats.binom.ppf(1e-7, n, rate), stats.binom.ppf(1 - 1e-7, n, rate) + 1)
    second = np.arange(stats.binom.ppf(1e-4, m, rate), stats.binom.ppf(1 - 1e-4, m, rate) + 1, 4)
    weight = stats.binom.pmf(second, m, rate)
    p = np.array([[p_value(Counted(a, n), Counted(b, m), direction=WORSE) for b in second] for a in first])
    for level, times in ((0.05, 1.1), (0.01, 1.25), (0.001, 1.3)):
        size = stats.binom.pmf(first, n, rate) @ (p <= level) @ (weight / weight.sum())
        assert 0.5 * level < size <= times * level


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_those_of_benjamini_and_hochberg(p: list[float]) -> None:
    values = np.array(p)
    assert benjamini_hochberg(values) == pytest.approx(stats.false_discovery_control(values, method="bh"))


def test_the_unmeasured_are_in_no_family() -> None:
    made = benjamini_hochberg(np.array([0.02, math.nan, 0.04]))
    assert made[[0, 2]].tolist() == pytest.approx([0.04, 0.04])
    assert math.isnan(made[1])
    rows = watch_list([gap("a", Counted(20, 200), Counted(50, 1000)), gap("b", Counted(0, 0), Counted(50, 1000))])
    assert [r.marked for r in rows] == [True, False]
    assert rows[0].adjusted == rows[0].p
    assert benjamini_hochberg(np.array([])).shape == (0,)


def test_families_are_a_system_and_a_week() -> None:
    """The same p-value is marked alone and not among many: families are not pooled."""
    weak, quiet = (Counted(15, 200), Counted(40, 1000)), (Counted(8, 200), Counted(40, 1000))
    crowd = [gap(f"s{i}", *quiet) for i in range(30)]
    made = watch_list([gap("x", *weak), *crowd, gap("x", *weak, monday=MONDAY + timedelta(days=7))])
    assert made[0].p == made[-1].p
    assert [made[0].marked, made[-1].marked] == [False, True]
    other = watch_list([gap("x", *weak), *crowd, gap("x", *weak, system="answers")])
    assert [other[0].marked, other[-1].marked] == [False, True]
    with pytest.raises(WatchListError, match="stands twice"):
        watch_list([gap("x", *weak), gap("x", *weak)])


def test_at_most_one_in_ten_marked_is_chance() -> None:
    rng = np.random.default_rng(24)
    shares, null_families, runs = [], 0, 150
    for run in range(runs):
        rest = int(rng.binomial(2000, 0.05))
        truly = [0.15 if s < 5 and run % 2 else 0.05 for s in range(30)]
        rows = watch_list(
            [
                gap(f"s{i}", Counted(int(rng.binomial(150, r)), 150), Counted(rest, 2000))
                for i, r in enumerate(truly)
            ]
        )
        marked = [i for i, row in enumerate(rows) if row.marked]
        false = [i for i in marked if truly[i] == 0.05]
        if run % 2:
            shares.append(len(false) / max(1, len(marked)))
            assert not marked or all(rows[i].adjusted <= 0.1 for i in marked)
        else:
            null_families += bool(marked)
    assert np.mean(shares) <= 0.12
    assert null_families / (runs / 2) <= 0.2


def test_two_weeks_running_promote_a_gap() -> None:
    bad, rest = Counted(30, 200), Counted(50, 1000)
    first = watch_list([gap("a", bad, rest), gap("b", rest, rest)])
    later = watch_list(
        [gap("a", bad, rest, MONDAY + timedelta(days=7)), gap("b", bad, rest, MONDAY + timedelta(days=7))]
    )
    assert [m.gap.slice for m in promoted(later, first)] == ["a"]
    assert promoted(first, first) == []
    skipped = [replace(m, gap=replace(m.gap, week=MONDAY + timedelta(days=14))) for m in later]
    assert promoted(skipped, first) == []


def test_statistics_of_sequential_charts_are_refused() -> None:
    _, points = watch(Chart("v1", tolerable(0.05), 1040), [week(0, {(): (200, 20)})])
    with pytest.raises(WatchListError, match="no p-value"):
        watch_list(points)  # type: ignore[arg-type]
    with pytest.raises(WatchListError, match="no p-value"):
        watch_list([gap("a", points[0], Counted(5, 100))])  # type: ignore[arg-type]
    with pytest.raises(WatchListError, match="p-value must lie"):
        benjamini_hochberg(np.array([points[0].statistic + 1]))
