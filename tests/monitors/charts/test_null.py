"""What charts are held against."""

import math

import numpy as np
import pytest
from scipy import stats

from monitors.charts.null import NullError, Origin, baseline, dispersion, tolerable, upper_bound
from tests.monitors.charts.weeks import drawn, week

RNG = np.random.default_rng(2)
SIZES, RATES = {"icu": 60, "ward": 140}, {"icu": 0.10, "ward": 0.03}


def test_the_bound_is_the_upper_ninety_per_cent_point_of_the_effective_counts() -> None:
    assert upper_bound(130, 2600, 1.3) == pytest.approx(stats.beta(100.5, 1900.5).ppf(0.9))


def test_a_baseline_moves_every_stratum_by_one_odds_ratio_to_the_bound_of_the_whole() -> None:
    weeks = drawn(RNG, 13, SIZES, RATES)
    null = baseline(weeks, ["unit"], deff=1.2)
    n = {s: sum(w.counts[s,][0] for w in weeks) for s in SIZES}
    events = {s: sum(w.counts[s,][1] for w in weeks) for s in SIZES}
    whole = sum(n[s] * null.of((s,)) for s in SIZES) / sum(n.values())
    assert whole == pytest.approx(null.bound) == pytest.approx(upper_bound(sum(events.values()), 2600, 1.2))

    def odds(p: float) -> float:
        return p / (1 - p)

    ratios = [odds(null.of((s,))) / odds(events[s] / n[s]) for s in SIZES]
    assert ratios[0] == pytest.approx(ratios[1])
    assert ratios[0] > 1
    assert null.estimate == pytest.approx(sum(events.values()) / 2600)
    assert null.n_eff == pytest.approx(2600 / 1.2)
    assert (null.origin, null.weeks) == (Origin.BASELINE, 13)


def test_a_stratum_nobody_saw_is_held_against_the_bound_of_the_whole() -> None:
    null = baseline(drawn(RNG, 13, SIZES, RATES), ["unit"], deff=1.0)
    assert null.of(("day clinic",)) == null.bound
    assert null.bounds([("icu",), ("day clinic",)]).tolist() == [null.of(("icu",)), null.bound]


def test_a_stratum_without_events_has_a_null_above_zero() -> None:
    null = baseline(drawn(RNG, 13, {"icu": 60, "ward": 40}, {"icu": 0.1, "ward": 0.0}), ["unit"], deff=1.0)
    assert 0 < null.of(("ward",)) < null.of(("icu",)) < 1


def test_without_any_event_every_stratum_stands_at_the_bound_of_the_whole() -> None:
    null = baseline(drawn(RNG, 13, SIZES, {"icu": 0.0, "ward": 0.0}), ["unit"], deff=1.3)
    assert null.bound == upper_bound(0, 2600, 1.3) > 0
    assert null.bounds([("icu",), ("ward",), ("day clinic",)]).tolist() == [null.bound] * 3
    assert (null.estimate, null.temper) == (0.0, 1.0)


def test_the_design_effect_is_kept_with_the_baseline() -> None:
    assert baseline(drawn(RNG, 13, SIZES, RATES), ["unit"], deff=1.3).deff == pytest.approx(1.3)
    assert baseline(drawn(RNG, 13, SIZES, RATES), ["unit"], deff=1.0).deff == 1.0
    assert math.isnan(tolerable(0.05).deff)


@pytest.mark.parametrize(
    ("weeks", "deff", "say"),
    [(12, 1.0, "12 weeks with reports"), (13, 2.7, "an effective 963 reports"), (13, 0.5, "design effect")],
)
def test_too_small_a_baseline_is_refused(weeks: int, deff: float, say: str) -> None:
    with pytest.raises(NullError, match=say):
        baseline(drawn(RNG, weeks, SIZES, RATES), ["unit"], deff)


def test_weeks_without_reports_do_not_make_a_baseline_longer() -> None:
    weeks = [*drawn(RNG, 12, {"icu": 500, "ward": 500}, RATES), week(12, {})]
    with pytest.raises(NullError, match="12 weeks"):
        baseline(weeks, ["unit"], 1.0)


def test_versions_are_not_pooled_and_nothing_beyond_all_bad_is_charted() -> None:
    weeks = drawn(RNG, 13, SIZES, RATES)
    with pytest.raises(NullError, match="one version"):
        baseline([*weeks, week(13, {("icu",): (1, 0)}, "v2")], ["unit"], 1.0)
    with pytest.raises(NullError, match="could show anything worse"):
        baseline([week(t, {(): (100, 100)}) for t in range(13)], [], 1.0)
    with pytest.raises(NullError, match="at most 24"):
        baseline([week(t, {(str(s),): (50, 5) for s in range(25)}) for t in range(13)], ["unit"], 1.0)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_a_tolerable_rate_is_a_rate(rate: float) -> None:
    assert tolerable(0.04).bounds([(), ("x",)]).tolist() == [0.04, 0.04]
    assert tolerable(0.04).temper == 1.0
    with pytest.raises(NullError, match="between 0 and 1"):
        tolerable(rate)


def test_dispersion_is_one_by_chance_and_grows_with_weeks_that_differ() -> None:
    rng = np.random.default_rng(4)
    n = np.full((4000, 13, 1), 200.0)
    rates = np.full((4000, 1), 0.05)
    still = rng.binomial(200, 0.05, n.shape).astype(float)
    assert dispersion(n, still, still.sum(axis=1) / 2600).mean() == pytest.approx(1, abs=0.03)
    logit = np.log(0.05 / 0.95) + rng.normal(0, 0.3, n.shape)
    moving = rng.binomial(200, 1 / (1 + np.exp(-logit))).astype(float)
    # Var(S) / (n p q) = 1 + (n − 1)·Var(p)/(p q)
    expected = 1 + 199 * np.var(1 / (1 + np.exp(-logit))) / (0.05 * 0.95)
    assert dispersion(n, moving, moving.sum(axis=1) / 2600).mean() == pytest.approx(expected, rel=0.05)
    assert math.isnan(dispersion(n[0, :1], still[0, :1], rates[0]))


def test_the_baseline_is_tempered_by_its_dispersion_but_never_sharpened() -> None:
    lurching = [week(t, {(): (200, 2 if t % 2 else 20)}) for t in range(13)]
    assert baseline(lurching, [], 1.0).temper == baseline(lurching, [], 1.0).dispersion > 5
    level = [week(t, {(): (200, 10)}) for t in range(13)]
    assert baseline(level, [], 1.0).dispersion == pytest.approx(0)
    assert baseline(level, [], 1.0).temper == 1.0


def test_the_bound_holds_in_nine_of_ten_baselines() -> None:
    rng = np.random.default_rng(7)
    held = [baseline(drawn(rng, 13, {"a": 100}, {"a": 0.05}), ["unit"], 1.0).bound >= 0.05 for _ in range(800)]
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
