"""Interval formulas against independent computations, and their coverage on clustered patients."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitors import frame, intervals
from monitors.adding import Entries
from monitors.groups import (
    Floats,
    correlation,
    jackknife_covariance,
    jackknife_degrees,
    jackknife_variance,
    leave_one_out,
    mean_cluster_size,
)
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Slice, Window
from monitors.sketch import Subjects
from monitors.tally import Tally
from tests.monitors.population import cluster_sizes, risks


@pytest.mark.parametrize(("events", "n"), [(1, 40), (7, 100), (3.5, 61.2)])
def test_jeffreys_is_the_beta_posterior(events: float, n: float) -> None:
    posterior = stats.beta(events + 0.5, n - events + 0.5)
    assert intervals.jeffreys(events, n) == pytest.approx((posterior.ppf(0.025), posterior.ppf(0.975)), abs=1e-12)


@pytest.mark.parametrize("n", [1, 40, 299])
def test_where_no_or_every_case_is_an_event_the_limits_are_exact(n: int) -> None:
    """Clopper and Pearson's, as safety is claimed on them; of counts the exact Poisson limit."""
    exact = stats.binomtest(0, n).proportion_ci(0.95, method="exact")
    assert intervals.jeffreys(0, n) == pytest.approx((0.0, exact.high), abs=1e-12)
    assert intervals.jeffreys(n, n) == pytest.approx((1 - exact.high, 1.0), abs=1e-12)
    assert intervals.jeffreys_count(0, n) == pytest.approx((0.0, stats.chi2.ppf(0.975, 2) / (2 * n)), abs=1e-12)


@given(st.floats(0, 3), st.floats(0, 3), st.floats(1, 6), st.sampled_from([0.05, 0.002]))
def test_more_events_never_have_a_lower_upper_limit(a: float, b: float, deff: float, alpha: float) -> None:
    """A few events that one patient has count for less than one: still more than none."""
    fewer, more = sorted((a, b))
    for limits in (intervals.jeffreys, intervals.jeffreys_count):
        assert limits(fewer, 60, deff, alpha)[1] <= limits(more, 60, deff, alpha)[1] + 1e-12


def test_a_rate_and_its_complement_have_mirrored_intervals() -> None:
    for events, deff in ((0, 1.0), (4, 2.0), (30, 1.7)):
        low, high = intervals.jeffreys(events, 90, deff)
        assert intervals.jeffreys(90 - events, 90, deff) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_a_design_effect_is_a_smaller_sample() -> None:
    assert intervals.jeffreys(10, 200, 2.0) == pytest.approx(intervals.jeffreys(5, 100), abs=1e-12)


def test_count_interval_is_the_gamma_posterior_and_may_exceed_one() -> None:
    low, high = intervals.jeffreys_count(150, 100)
    assert (low, high) == pytest.approx(stats.gamma(150.5, scale=1 / 100).interval(0.95))
    assert low > 1


def test_zero_events_with_unknown_correlation_take_patients_as_wholly_alike() -> None:
    """n_eff = n²/Σm²: 300 reports of 60 patients are not 300."""
    made = intervals.design(n=300, events=0, variance=0.0, cluster_size=5.0, rho=math.nan)
    assert (made.deff, made.n_eff) == (5.0, 60.0)


def test_few_events_use_the_pooled_and_many_the_largest_design_effect() -> None:
    variance = 4 * 0.02 * 0.98 / 200  # of its own: deff 4
    assert intervals.design(200, 4, variance, 6.0, 0.1).deff == pytest.approx(1.5)
    assert intervals.design(200, 196, variance, 6.0, 0.1).deff == pytest.approx(1.5)
    many = 4 * 0.2 * 0.8 / 200
    assert intervals.design(200, 40, many, 6.0, 0.1).deff == pytest.approx(4.0)
    assert intervals.design(200, 40, many / 8, 6.0, 0.1).deff == pytest.approx(1.5)
    assert intervals.design(200, 40, many / 8, 6.0, math.nan).deff == 1.0


def test_correlation_within_patients_is_clipped_and_unknown_without_clusters() -> None:
    assert intervals.intracluster_correlation(0.5, 4.0) == 0.0
    assert intervals.intracluster_correlation(9.0, 4.0) == 1.0
    assert math.isnan(intervals.intracluster_correlation(1.2, 1.05))


