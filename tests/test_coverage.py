"""The coverage benchmark runs, holds what it says, and finds out an interval that is too narrow."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage, coverage_populations
from benchmarks.coverage import Plan
from benchmarks.coverage_held import Cell, Held
from benchmarks.coverage_populations import Draw
from monitors import intervals
from monitors.catalogue import CATALOGUE
from monitors.cut import Cut
from monitors.hallucination import HALLUCINATION
from monitors.level import Level
from monitors.measurement import Interval
from monitors.performance import PERFORMANCE

RATE = next(m for m in HALLUCINATION.measures if m.name == "contradicted_reports")


def test_the_table_prints_every_pair_of_the_catalogue() -> None:
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.coverage", "--quick"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for monitor in CATALOGUE:
        if monitor.name in coverage.SAME_AS:
            assert monitor.name in ran.stdout
            continue
        for _, one in coverage_populations.measures_of(monitor):
            if one.interval is not Interval.NONE:
                assert f"  {one.name}  " in ran.stdout, one.name


def test_a_monitor_that_stands_for_another_has_its_measures() -> None:
    named = {monitor.name: monitor for monitor in CATALOGUE}
    for name, other in coverage.SAME_AS.items():
        kinds = [
            [(m.interval, m.floor, m.numerator, m.denominator) for m in named[n].measures] for n in (name, other)
        ]
        assert kinds[0] == kinds[1]
        assert named[name].cells == named[other].cells


@pytest.mark.parametrize(("rho", "outputs"), [(0.0, 200), (0.3, 200)])
def test_rates_and_areas_cover_in_a_small_run(rho: float, outputs: int) -> None:
    """300 runs: the share that covers is within ±.04 of its true value."""
    plan = Plan(runs=300, outputs=(outputs,), correlations=(rho,), truth=400_000)
    held = [Held.of(c) for c in coverage.simulate(HALLUCINATION, plan, rho, 1) if c.measure is RATE]
    assert {one.cell.contrast for one in held} == {"", "rest"}
    for one in held:
        assert one.coverage >= 0.92
        assert one.above <= 0.06
        assert one.width <= 1.4


def test_the_naive_interval_of_clustered_reports_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the design effect the same benchmark says no."""
    plain = intervals.jeffreys
    monkeypatch.setattr(intervals, "jeffreys", lambda k, n, deff=1.0, alpha=0.05: plain(k, n, 1.0, alpha))
    plan = Plan(runs=200, outputs=(1_000,), correlations=(0.3,), truth=400_000)
    (one,) = [
        Held.of(c)
        for c in coverage.simulate(HALLUCINATION, plan, 0.3, 1)
        if c.measure.name == "unsupported_reports" and not c.contrast
    ]
    assert one.coverage < 0.9
    assert not one.met


def level(low: float, n_eff: float) -> Level:
    return Level(0.1, low, 0.2, 50.0, 5.0, n_eff, 40, True, 50 / n_eff, 0.002, np.full(256, 0.1))


def test_what_stays_below_its_floor_is_not_counted() -> None:
    cell = Cell("hallucination", RATE, "", 0.0, 50)
    for n_eff, people in ((29.0, 40), (31.0, 40), (31.0, 11), (31.0, 10)):
        cell.add(level(0.05, n_eff), 0.1, people, (50.0, 5.0))
    held = Held.of(cell)
    assert (held.runs, held.share, held.coverage) == (2, 0.5, 1.0)
    nothing = Cell("hallucination", RATE, "", 0.0, 50)
    for _ in range(3):
        nothing.add(level(math.nan, 31.0), 0.1, 40, (50.0, 5.0))
    assert not Held.of(nothing).counts


def test_a_cell_that_reaches_its_floor_now_and_then_is_run_until_it_has_done_so_often_enough() -> None:
    plan = Plan(runs=60, outputs=(80,), correlations=(0.0,), truth=20_000)
    cells = list(coverage.simulate(HALLUCINATION, plan, 0.0, 0))
    assert all(sum(c.sound) >= 60 or len(c.sound) == 50 or sum(c.sound) < 0.25 * len(c.sound) for c in cells)
    assert any(len(c.sound) > 200 and sum(c.sound) >= 60 for c in cells)


def test_simulated_patients_have_the_sizes_and_the_correlation_they_should() -> None:
    rng = np.random.default_rng(0)
    draw = Draw.of(rng, 0.3, 2_000_000, 1)
    sizes = np.bincount(draw.owner)
    assert sizes.mean() == pytest.approx(1.81, abs=0.03)
    assert (sizes**2).sum() / sizes.sum() == pytest.approx(6.3, abs=0.15)
    for made in (draw.happens(0.1).astype(float), draw.uniform(), draw.normal()):
        sums = np.bincount(draw.owner, made - made.mean())
        scatter = ((made - made.mean()) ** 2).sum()
        pairs = (sizes * (sizes - 1)).sum()
        rho = ((sums**2).sum() - scatter) / pairs / (scatter / len(made))
        assert rho == pytest.approx(0.3, abs=0.02)


def test_the_truth_is_that_of_the_population() -> None:
    whole = coverage._whole(PERFORMANCE, np.random.default_rng(0), 0.15, 400_000)
    assert isinstance(whole, Cut)
    at = {m.name: i for i, m in enumerate(PERFORMANCE.measures)}
    again = coverage._whole(PERFORMANCE, np.random.default_rng(1), 0.15, 400_000)
    assert whole.values[at["auroc"]] == pytest.approx(again.values[at["auroc"]], abs=0.003)
