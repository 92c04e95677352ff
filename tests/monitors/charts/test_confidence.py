"""Confidence sequences and the e-process against their integrals, and at every look at once."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from monitors.charts.confidence import SequenceError, beta_mixture, empirical_bernstein, log_e_value
from tests.monitors.population import risks


def log_likelihood(p: float, n: float, k: float) -> float:
    return k * math.log(p) + (n - k) * math.log1p(-p)


@pytest.mark.parametrize(
    ("n", "k", "deff"), [(50, 4, 1.0), (400, 20, 1.0), (400, 20, 1.8), (30, 0, 1.0), (30, 30, 1.0)]
)
def test_both_ends_are_where_the_mixture_reaches_one_over_alpha(n: float, k: float, deff: float) -> None:
    low, high = (float(x[0]) for x in beta_mixture(np.array([n]), np.array([k]), deff=deff))
    prior = stats.beta(0.5, 0.5)
    m, s = n / deff, k / deff
    top = log_likelihood(min(max(s / m, 1e-9), 1 - 1e-9), m, s)
    mixed = integrate.quad(
        lambda x: math.exp(log_likelihood(math.sin(x) ** 2, m, s) - top) * 2 / math.pi, 1e-12, math.pi / 2 - 1e-12
    )[0]  # p = sin²x turns Beta(½, ½) into the uniform measure
    for p in (low, high):
        if 0 < p < 1:
            assert math.log(mixed) + top - log_likelihood(p, m, s) == pytest.approx(math.log(20), abs=1e-5)
    assert prior.cdf(low) <= prior.cdf(k / n) <= prior.cdf(high)
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)


@pytest.mark.parametrize(("n", "k", "p0"), [(100, 5, 0.05), (100, 12, 0.05), (300, 6, 0.05), (40, 20, 0.4)])
def test_the_e_value_is_the_mixture_above_the_null(n: float, k: float, p0: float) -> None:
    prior = stats.beta(0.5, 0.5)
    mixed = integrate.quad(
        lambda x: math.exp(log_likelihood(math.sin(x) ** 2, n, k) - log_likelihood(p0, n, k)) * 2 / math.pi,
        math.asin(math.sqrt(p0)), math.pi / 2, limit=200,
    )[0]  # fmt: skip
    made = float(log_e_value(np.array([n]), np.array([k]), p0)[0])
    assert made == pytest.approx(math.log(mixed / prior.sf(p0)), abs=1e-5)


def test_no_looks_know_nothing_and_no_evidence_is_one() -> None:
    low, high = beta_mixture(np.array([0.0]), np.array([0.0]))
    assert (low[0], high[0]) == (0.0, 1.0)
    assert log_e_value(np.array([0.0]), np.array([0.0]), 0.05)[0] == pytest.approx(0)


def test_a_sequence_covers_at_every_look_at_once_and_a_fixed_interval_does_not() -> None:
    rng = np.random.default_rng(13)
    missed = fixed = alarms = 0
    n = np.cumsum(np.full(52, 50.0))
    for _ in range(400):
        k = np.cumsum(rng.binomial(50, 0.08, 52)).astype(float)
        low, high = beta_mixture(n, k)
        missed += bool(((low > 0.08) | (high < 0.08)).any())
        half = 1.96 * np.sqrt(k / n * (1 - k / n) / n)
        fixed += bool((np.abs(k / n - 0.08) > half).any())
        alarms += bool((log_e_value(n, k, 0.08) >= math.log(20)).any())
    assert missed / 400 <= 0.05
    assert alarms / 400 <= 0.05
    assert fixed / 400 > 0.2


def test_tempering_keeps_the_cover_where_patients_repeat() -> None:
    rng = np.random.default_rng(14)
    plain = tempered = 0
    n = np.cumsum(np.full(30, 60.0))
    for _ in range(300):  # twelve patients a week with five reports each: deff = 1 + .4·4 = 2.6
        k = np.cumsum(rng.binomial(5, risks(rng, 12 * 30, 0.1, 0.4)).reshape(30, 12).sum(axis=1)).astype(float)
        for deff in (1.0, 2.6):
            low, high = beta_mixture(n, k, deff=deff)
            out = bool(((low > 0.1) | (high < 0.1)).any())
            plain, tempered = plain + out * (deff == 1.0), tempered + out * (deff > 1.0)
    assert plain / 300 > 0.08
    assert tempered / 300 <= 0.05


def test_the_empirical_bernstein_sequence_is_its_recursion() -> None:
    x = np.random.default_rng(15).beta(1, 6, 300)
    low, high = empirical_bernstein(x, alpha=0.1)
    bets: list[float] = []
    mean, spread, weighted, penalty = 0.5, 0.0, 0.0, 0.0
    variance = 0.25
    for t, value in enumerate(x.tolist(), 1):
        bet = min(0.5, math.sqrt(2 * math.log(2 / 0.1) / (variance * t * math.log(1 + t))))
        penalty += 4 * (value - mean) ** 2 * (-math.log(1 - bet) - bet) / 4
        bets.append(bet)
        weighted += bet * value
        mean = (0.5 + float(x[:t].sum())) / (t + 1)
        spread += (value - mean) ** 2
        variance = (0.25 + spread) / (t + 1)
        centre, radius = weighted / sum(bets), (math.log(2 / 0.1) + penalty) / sum(bets)
        assert (low[t - 1], high[t - 1]) == pytest.approx((max(0, centre - radius), min(1, centre + radius)))


def test_the_empirical_bernstein_sequence_covers_and_narrows() -> None:
    rng = np.random.default_rng(16)
    missed, width = 0, []
    for _ in range(300):
        x = rng.beta(0.4, 4.6, 800)
        low, high = empirical_bernstein(x)
        missed += bool(((low > 0.08) | (high < 0.08)).any())
        width.append(high[-1] - low[-1])
    assert missed / 300 <= 0.05
    assert np.mean(width) < 0.06
    assert empirical_bernstein(x, deff=2.0)[1][-1] > high[-1]


def test_impossible_outcomes_are_refused() -> None:
    one = np.array([10.0])
    for n, k, deff in ((one, one + 1, 1.0), (one, -one, 1.0), (one, np.array([1.0, 2.0]), 1.0), (one, one, 0.9)):
        with pytest.raises(SequenceError):
            beta_mixture(n, k, deff=deff)
    with pytest.raises(SequenceError, match="strictly"):
        log_e_value(one, one, 1.0)
    for x, deff in (([0.5, 1.2], 1.0), ([math.nan], 1.0), ([0.5], 0.0)):
        with pytest.raises(SequenceError):
            empirical_bernstein(np.array(x), deff=deff)