def test_mover_of_newcombe_score_limits_gives_newcombes_interval() -> None:
    """Newcombe 1998, method 10: 56/70 against 48/80 with Wilson limits is .0524 to .3339."""
    first, second = (56 / 70, 0.6918, 0.8770), (48 / 80, 0.4904, 0.7002)
    assert intervals.mover(first, second) == pytest.approx((0.0524, 0.3339), abs=3e-4)


def test_shared_patients_narrow_a_difference() -> None:
    a, b = (0.3, 0.2, 0.42), (0.2, 0.12, 0.3)
    wide, narrow = intervals.mover(a, b), intervals.mover(a, b, 0.6)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]


@pytest.mark.parametrize("r", [0.0, 0.4])
def test_mover_ratio_limits_are_the_roots_of_the_difference(r: float) -> None:
    """The limit R is where the MOVER limit of p₁ − R·p₂ touches zero."""
    first, second = (0.2, 0.15, 0.26), (0.1, 0.07, 0.14)
    low, high = intervals.mover_ratio(first, second, r)
    scaled = [tuple(R * x for x in second) for R in (low, high)]
    assert intervals.mover(first, scaled[0], r)[0] == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]
    assert intervals.mover(first, scaled[1], r)[1] == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]


def test_mover_ratio_at_the_edges() -> None:
    some, none = (0.2, 0.15, 0.26), (0.0, 0.0, 0.03)
    assert intervals.mover_ratio(some, none) == (0.0, math.inf)
    low, high = intervals.mover_ratio(none, some)
    assert low == 0
    assert 0 < high < 0.3
    low, high = intervals.mover_ratio(some, (0.02, 0.0, 0.2))
    assert high == math.inf
    assert 0 < low < 10


def test_jackknife_of_a_mean_is_its_textbook_variance() -> None:
    values = np.random.default_rng(0).normal(size=256)
    totals = np.c_[values, np.ones(256)]
    rest = leave_one_out(totals)
    made = jackknife_covariance((rest[:, 0] / rest[:, 1])[:, None], np.ones(256, bool))[0, 0]
    assert made == pytest.approx(values.var(ddof=1) / 256)


def test_degrees_of_a_jackknife_are_those_that_its_spread_has() -> None:
    every = np.ones(256, bool)
    rng = np.random.default_rng(2)
    for one in (rng.normal(size=(4_000, 256)), rng.standard_exponential((4_000, 256))):
        values = np.array([jackknife_variance(row, every) for row in one])
        spread = 2 * values.mean() ** 2 / values.var()  # what Satterthwaite's degrees of freedom mean
        degrees = np.median([jackknife_degrees(row, every) for row in one])
        assert degrees == pytest.approx(spread, rel=0.35)  # of skewed groups 256 tell a little too many
    lone = np.zeros(256)
    lone[7] = 1.0
    assert jackknife_degrees(lone, every) == pytest.approx(2, rel=0.05)
    assert jackknife_degrees(np.ones(256), every) == 256
    assert np.isnan(jackknife_degrees(lone, np.arange(256) == 7))


def test_limits_on_few_degrees_are_students_and_a_constant_has_none_to_spare() -> None:
    limits = intervals.normal(0.5, 0.01, 0, 1, degrees=4)
    assert limits == pytest.approx((0.5 - 2.7764 * 0.1, 0.5 + 2.7764 * 0.1), abs=1e-4)
    assert intervals.normal(0.5, 0.01, 0, 1) == intervals.normal(0.5, 0.01, 0, 1, degrees=np.inf)
    assert intervals.normal(0.5, 0.0, 0, 1, degrees=3) == (0.5, 0.5)
    assert np.isnan(intervals.normal(0.5, 0.01, 0, 1, degrees=np.nan)).all()


def test_mean_cluster_size_from_groups_estimates_that_of_patients() -> None:
    rng = np.random.default_rng(1)
    made, truth = [], []
    for _ in range(200):
        sizes = cluster_sizes(rng, 600)
        made.append(mean_cluster_size(np.bincount(rng.integers(256, size=600), sizes, 256).astype(float)))
        truth.append((sizes**2).sum() / sizes.sum())
    assert np.mean(made) == pytest.approx(np.mean(truth), rel=0.03)


def test_correlation_is_zero_where_nothing_varies() -> None:
    assert correlation(np.ones(256), np.arange(256.0)) == 0.0
    assert correlation(np.arange(256.0), np.arange(256.0)) == pytest.approx(1.0)


