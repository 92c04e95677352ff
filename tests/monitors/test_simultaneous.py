"""Gaps of all slices at once, held against scipy's multivariate normal; ratios, against Fieller's interval."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from monitors import frame, intervals
from monitors.catalogue import CATALOGUE
from monitors.drift import Drift
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Interval, Slice, Window
from monitors.monitor import Monitor
from monitors.simultaneous import SliceGap, against_rest, critical_value
from monitors.tally import Tally
from tests.monitors.population import STRATA, TABLES, reports
from tests.monitors.test_fairness import rewritten, sliced

RATE = "contradicted_reports"


def of_slices(shares: np.ndarray) -> np.ndarray:
    """Correlations of the gaps to the rest of slices that share no patient, with errors as 1/√share."""
    rest = np.tile(-shares, (len(shares), 1)) / (1 - shares)[:, None]
    np.fill_diagonal(rest, 1.0)
    covariance = rest @ np.diag(1 / shares) @ rest.T
    return of_covariance(covariance)


def of_factors(factors: np.ndarray) -> np.ndarray:
    return of_covariance(factors @ factors.T)


def of_covariance(covariance: np.ndarray) -> np.ndarray:
    error = np.sqrt(np.diag(covariance))
    made: np.ndarray = covariance / np.outer(error, error)
    return made


_factors = st.integers(0, 2**32).flatmap(
    lambda seed: st.tuples(st.integers(2, 14), st.integers(1, 14)).map(
        lambda shape: np.random.default_rng(seed).standard_normal(shape)
    )
)


@pytest.mark.parametrize(
    "correlations",
    [
        np.eye(4),
        np.full((6, 6), 0.5) + np.eye(6) / 2,
        of_factors(np.random.default_rng(3).standard_normal((8, 20))),
        of_slices(np.array([0.4, 0.3, 0.2, 0.1])),
    ],
    ids=["independent", "alike", "any", "four slices"],
)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_critical_value_is_that_of_the_multivariate_normal(correlations: np.ndarray, alpha: float) -> None:
    """Genz' integration of the box, which is scipy's and shares nothing with ours."""
    k = len(correlations)
    normal = stats.multivariate_normal(
        np.zeros(k), correlations, allow_singular=True, seed=np.random.default_rng(0), maxpts=20_000, abseps=3e-4
    )
    c = np.full(k, critical_value(correlations, alpha))
    assert normal.cdf(c, lower_limit=-c) == pytest.approx(1 - alpha, abs=0.06 * alpha)


@pytest.mark.parametrize("slices", [6, 12])
def test_twelve_slices_hold_as_often_as_draws_of_their_rates_say(slices: int) -> None:
    """Gaps are made from 300,000 draws of independent rates, without any covariance."""
    shares = 1 / np.sqrt(np.arange(1, slices + 1))
    shares /= shares.sum()
    rates = np.random.default_rng(0).standard_normal((300_000, slices)) / np.sqrt(shares)
    gaps = rates - (rates @ shares[:, None] - rates * shares) / (1 - shares)
    reach = np.abs(gaps / gaps.std(axis=0)).max(axis=1)
    assert (reach <= critical_value(of_slices(shares))).mean() == pytest.approx(0.95, abs=0.003)


@settings(max_examples=25, deadline=None)
@given(_factors, st.sampled_from([0.05, 0.02]))
def test_it_grows_with_the_slices_from_the_plain_quantile_to_that_of_bonferroni(
    factors: np.ndarray, alpha: float
) -> None:
    correlations = of_factors(factors)
    found = [critical_value(correlations[:k, :k], alpha) for k in range(1, len(correlations) + 1)]
    assert found[0] == intervals.z_of(alpha)
    assert all(after >= before - 0.06 for before, after in pairwise(found))  # Monte Carlo
    assert all(
        intervals.z_of(alpha) <= c <= intervals.z_of(alpha / k) + 1e-9 for k, c in enumerate(found, start=1)
    )


@settings(max_examples=20, deadline=None)
@given(_factors)
def test_a_slice_named_twice_or_mirrored_costs_nothing_and_order_does_not_matter(factors: np.ndarray) -> None:
    once = critical_value(of_factors(factors))
    again = critical_value(of_factors(np.vstack([factors, factors[:1], -factors[1:2]])))
    assert again == pytest.approx(once, abs=0.06)
    assert critical_value(of_factors(factors[::-1])) == pytest.approx(once, abs=0.06)


def gaps_of(tally: Tally, slices: list[Slice], parent: Tally | None = None) -> dict[str, SliceGap]:
    found = against_rest(Desk(HALLUCINATION, tally, "v1", parent), slices, items=[""])
    return {one.slice: one for one in found if one.measure == RATE}


def plain(
    tally: Tally, slices: list[Slice], at_once: int = 1, parent: Tally | None = None
) -> dict[str, tuple[float, float, float]]:
    desk = Desk(HALLUCINATION, tally, "v1", parent)
    made = frame.gaps(desk, slices, items=[""], window=Window(), at_once=at_once)
    return {m.slice: (m.value, m.low, m.high) for m in made if m.measure == RATE}


def by(tally: Tally, *attributes: str) -> list[Slice]:
    return frame.slices_of(tally, [(one,) for one in attributes], version="v1")


def test_two_groups_ask_one_question() -> None:
    """Women against men is men against women: at once is by itself."""
    tally = sliced(1, 1500, rate=0.15, levels=2)
    found = gaps_of(tally, by(tally, "sex"))
    assert len(found) == 2
    for one in found.values():
        assert one.max_t and one.slices == 2
        assert one.critical == pytest.approx(intervals.z_of(0.05), abs=1e-6)
        assert one.joint == pytest.approx(one.alone, abs=1e-6)


def test_many_events_lie_between_the_gap_alone_and_its_share_of_alpha() -> None:
    tally = sliced(2, 3000, rate=0.15, levels=6)
    slices = by(tally, "sex")
    found, alone, shared = gaps_of(tally, slices), plain(tally, slices), plain(tally, slices, 6)
    assert len(found) == 6
    for name, one in found.items():
        assert one.max_t
        assert intervals.z_of(0.05) < one.critical < intervals.z_of(0.05 / 6)
        assert (one.value, *one.alone) == pytest.approx(alone[name])
        assert shared[name][1] < one.joint[0] < alone[name][1] < alone[name][2] < one.joint[1] < shared[name][2]


def test_few_events_take_their_share_of_alpha_and_no_less() -> None:
    tally = sliced(3, 400, rate=0.03, levels=6)
    slices = by(tally, "sex")
    found, shared = gaps_of(tally, slices), plain(tally, slices, 6)
    for name, one in found.items():
        assert not one.max_t and one.critical == pytest.approx(intervals.z_of(0.05 / 6))
        assert one.joint == pytest.approx(shared[name][1:])


def test_some_with_many_events_and_some_with_few_spend_alpha_together() -> None:
    tally = sliced(4, 1200, rate=0.1, levels=6)
    found = gaps_of(tally, by(tally, "sex")).values()
    many = [one for one in found if one.max_t]
    few = [one for one in found if not one.max_t]
    assert many and few
    assert {one.critical for one in few} == {intervals.z_of(0.05 / 6)}
    (c,) = {one.critical for one in many}
    assert intervals.z_of(0.05 * len(many) / 6) <= c <= intervals.z_of(0.05 / 6)


def test_one_patient_with_all_errors_is_no_gap_among_many() -> None:
    """His six errors are one effective error, in the joint interval and in that of the verdict."""
    table = reports(np.random.default_rng(6), 300, contradicted=0.0, rho=0.0)
    subjects = np.array(table["subject_id"].to_pylist())
    names, counts = np.unique(subjects, return_counts=True)
    busy = names[np.abs(counts - 7).argmin()]
    rng = np.random.default_rng(0)
    level = {name: f"level {rng.integers(6)}" for name in names} | {busy: "level 0"}
    wrong = ((subjects == busy) | (rng.uniform(size=len(subjects)) < 0.02)).astype(np.int32)
    wrong[[level[s] == "level 0" and s != busy for s in subjects]] = 0
    tally = Tally.of(HALLUCINATION, rewritten(table, wrong, sex=[level[s] for s in subjects]), STRATA)
    slices = by(tally, "sex")
    parent = Tally.of(HALLUCINATION, reports(np.random.default_rng(7), 3000, contradicted=0.1, rho=0.0), STRATA)
    desk = Desk(HALLUCINATION, tally, "v1", parent, 0.05 / 6)
    (index,) = (i for i, measure in enumerate(HALLUCINATION.measures) if measure.name == RATE)
    (where,) = (each for each in slices if str(each) == "sex=level 0")
    cut = desk.cuts.inside(where, "")
    near, far = (one.level(cut, index, "") for one in (desk, desk.far_out(0.05 / 6)))
    assert far.deff == near.events > 3 > near.deff
    assert far.low < near.low < near.high < far.high
    joint = gaps_of(tally, slices, parent=parent)["sex=level 0"].joint
    assert plain(tally, slices, 6, parent)["sex=level 0"][1:] == pytest.approx(joint)


def test_what_cannot_be_measured_is_in_no_family() -> None:
    tally = sliced(5, 600, levels=3)
    nobody = Slice((("sex", "nobody"),))
    slices = by(tally, "sex")
    found = gaps_of(tally, [*slices, nobody])
    assert found == gaps_of(tally, slices)
    assert str(nobody) not in found and {one.slices for one in found.values()} == {3}
    assert gaps_of(tally, [nobody, Slice()]) == {}


@pytest.mark.parametrize("monitor", [m for m in CATALOGUE if not isinstance(m, Drift)], ids=lambda m: m.name)
def test_every_measure_with_a_gap_has_one_beside_all_others(monitor: Monitor) -> None:
    tally = Tally.of(monitor, TABLES[monitor.task](np.random.default_rng(0), 400), STRATA)
    slices = by(tally, "sex", "site")
    found = against_rest(Desk(monitor, tally, "v1"), slices, items=["", *tally.values("item")])
    made = frame.gaps(Desk(monitor, tally, "v1"), slices, items=["", *tally.values("item")], window=Window())
    kinds = {one.name: one.interval for one in monitor.measures}
    expected = {(m.measure, m.item, m.slice): m for m in made if math.isfinite(m.low + m.high)}
    assert {(one.measure, one.item, one.slice) for one in found} == set(expected)
    for one in found:
        m = expected[one.measure, one.item, one.slice]
        assert (one.value, *one.alone) == pytest.approx((m.value, m.low, m.high))
        assert one.joint[0] <= one.alone[0] + 1e-9 and one.joint[1] >= one.alone[1] - 1e-9
        assert one.critical >= intervals.z_of(0.05) - 1e-9
        assert math.isnan(one.ratio) or kinds[one.measure] is Interval.JEFFREYS
    assert found == against_rest(Desk(monitor, tally, "v1"), slices, items=["", *tally.values("item")])


def test_the_floor_is_that_of_the_simulation() -> None:
    assert intervals.MANY_PATIENTS == 20


def test_a_ratio_is_that_of_the_levels_and_turns_round() -> None:
    tally = sliced(7, 2000, rate=0.1, levels=2, worse=0.1)
    first, second = gaps_of(tally, by(tally, "sex")).values()
    assert first.ratio > 1.4 and first.ratio_low > 1
    assert second.ratio == pytest.approx(1 / first.ratio)
    assert (second.ratio_low, second.ratio_high) == pytest.approx((1 / first.ratio_high, 1 / first.ratio_low))


def test_without_an_event_in_the_rest_there_is_no_ratio() -> None:
    table = reports(np.random.default_rng(0), 200)
    n = table.num_rows
    half = ["a" if i < n // 2 else "b" for i in range(n)]
    wrong = np.array([int(h == "a" and i % 7 == 0) for i, h in enumerate(half)], np.int32)
    tally = Tally.of(HALLUCINATION, rewritten(table, wrong, sex=half), STRATA)
    found = gaps_of(tally, by(tally, "sex"))
    assert math.isnan(found["sex=a"].ratio) and math.isnan(found["sex=a"].ratio_high)
    assert found["sex=b"].ratio == 0 and found["sex=b"].ratio_low == 0 < found["sex=b"].ratio_high < 1


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.05, 0.9), st.floats(0.05, 0.9), st.floats(0.05, 0.9), st.floats(0.05, 0.9), st.floats(-0.8, 0.8)
)
def test_of_normal_limits_the_ratio_has_fiellers_interval(
    p1: float, p2: float, a: float, b: float, r: float
) -> None:
    """(p₁ − Rp₂)² = z²Var(p₁ − Rp₂) at both ends, by search and not by formula."""
    a, b = a * p1, b * p2
    low, high = intervals.mover_ratio((p1, p1 - a, p1 + a), (p2, p2 - b, p2 + b), r)

    def outside(ratio: float) -> float:
        return (p1 - ratio * p2) ** 2 - (a * a + ratio**2 * b * b - 2 * r * ratio * a * b)

    ratio = p1 / p2
    assert low == pytest.approx(optimize.brentq(outside, 0, ratio), abs=1e-6 * ratio)
    far = ratio
    while outside(far) < 0:
        far *= 1.5
    assert high == pytest.approx(optimize.brentq(outside, ratio, far), rel=1e-6)


@pytest.mark.parametrize("place", range(6))
def test_without_a_limit_on_one_side_there_is_none_of_gap_or_ratio(place: int) -> None:
    """Two areas of 1 have no interval: their gap of 0 must not look as if it were known without error."""
    ends = [0.2, 0.1, 0.3, 0.4, 0.3, 0.5]
    ends[place] = math.nan
    first, second = (ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5])
    low, high = intervals.mover(first, second)
    assert math.isnan(low) or math.isnan(high)
    assert all(map(math.isnan, intervals.mover_ratio(first, second)))
    nothing = (1.0, math.nan, math.nan)
    assert all(map(math.isnan, intervals.mover(nothing, nothing)))
