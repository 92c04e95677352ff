"""Verdicts in three zones, roll-up, detectable rates, and suppression."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitors.catalogue import CatalogueError, measure_named, monitor_of
from monitors.intervals import jeffreys
from monitors.measurement import Interval, Measurement, Window
from monitors.threshold import (
    SUPPRESS_BELOW,
    UNNAMED,
    Bound,
    Status,
    decide,
    detectable_share,
    roll_up,
    suppress,
)

RATE = measure_named("contradicted_reports")
GAP = measure_named("calibration_gap")


def measured(low: float, value: float, high: float, **changed: object) -> Measurement:
    made = Measurement(
        measure="contradicted_reports",
        monitor="hallucination",
        monitor_version=1,
        task="report",
        version="v1",
        item="",
        slice="all",
        contrast="",
        window=Window(),
        value=value,
        low=low,
        high=high,
        n=1000,
        events=value * 1000,
        n_eff=800,
        patients=500,
        patients_exact=False,
        deff=1.25,
        interval=Interval.JEFFREYS.value,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "value", "high", "status"),
    [
        (0.06, 0.08, 0.1, Status.ACT),
        (0.01, 0.02, 0.029, Status.OK),
        (0.02, 0.04, 0.06, Status.WATCH),
        (0.04, 0.08, 0.12, Status.WATCH),
    ],
)
def test_three_zones(low: float, value: float, high: float, status: Status) -> None:
    verdict = decide(measured(low, value, high), RATE, Bound(watch=0.03, act=0.05))
    assert verdict.status is status
    assert "%" in verdict.reason


def test_no_evidence_of_harm_is_no_evidence_of_safety() -> None:
    """At an effective 50 reports nothing under 15 % would be seen over a bound of 5 %: insufficient, not ok."""
    low, high = jeffreys(2, 50)
    verdict = decide(measured(low, 0.04, high, n_eff=50.0), RATE, Bound(watch=0.03, act=0.05, rise=0.1))
    assert verdict.status is Status.INSUFFICIENT
    assert "16.1 %" in verdict.reason or "15." in verdict.reason
    assert decide(measured(low, 0.04, high, n_eff=50.0), RATE, Bound(0.03, 0.05, rise=0.2)).status is Status.WATCH


SIZE = "At this size only a value of"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_eff": 20.0}, SIZE),
        ({"n_eff": 0.5}, "no value, however bad, would be seen four times in five"),
        ({"patients": 5}, f"Fewer than 11 patients: not shown, and {UNNAMED}."),
        ({"value": math.nan, "note": "no judged report"}, f"Not measured: no judged report; {UNNAMED}."),
        ({"value": math.nan}, f"Not measured: undefined; {UNNAMED}."),
        ({"low": math.nan}, f"No interval can be given; {UNNAMED}."),
        ({"high": math.inf, "note": "one patient"}, f"No interval can be given (one patient); {UNNAMED}."),
    ],
)
def test_insufficient_names_what_would_have_been_seen_or_says_that_it_cannot(
    changed: dict[str, object], said: str
) -> None:
    one = replace(measured(0.01, 0.04, 0.3), **changed)  # type: ignore[arg-type]
    verdict = decide(one, RATE, Bound(watch=0.03, act=0.05))
    assert verdict.status is Status.INSUFFICIENT and said in verdict.reason


def test_a_distance_that_settles_nothing_says_which_would_stand_out() -> None:
    distance = measure_named("drift_distance")
    few = measured(0.0, 0.03, 0.08, n_eff=distance.floor - 1)
    for one in (few, replace(few, n_eff=900.0)):
        verdict = decide(one, distance, Bound(watch=0.05))
        assert verdict.status is Status.INSUFFICIENT
        assert "only a value above 0.080 would stand out" in verdict.reason


def test_never_ok_at_double_the_bound() -> None:
    """Act bound 5 %, truth 10 %: the rule that looks at the near end alone says ok in up to 62 % of draws."""
    rng = np.random.default_rng(0)
    for n in (50, 100, 200):
        statuses = []
        for events in rng.binomial(n, 0.1, 400):
            low, high = jeffreys(events, n)
            row = measured(low, events / n, high, n_eff=float(n))
            statuses.append(decide(row, RATE, Bound(watch=0.05, act=0.05)).status)
        assert statuses.count(Status.OK) <= 4
    assert statuses.count(Status.ACT) >= 0.7 * len(statuses)


def test_lower_is_worse_is_mirrored() -> None:
    accuracy = measure_named("accuracy")
    bound = Bound(watch=0.85, act=0.8)
    assert decide(measured(0.7, 0.75, 0.79), accuracy, bound).status is Status.ACT
    assert decide(measured(0.86, 0.9, 0.93), accuracy, bound).status is Status.OK
    undecided = decide(measured(0.78, 0.82, 0.86), accuracy, bound)
    assert undecided.status is Status.WATCH
    assert "be seen four times in five" in undecided.reason


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (-0.12, -0.08, Status.ACT),
        (0.08, 0.12, Status.ACT),
        (-0.02, 0.02, Status.OK),
        (-0.01, 0.05, Status.WATCH),
        (-0.04, 0.06, Status.INSUFFICIENT),
    ],
)
def test_away_from_zero_looks_at_size(low: float, high: float, status: Status) -> None:
    row = measured(low, (low + high) / 2, high, interval=Interval.NORMAL.value)
    assert decide(row, GAP, Bound(watch=0.03, act=0.06)).status is status


def test_bounds_of_a_contrast_are_worsenings_in_every_direction() -> None:
    accuracy = measure_named("accuracy")
    worse = measured(-0.2, -0.15, -0.1, contrast="reference", interval=Interval.MOVER.value)
    better = measured(0.1, 0.15, 0.2, contrast="reference", interval=Interval.MOVER.value)
    assert decide(worse, accuracy, Bound(0.02, 0.05)).status is Status.ACT
    assert decide(better, accuracy, Bound(0.02, 0.05)).status is Status.OK
    assert decide(better, RATE, Bound(0.02, 0.05)).status is Status.ACT


def test_ceilings() -> None:
    bad = measured(0.2, 0.3, 0.4)
    bound = Bound(watch=0.03, act=0.05)
    assert decide(bad, RATE, bound).status is Status.ACT
    assert decide(bad, measure_named("unsupported_reports"), bound).status is Status.WATCH
    assert decide(replace(bad, slice="site=north"), RATE, bound).status is Status.WATCH
    assert decide(replace(bad, slice="site=north", contrast="rest"), RATE, bound).status is Status.WATCH
    assert decide(bad, RATE, Bound(watch=0.05)).status is Status.WATCH


def test_only_what_the_reference_denies_may_act() -> None:
    acting = {m.name for m in monitor_of("contradicted_claims", "report").measures if m.ceiling == "act"}
    assert acting == {
        "significant_contradicted",
        "significant_contradicted_reports",
        "contradicted_claims",
        "contradicted_reports",
        "significant_omission_reports",
        "laterality_reports",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"patients": 10},
        {"n_eff": 29.0},
        {"value": math.nan, "low": math.nan, "high": math.nan, "note": "nothing to measure"},
        {"low": math.nan, "high": math.nan},
    ],
)
def test_below_a_floor_there_is_no_verdict(changed: dict[str, object]) -> None:
    row = replace(measured(0.2, 0.3, 0.4), **changed)  # type: ignore[arg-type]
    assert decide(row, RATE, Bound(0.03, 0.05)).status is Status.INSUFFICIENT


def test_a_minimum_n_raises_the_floor_but_never_lowers_it() -> None:
    row = measured(0.2, 0.3, 0.4, n_eff=40.0)
    assert decide(row, RATE, Bound(0.03, 0.05, minimum_n=100)).status is Status.INSUFFICIENT
    assert decide(replace(row, n_eff=20.0), RATE, Bound(0.03, 0.05, minimum_n=1)).status is Status.INSUFFICIENT


@pytest.mark.parametrize(
    ("limit", "n", "published"),
    [(0.05, 50, 0.154), (0.05, 100, 0.123), (0.05, 200, 0.101), (0.05, 500, 0.080), (0.02, 500, 0.041)],
)
def test_detectable_rates_are_the_simulated_ones(limit: float, n: int, published: float) -> None:
    made = detectable_share(n, limit)
    assert made == pytest.approx(published, abs=0.006)
    needed = next(k for k in range(n) if jeffreys(k, n)[0] > limit)
    assert stats.binom.sf(needed - 1, n, made) == pytest.approx(0.8, abs=1e-6)


def test_nothing_can_be_detected_in_nothing() -> None:
    assert detectable_share(0.4, 0.05) == 1.0


def test_roll_up_is_the_gravest_and_nothing_is_never_ok() -> None:
    gravity = [Status.OK, Status.INSUFFICIENT, Status.WATCH, Status.STALE, Status.ACT, Status.FAILED]
    for a, b in itertools.combinations_with_replacement(range(6), 2):
        assert roll_up([gravity[a], gravity[b]]) is gravity[b]
    assert roll_up([]) is Status.INSUFFICIENT


def sliced(**patients: int) -> list[Measurement]:
    rows = [measured(0.1, 0.2, 0.3, patients=sum(patients.values()))]
    return rows + [measured(0.1, 0.2, 0.3, slice=f"site={name}", patients=n) for name, n in patients.items()]


def hidden(rows: list[Measurement]) -> set[str]:
    return {r.slice for r, gone in zip(rows, suppress(rows), strict=True) if gone}


def test_suppression_hides_the_next_smallest_too() -> None:
    assert hidden(sliced(a=5, b=40, c=300)) == {"site=a", "site=b"}
    assert hidden(sliced(a=50, b=40, c=300)) == set()
    assert hidden(sliced(a=3, b=4, c=30, d=300)) == {"site=a", "site=b", "site=c"}  # 3 + 4 is still below 11
    assert hidden(sliced(a=7, b=6, c=30)) == {"site=a", "site=b"}
    assert hidden(sliced(a=0, b=40, c=300)) == set()
    assert hidden(sliced(a=4)) == {"all", "site=a"}


def test_a_hidden_slice_is_hidden_in_every_contrast() -> None:
    rows = sliced(a=5, b=40, c=300)
    rows += [replace(r, contrast="rest") for r in rows[1:]]
    assert hidden(rows) == {"site=a", "site=b"}
    assert sum(suppress(rows)) == 4


def test_combinations_are_protected_along_each_attribute() -> None:
    cells = {("F", "a"): 5, ("F", "b"): 40, ("M", "a"): 50, ("M", "b"): 60}
    rows = [
        measured(0.1, 0.2, 0.3, slice=f"sex={sex} & site={site}", patients=n) for (sex, site), n in cells.items()
    ]
    assert len(hidden(rows)) == 4  # one shown cell would give its row, its column, and so the hidden one


@given(st.lists(st.integers(0, 40), min_size=2, max_size=7))
def test_what_is_hidden_cannot_be_had_by_subtraction(counts: list[int]) -> None:
    rows = sliced(**{f"s{i}": n for i, n in enumerate(counts)})
    gone = hidden(rows) - {"all"}
    sizes = [r.patients for r in rows if r.slice in gone]
    shown = [r.patients for r in rows if r.slice not in gone and r.slice != "all"]
    assert all(n == 0 or n >= SUPPRESS_BELOW for n in shown)
    if sizes and any(shown):
        assert len(sizes) >= 2
        assert sum(sizes) >= SUPPRESS_BELOW


def test_the_catalogue_names_what_it_has() -> None:
    with pytest.raises(CatalogueError, match="auroc"):
        measure_named("ece")
    with pytest.raises(CatalogueError, match="not made for the task"):
        monitor_of("auroc", "report")
