"""The coverage of gaps at once: it runs, its truths are true, and it finds out intervals that are too narrow."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.coverage_held import lower
from benchmarks.coverage_slices import RATES, Cell, Held, Population, simulate
from monitors.simultaneous import SliceGap


def test_the_table_prints_every_cell() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.coverage_slices", "--quick"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert all(f"{name}: " in ran.stdout for name in ("Joint gaps", "Gaps of verdicts", "Ratios"))
    assert "first ×2" in ran.stdout


def test_all_slices_are_covered_at_once_and_not_by_their_own_intervals() -> None:
    """200 runs: the share that covers is within ±.04 of its true value, which is .97 and .76."""
    for one in map(Held.of, simulate(Population(6, 0.15), 1_000, 200, 1)):
        assert one.joint >= 0.92 and one.ruled >= 0.92
        assert one.alone < 0.88
        assert one.ratio >= 0.89


def test_the_truth_is_that_of_the_population() -> None:
    population = Population(6, 0.15, 2.0)
    (tally,) = population.tallies(np.random.default_rng(0), 600_000, 1)
    sums = np.stack([tally.group_totals(tally.where(slice=f"{k:02d}")).sum(axis=0) for k in range(6)])
    rest = sums.sum(axis=0) - sums
    for i, rate in enumerate(RATES, start=1):
        gaps, ratios = population.truth(rate)
        assert sums[:, i] / sums[:, 0] - rest[:, i] / rest[:, 0] == pytest.approx(gaps, abs=0.006)
        assert sums[:, i] / sums[:, 0] / (rest[:, i] / rest[:, 0]) == pytest.approx(ratios, rel=0.12)
    gaps, ratios = Population(12, 0.0).truth(0.1)
    assert gaps == pytest.approx(0, abs=1e-12) and ratios == pytest.approx(1)


def test_one_slice_missed_is_a_family_missed() -> None:
    cell = Cell(Population(2, 0.0), 0.1, 200)
    good = SliceGap("10%", "", "slice=00", 0.0, (-0.1, 0.1), (-0.2, 0.2), 2, 2.2, True, 1.0, 0.5, 2.0)
    bad = SliceGap("10%", "", "slice=01", 0.3, (0.2, 0.4), (0.1, 0.5), 2, 2.2, False, 0.5, 0.2, 0.9)
    held_by, missed_by = (SimpleNamespace(slice="slice=00", low=low, high=0.4) for low in (-0.4, 0.1))
    cell.add([good, good], [held_by])  # type: ignore[list-item]
    cell.add([good, bad], [held_by, missed_by])  # type: ignore[list-item]
    cell.add([good, good], [held_by])  # type: ignore[list-item]
    cell.add([good, bad], [held_by])  # type: ignore[list-item]
    held = Held.of(cell)
    assert held.ruled == 0.75
    assert (held.joint, held.alone, held.max_t) == (0.5, 0.5, 0.75)
    assert held.ratio == 0 and held.above == 1
    assert held.met == (False, False, False)


def test_the_bound_is_wilsons() -> None:
    assert lower(0.95, 4_000) == pytest.approx(0.938, abs=0.001)
