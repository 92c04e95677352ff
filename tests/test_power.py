"""The power simulation does what it says: its population, its methods, and that the table prints."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from benchmarks import power_methods
from benchmarks.power import Result, delays, rates_of
from benchmarks.power_methods import (
    RATE,
    THRESHOLD,
    Baseline,
    adjusted,
    cusum,
    evidently,
    jensen_shannon,
    shiryaev_roberts,
    tempered,
    tolerable,
    two_sided_p,
    z_test,
)
from benchmarks.power_streams import Population, Stream
from monitors.charts import null
from monitors.charts.cusum import cusum as plain_cusum
from monitors.charts.shiryaev_roberts import Chart, watch
from monitors.sealed import WeekCounts

CHARTS, WEEKS = 8, 40


@pytest.fixture(scope="module")
def simulated() -> tuple[Baseline, Stream]:
    """Two strata, the rates doubled after the baseline."""
    rng = np.random.default_rng(25)
    share = np.full((CHARTS, WEEKS), 0.25)
    population = Population.draw(rng, CHARTS, WEEKS, 300, 0.3, share)
    quiet, risen = (rates_of(np.zeros((CHARTS, WEEKS)), share, rise) for rise in (1.0, 2.0))
    before, after = population.streams(quiet, risen)
    return Baseline(before.weeks(0, 13), population.group_totals(quiet, 13)), after.weeks(13)


def test_the_population_has_the_rate_correlation_and_size_it_claims() -> None:
    rng = np.random.default_rng(26)
    population = Population.draw(rng, 40, 60, 300, 0.3)
    rates = np.full((40, 60, 1), 0.1)
    (stream,) = population.streams(rates)
    assert stream.all_n.mean() == pytest.approx(300, rel=0.03)
    assert 0.6 < stream.n.sum() / stream.all_n.sum() < 0.75
    assert stream.events.sum() / stream.n.sum() == pytest.approx(0.1, rel=0.05)
    # neighbours in the list of reports are of one patient unless the second is the first of somebody
    wrong = population.errors(rates).astype(float)
    same = ~population.picked[1:]
    assert np.corrcoef(wrong[:-1][same], wrong[1:][same])[0, 1] == pytest.approx(0.3, abs=0.02)
    totals = population.group_totals(rates, 13)
    assert totals[..., 0].sum() == stream.n[:, :13].sum()
    assert totals[..., 1].sum() == stream.events[:, :13].sum()


def test_the_simulated_charts_are_those_of_the_product(simulated: tuple[Baseline, Stream]) -> None:
    baseline, stream = simulated

    def weeks(counts: Stream, chart: int, start: int) -> list[WeekCounts]:
        return [
            WeekCounts(
                date(2024, 1, 1) + timedelta(weeks=start + t),
                "v1",
                {(str(s),): (int(n[s]), int(e[s])) for s in range(2)},
                int(n.sum()),
            )
            for t, (n, e) in enumerate(zip(counts.n[chart], counts.events[chart], strict=True))
        ]

    plain, soft, fixed = adjusted(baseline, stream), tempered(baseline, stream), tolerable(baseline, stream)
    assert plain.any()
    for chart in range(CHARTS):
        early = weeks(baseline.early, chart, 0)
        made = null.baseline(early, ["stratum"], float(baseline.deff[chart]))
        later = weeks(stream, chart, 13)
        for expected, one, temper in (
            (plain, made, 1.0),
            (soft, made, made.temper),
            (fixed, null.tolerable(RATE), 1.0),
        ):
            _, points = watch(Chart("v1", one, THRESHOLD, temper), later)
            assert [p.alarm for p in points] == expected[chart].tolist()


def test_so_are_those_of_few_reports_and_empty_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a threshold that time alone would reach, where it must not alarm."""
    monkeypatch.setattr(power_methods, "THRESHOLD", 13.0)
    rng = np.random.default_rng(28)
    n = rng.poisson(1.5, (40, 120, 1))
    events = rng.binomial(n, rng.choice([0.0, 0.02, 0.05], (40, 1, 1)))
    found = shiryaev_roberts(n.astype(float), events.astype(float), np.full((40, 1), 0.02))
    chart = Chart("v1", null.tolerable(0.02), 13.0)
    for one, (sizes, hits) in enumerate(zip(n[..., 0].tolist(), events[..., 0].tolist(), strict=True)):
        cells = list(zip(sizes, hits, strict=True))
        weeks = [
            WeekCounts(date(2024, 1, 1) + timedelta(weeks=t), "v1", {(): c}, c[0]) for t, c in enumerate(cells)
        ]
        _, points = watch(chart, weeks)
        assert [p.alarm for p in points] == found[one].tolist()
    assert found.any()
    assert not found[events.sum(axis=(1, 2)) == 0].any()


