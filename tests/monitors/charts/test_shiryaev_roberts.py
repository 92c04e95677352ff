"""The Shiryaev–Roberts chart against its definition, and its false alarms and delays by simulation."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.charts.null import baseline, tolerable
from monitors.charts.shiryaev_roberts import (
    RISES,
    Chart,
    ChartError,
    State,
    advance,
    alarms,
    arl_weeks,
    fold,
    log_ratio,
    log_statistic,
    risen,
    watch,
    weeks_to_see,
)
from tests.monitors.charts.weeks import MONDAY, drawn, week

NULL = tolerable(0.05)
CHART = Chart("v1", NULL, arl_weeks(40))
counts = st.lists(st.integers(0, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1)


def likelihood_ratio(n: int, events: int, u: float, rise: float) -> float:
    q = rise * u
    return float((q / u) ** events * ((1 - q) / (1 - u)) ** (n - events))


@settings(max_examples=60, deadline=None)
@given(counts)
def test_the_statistic_is_the_sum_over_every_possible_start(cells: list[tuple[int, int]]) -> None:
    """M_t = Σ_k Π_{i=k}^t L_i over the weeks k with outcomes, averaged over the three rises."""
    never = Chart("v1", NULL, 1e300)
    _, points = watch(never, [week(t, {(): c}) for t, c in enumerate(cells)])
    ratios = np.array([[likelihood_ratio(n, s, 0.05, r) for r in RISES] for n, s in cells])
    for t, point in enumerate(points):
        products = [ratios[k : t + 1].prod(axis=0) for k in range(t + 1) if cells[k][0]]
        assert point.statistic == pytest.approx(np.sum(products, axis=0).mean() if products else 0.0, rel=1e-9)


def test_the_change_is_dated_by_maximum_likelihood() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        weeks = [*drawn(rng, 15, {"a": 200}, {"a": 0.04}), *drawn(rng, 40, {"a": 200}, {"a": 0.11}, start=15)]
        _, points = watch(CHART, weeks)
        (at, alarm) = next((t, p) for t, p in enumerate(points) if p.alarm)
        logs = np.log([[likelihood_ratio(w.n, w.events, 0.05, r) for r in RISES] for w in weeks[: at + 1]])
        sums = np.array([logs[k:].sum(axis=0) for k in range(at + 1)])
        k, best = np.unravel_index(int(sums.argmax()), sums.shape)
        assert alarm.changed == MONDAY + timedelta(weeks=int(k))
        assert alarm.rise == RISES[best]
        assert abs(int(k) - 15) <= 4


def test_a_quiet_point_has_no_change_and_an_alarm_starts_the_chart_again() -> None:
    state, first = fold(CHART, State(), week(0, {(): (200, 10)}))
    assert (first.alarm, first.changed) == (False, None)
    assert math.isnan(first.rise)
    state, alarm = fold(CHART, state, week(1, {(): (200, 60)}))
    assert alarm.alarm
    assert alarm.changed == MONDAY + timedelta(weeks=1)
    assert state == State(week=MONDAY + timedelta(weeks=1))
    _, after = fold(CHART, state, week(2, {(): (200, 10)}))
    assert after.statistic == pytest.approx(first.statistic)


def test_folding_on_is_folding_at_once_and_the_state_stays_small() -> None:
    weeks = drawn(np.random.default_rng(9), 60, {"a": 80, "b": 40}, {"a": 0.05, "b": 0.07})
    whole, points = watch(CHART, weeks)
    state, head = watch(CHART, weeks[:23])
    state, tail = watch(CHART, list(reversed(weeks[23:])), state)
    assert state == whole
    assert [repr(p) for p in head + tail] == [repr(p) for p in points]
    assert len(repr(whole)) < 400


def test_a_chart_follows_one_version_in_order() -> None:
    state, _ = fold(CHART, State(), week(4, {(): (100, 5)}))
    for number in (3, 4):
        with pytest.raises(ChartError, match="once, and in order"):
            fold(CHART, state, week(number, {(): (100, 5)}))
    with pytest.raises(ChartError, match="one version"):
        fold(CHART, state, week(5, {(): (100, 5)}, "v2"))
    both = [week(0, {(): (100, 5)}), week(0, {(): (100, 50)}, "v2")]
    _, points = watch(CHART, both)
    assert [p.version for p in points] == ["v1"]


def test_strata_are_held_against_their_own_nulls() -> None:
    rng = np.random.default_rng(10)
    sizes, rates = {"icu": 80, "ward": 120}, {"icu": 0.12, "ward": 0.03}
    null = baseline(drawn(rng, 13, sizes, rates), ["unit"], 1.0)
    chart = Chart("v1", null, 1040)
    _, point = fold(chart, State(), week(20, {("icu",): (80, 9), ("ward",): (120, 4)}))
    expected = 0.0
    for rise in RISES:
        ratio = 1.0
        for s, n, k in (("icu", 80, 9), ("ward", 120, 4)):
            ratio *= likelihood_ratio(n, k, null.of((s,)), rise)
        expected += ratio / 3
    assert point.statistic == pytest.approx(expected)
    assert point.expected == pytest.approx(80 * null.of(("icu",)) + 120 * null.of(("ward",)))


def test_a_week_without_reports_changes_nothing() -> None:
    state, first = fold(CHART, State(), week(0, {(): (200, 14)}))
    after, point = fold(CHART, state, week(1, {}))
    assert (point.n, point.statistic, point.alarm) == (0, first.statistic, False)
    assert after == replace(state, week=MONDAY + timedelta(weeks=1))
    _, plain = fold(CHART, state, week(2, {(): (200, 14)}))
    _, later = fold(CHART, after, week(2, {(): (200, 14)}))
    assert repr(later) == repr(plain)


def test_time_alone_raises_no_alarm() -> None:
    """Half a year without reports and then a clean one; and years of few reports without any event."""
    _, points = watch(Chart("v1", NULL, 26.0), [*(week(t, {}) for t in range(26)), week(26, {(): (1, 0)})])
    assert not any(point.alarm for point in points)
    few = Chart("v1", tolerable(0.01), 26.0)
    _, points = watch(few, [week(t, {(): (3, 0)}) for t in range(208)])
    assert points[-1].statistic > 26  # its mean grows with the weeks, and that is no evidence
    assert not any(point.alarm for point in points)


def test_a_baseline_without_events_alarms_at_events_only() -> None:
    null = baseline([week(t, {(): (300, 0)}) for t in range(13)], [], 1.0)
    chart = Chart("v1", null, 52.0)
    _, points = watch(chart, [week(13 + t, {(): (300, 0)}) for t in range(26)])
    assert max(point.statistic for point in points) < 52
    assert not any(point.alarm for point in points)
    _, points = watch(chart, [week(13, {(): (300, 0)}), week(14, {(): (300, 6)})])
    assert [point.alarm for point in points] == [False, True]
    # nothing can be doubled of nothing: it is the bound that is doubled
    assert 13 < weeks_to_see(chart, [week(13, {(): (300, 0)})]) < math.inf


def test_a_null_of_zero_is_refused_and_never_an_alarm() -> None:
    impossible = Chart("v1", replace(NULL, bound=0.0), 52.0)
    with pytest.raises(ChartError, match="no finite number"):
        fold(impossible, State(), week(0, {(): (300, 0)}))


def test_every_alarm_has_an_event_since_its_change_and_is_only_delayed() -> None:
    """Beside M alone, with empty weeks counted, at thresholds that time alone would reach."""
    rng = np.random.default_rng(14)
    raised = withheld = 0
    for _ in range(150):
        n = rng.poisson(1.5, 120)
        events = rng.binomial(n, rng.choice([0.0, 0.02, 0.05]))
        null = tolerable(float(rng.choice([0.01, 0.05])))
        _, points = watch(
            Chart("v1", null, 13.0), [week(t, {(): c}) for t, c in enumerate(zip(n, events, strict=True))]
        )
        log_m, alone = np.full(3, -np.inf), 120
        for t in range(120):
            size, hits = (np.array([float(x[t])]) for x in (n, events))
            log_m = np.logaddexp(0, log_m) + log_ratio(size, hits, np.array([null.bound]))
            if log_statistic(log_m) >= math.log(13):
                alone = t
                break
        first = next((t for t, p in enumerate(points) if p.alarm), 120)
        assert first >= alone
        withheld += first > alone
        for t, point in enumerate(points):
            if point.alarm:
                assert point.changed is not None
                assert events[(point.changed - MONDAY).days // 7 : t + 1].sum() >= 1
                raised += 1
    assert raised > 20
    assert withheld > 20


def test_tempering_takes_the_root_of_every_ratio() -> None:
    _, plain = fold(Chart("v1", NULL, 1e9), State(), week(0, {(): (200, 24)}))
    _, tempered = fold(Chart("v1", NULL, 1e9, deff=2.0), State(), week(0, {(): (200, 24)}))
    roots = [math.sqrt(likelihood_ratio(200, 24, 0.05, r)) for r in RISES]
    assert tempered.statistic == pytest.approx(sum(roots) / 3)
    assert tempered.statistic < plain.statistic


def test_the_rises_are_multiples_of_small_rates_and_stay_below_one() -> None:
    assert risen(np.array(0.02)).tolist() == pytest.approx([0.03, 0.04, 0.06])
    u = np.linspace(0.001, 0.999, 999)
    q = risen(u)
    assert ((q > u[:, None]) & (q < 1)).all()


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 0.8])
def test_a_ratio_never_exceeds_one_on_average_below_the_null(rate: float) -> None:
    """E[L] = Σ_k Binomial(k; n, p)·L(k) ≤ 1 for every p ≤ u, and exactly 1 at u."""
    from scipy.stats import binom

    n, k = 30, np.arange(31.0)
    ratios = np.exp(log_ratio(np.full((31, 1), 30.0), k[:, None], np.array([[rate]])))
    for p, equal in ((rate, True), (0.7 * rate, False)):
        means = binom.pmf(k, n, p) @ ratios
        assert (np.abs(means - 1) < 1e-9).all() if equal else (means < 1).all()


def test_a_chart_that_is_long_quiet_or_in_ruins_stays_finite() -> None:
    _, points = watch(CHART, [week(t, {(): (5000, 0)}) for t in range(50)])
    assert all(0 <= p.statistic < 1040 for p in points)
    _, (ruin,) = watch(CHART, [week(0, {(): (5000, 5000)})])
    assert ruin.alarm
    assert math.isfinite(ruin.statistic)


@pytest.mark.parametrize("reports", [60, 2])
def test_mean_time_to_a_false_alarm_is_at_least_the_threshold(reports: int) -> None:
    """At the null exactly; a threshold of 30 weeks, so that the mean can be seen, with some weeks empty."""
    rng = np.random.default_rng(11)
    charts, weeks = 1500, 1200
    log_m, climb, length = np.full((charts, 3), -np.inf), np.zeros((charts, 3)), np.full(charts, weeks)
    for t in range(weeks):
        n = rng.poisson(reports, (charts, 1))
        log_l = log_ratio(n.astype(float), rng.binomial(n, 0.05).astype(float), np.array([0.05]))
        log_m, climb = advance(log_m, climb, log_l, n.sum(axis=1))
        alarm = alarms(log_m, climb, 30.0)
        length[alarm] = np.minimum(length[alarm], t + 1)
    assert length.mean() - 3 * length.std() / math.sqrt(charts) >= 30


def test_a_doubling_is_seen_within_weeks() -> None:
    rng = np.random.default_rng(12)
    first = []
    for _ in range(150):
        _, points = watch(CHART, drawn(rng, 30, {"a": 200}, {"a": 0.10}))
        first.append(next(t + 1 for t, p in enumerate(points) if p.alarm))
    assert np.median(first) <= 3
    assert np.quantile(first, 0.9) <= 5


def test_budgets_and_charts_that_make_no_sense_are_refused() -> None:
    assert arl_weeks(40, 2) == 1040
    assert arl_weeks(5, 0.5) == 520
    for charts, a_year in ((0, 2.0), (40, 0.0), (1, 60.0), (3, math.nan)):
        with pytest.raises(ChartError):
            arl_weeks(charts, a_year)
    with pytest.raises(ChartError, match="threshold"):
        Chart("v1", NULL, 1.0)
    with pytest.raises(ChartError, match="design effect"):
        Chart("v1", NULL, 1040.0, deff=0.5)