def test_logit_interval_of_auroc_needs_both_an_error_and_a_variance() -> None:
    assert all(map(math.isnan, intervals.logit_t(1.0, 0.0, 30)))
    assert all(map(math.isnan, intervals.logit_t(0.8, 0.001, 1)))
    low, high = intervals.logit_t(0.8, 0.02**2, 30)
    assert (low, high) == pytest.approx(
        tuple(1 / (1 + np.exp(-(np.log(4) + s * stats.t.ppf(0.975, 29) * 0.02 / 0.16))) for s in (-1, 1))
    )


def calibrated(rng: np.random.Generator, rho: float, error: float) -> tuple[Floats, Floats, Floats]:
    """Group totals by bin of a model whose probabilities are `error` too high, on clustered patients."""
    owner = np.repeat(np.arange(300), cluster_sizes(rng, 300))
    latent = np.sqrt(rho) * rng.normal(size=300)[owner] + np.sqrt(1 - rho) * rng.normal(size=len(owner))
    level = rng.integers(1, 9, len(owner))
    y = stats.norm.cdf(latent) < level / 10
    group, bins = rng.integers(256, size=300)[owner], level - 1
    at = group * 8 + bins
    n, p, e = (np.bincount(at, w, 2048).reshape(256, 8) for w in (np.ones(len(y)), level / 10 + error, y * 1.0))
    return n.astype(float), p.astype(float), e.astype(float)


@pytest.mark.parametrize(("rho", "error"), [(0.0, 0.0), (0.3, 0.0), (0.3, 0.08)])
def test_squared_calibration_error_is_unbiased_and_covers(rho: float, error: float) -> None:
    rng = np.random.default_rng(5)
    made = np.array([intervals.squared_calibration_error(*calibrated(rng, rho, error)) for _ in range(300)])
    assert made[:, 0].mean() == pytest.approx(error**2, abs=0.001)
    assert ((made[:, 1] <= error**2) & (error**2 <= made[:, 2])).mean() >= 0.92


def report_tallies(rng: np.random.Generator, patients: int, rate: float, rho: float, runs: int) -> list[Tally]:
    """Tallies of the two cells that matter, without the detour over a judged table."""
    report, with_error = (HALLUCINATION.cells.index(c) for c in ("reports", "contradicted_reports"))
    tallies = []
    for _ in range(runs):
        sizes = cluster_sizes(rng, patients)
        events = rng.binomial(sizes, risks(rng, patients, rate, rho))
        group = rng.integers(256, size=patients)
        counts = np.stack([np.bincount(group, weights=w, minlength=256) for w in (sizes, events)], axis=1)
        g, c = np.nonzero(counts)
        cell = np.array([report, with_error])[c]
        order = np.lexsort((cell, g))
        values = (counts[g, c][order] * 2**20).astype(np.int64)
        hashes = np.sort(rng.integers(1 << 62, size=64)).astype(np.uint64)
        tallies.append(
            replace(
                Tally.zero(HALLUCINATION, ("version", "item")),
                levels=(("v1", "report"),),
                sums=Entries(np.zeros(len(g), np.int64), g[order], cell[order], values),
                subjects=Subjects(np.zeros(64, np.int32), np.arange(64), np.ones(64, np.uint32), hashes),
            )
        )
    return tallies


@pytest.mark.parametrize(("rate", "rho", "patients"), [(0.02, 0.3, 110), (0.05, 0.15, 60), (0.05, 0.3, 280)])
def test_jeffreys_on_the_pooled_effective_size_covers_clustered_rates(
    rate: float, rho: float, patients: int
) -> None:
    """Coverage ≥ .93 and the truth above the upper limit in ≤ 4 %, where percentile intervals cover .50–.90.

    The correlation is estimated too: every fiftieth run draws a new parent.
    """
    rng = np.random.default_rng(9)
    made = []
    for _ in range(12):
        parent = report_tallies(rng, 4000, rate, rho, 1)[0]
        made += [limits_of(t, parent) for t in report_tallies(rng, patients, rate, rho, 50)]
    limits = np.array(made)
    assert ((limits[:, 0] <= rate) & (rate <= limits[:, 1])).mean() >= 0.93
    assert (rate > limits[:, 1]).mean() <= 0.04


def limits_of(tally: Tally, parent: Tally) -> tuple[float, float]:
    rows = frame.measure(Desk(HALLUCINATION, tally, "v1", parent), [Slice()], items=[""], window=Window())
    row = next(r for r in rows if r.measure == "contradicted_reports")
    return row.low, row.high