def test_a_baseline_without_events_is_that_of_the_product() -> None:
    n, none = np.full((1, 13, 2), 60.0), np.zeros((1, 13, 2))
    groups = np.zeros((1, 256, 2))
    groups[0, :, 0] = n.sum() / 256
    made = Baseline(Stream(n, none, n, none), groups)
    assert made.u[0].tolist() == [null.upper_bound(0, n.sum(), float(made.deff[0]))] * 2
    later = Stream(n, none, n, none)
    assert not adjusted(made, later).any()
    assert not tempered(made, later).any()
    many = Stream(n, none + 3, n, none + 3)
    assert adjusted(made, many).any()
    assert (tempered(made, many) == adjusted(made, many)).all()


def test_familiar_methods_are_what_their_names_say(simulated: tuple[Baseline, Stream]) -> None:
    baseline, stream = simulated
    n, events = stream.all_n.sum(axis=2), stream.all_events.sum(axis=2)
    chi2 = stats.chi2_contingency(
        [
            [events[0, 0], n[0, 0] - events[0, 0]],
            [baseline.all_events[0], baseline.all_n[0] - baseline.all_events[0]],
        ],
        correction=False,
    )
    p = two_sided_p(n[:1, :1], events[:1, :1], baseline.all_n[:1, None], baseline.all_events[:1, None])
    assert p[0, 0] == pytest.approx(chi2.pvalue)
    assert z_test(baseline, stream)[0, 0] == (chi2.pvalue < 0.05)
    for a, b in ((0.05, 0.1), (0.0, 0.2), (0.3, 0.3)):
        measured = jensen_shannon(np.array(a), np.array([b]))[0]
        assert measured == pytest.approx(distance.jensenshannon([1 - a, a], [1 - b, b]), abs=1e-9)
    p0 = (baseline.all_events[0] + 0.5) / (baseline.all_n[0] + 1)
    _, alarms = plain_cusum(n[0], events[0], p0, 2 * p0, limit=4.0)
    assert cusum(4.0)(baseline, stream)[0].tolist() == alarms.tolist()


def test_evidently_decides_as_evidently_does() -> None:
    """Its own test of a categorical 0/1 column, chosen by itself, on both sides of 1,000 reference rows."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(27)
    flips = set()
    for size in (600, 4000):
        for rate in (0.05, 0.065, 0.08, 0.11, 0.2):
            reference, current = rng.random(size) < 0.05, rng.random(300) < rate
            first, second = pd.Series(reference.astype(int)), pd.Series(current.astype(int))
            test = get_stattest(first, second, ColumnType.Categorical, None)
            theirs = bool(test(first, second, ColumnType.Categorical, None).drifted)
            cells = [np.array([[[float(x)]]]) for x in (300, current.sum(), 300, current.sum())]
            early = [np.array([[[float(x)]]]) for x in (size, reference.sum(), size, reference.sum())]
            groups = np.zeros((1, 256, 2))
            groups[0, :, 0], groups[0, :20, 1] = size / 256, reference.sum() / 20
            ours = bool(evidently(Baseline(Stream(*early), groups), Stream(*cells))[0, 0])
            assert ours == theirs, (size, rate)
            flips.add((size, ours))
    assert len(flips) == 4


def test_delays_count_the_week_of_the_alarm_and_never_end_without_one() -> None:
    alarms = np.array([[False, True, True], [True, False, False], [False, False, False]])
    assert delays(alarms).tolist() == [2.0, 1.0, np.inf]
    result = Result(quiet=[np.zeros((20, 104), bool)])
    mean, bound = result.false_alarms()
    assert mean == 0
    assert bound == pytest.approx(-np.log(0.025) * 52 * 40 / (20 * 104))


def test_the_table_prints() -> None:
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.power", "--quick"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for text in ("SR, adjusted", "CUSUM", "weekly z-test", "Evidently default", "masking", "no targets are set"):
        assert text in ran.stdout, text
    assert "nan" not in ran.stdout
