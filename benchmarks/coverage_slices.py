"""Do the gaps of all slices hold at once, and the ratios each? Part of `make coverage`.

Each run draws clustered patients in 6 or 12 slices (75 % with one output, 17 % with two or three, 8 % with a
geometric number of mean 8), and makes joint gaps and ratios with the function that makes the published ones
(`monitors.simultaneous.against_rest`). The slices are unequal: the k-th has a share in proportion to
1/√k, and those of fewer than 11 patients are not shown and not counted. Without a true gap one output in ten is on
another slice than its patient; with one, the first slice has twice the rate. The correlation within patients comes
from a parent of 5,000 outputs that is drawn anew every 50 runs.

python -m benchmarks.coverage_slices            4,000 runs a cell
python -m benchmarks.coverage_slices --quick    a few runs: that it works, not how well
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.coverage_held import lower
from benchmarks.coverage_populations import Draw
from benchmarks.table import header
from monitors.adding import Entries
from monitors.columns import shares
from monitors.frame import gaps
from monitors.groups import GROUPS
from monitors.judged import GRID
from monitors.levels import Desk
from monitors.measurement import Direction, Interval, Measure, Measurement, Slice, Window
from monitors.monitor import Contributions
from monitors.selection import select
from monitors.simultaneous import SliceGap, against_rest
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW

Floats = NDArray[np.float64]

TARGET, ABOVE = 0.93, 0.04
RATES: Final = (0.02, 0.10)
PARENT, RUNS_A_PARENT = 5_000, 50
_MOVED: Final = 0.1
_ENOUGH: Final = 0.25  # of the runs must show a slice for its ratio to count


def _share(name: str) -> Measure:
    return Measure(
        name, name, "outputs", 0, 1, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator=name,
        denominator="outputs",
    )  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """Two rates of the same outputs, one of 2 % and one of 10 %."""

    name: str = "rates"
    version: int = 1
    task: str = "report"
    cells: tuple[str, ...] = ("outputs", *(f"{rate:.0%}" for rate in RATES))
    measures: tuple[Measure, ...] = tuple(_share(f"{rate:.0%}") for rate in RATES)

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        raise NotImplementedError("the runs make their sums themselves")

    def read(self, totals: Floats) -> Floats:
        return shares(self, totals)


MONITOR: Final = Rates()


@dataclass(frozen=True)
class Population:
    """Slices, the correlation within patients, and by how much the first slice is worse (1: no true gap)."""

    slices: int
    rho: float
    times: float = 1.0

    @property
    def weights(self) -> Floats:
        made: Floats = 1 / np.sqrt(np.arange(1, self.slices + 1))
        made /= made.sum()
        return made

    @property
    def excess(self) -> Floats:
        """The rate of each slice over the common rate."""
        return np.where(np.arange(self.slices) == 0, self.times, 1.0)

    def truth(self, rate: float) -> tuple[Floats, Floats]:
        """True gaps and ratios to the rest, by slice."""
        sums = float(self.weights @ self.excess) - self.weights * self.excess
        rest = sums / (1 - self.weights)
        return rate * (self.excess - rest), self.excess / rest

    def tallies(self, rng: np.random.Generator, outputs: int, runs: int) -> list[Tally]:
        """One tally a run."""
        draw = Draw.of(rng, self.rho, outputs, runs)
        home = rng.choice(self.slices, size=draw.patients, p=self.weights)
        at = home[draw.owner]
        if self.times == 1:
            moved = rng.uniform(size=len(at)) < _MOVED
            at = np.where(moved, rng.choice(self.slices, size=len(at), p=self.weights), at)
        hits = [self._happens(draw, rate, home) for rate in RATES]
        cells = len(MONITOR.cells)
        key = (draw.run * self.slices + at) * GROUPS + draw.group
        reach = runs * self.slices * GROUPS
        kinds = [np.ones(len(key), bool), *hits]
        sums = np.stack([np.bincount(key[rows], minlength=reach) for rows in kinds], axis=1)
        levels = tuple(("v1", "", f"{k:02d}") for k in range(self.slices))
        none = replace(Tally.zero(MONITOR, ("version", "item", "slice")), levels=levels)
        made = []
        for run in sums.reshape(runs, -1):
            kept = np.flatnonzero(run)
            made.append(replace(none, sums=Entries.at(kept, run[kept] * GRID, cells)))
        return made

    def _happens(self, draw: Draw, rate: float, home: NDArray[np.int64]) -> NDArray[np.bool_]:
        """0/1 outcomes: each patient has a risk of his own, Beta round that of his slice."""
        risk = rate * self.excess[home]
        if self.rho > 0:
            size = (1 - self.rho) / self.rho
            risk = draw.rng.beta(risk * size, (1 - risk) * size)
        hit: NDArray[np.bool_] = draw.rng.uniform(size=len(draw.owner)) < risk[draw.owner]
        return hit


@dataclass
class Cell:
    """The runs of one rate, population and size."""

    population: Population
    rate: float
    outputs: int
    joint: list[bool] = field(default_factory=list)
    ruled: list[bool] = field(default_factory=list)  # the intervals that verdicts rest on
    alone: list[bool] = field(default_factory=list)
    max_t: list[float] = field(default_factory=list)  # share of the slices whose interval is by max-t
    critical: list[float] = field(default_factory=list)
    ratios: list[tuple[int, bool, bool]] = field(default_factory=list)  # slice, truth inside, truth above
    gaps: int = 0

    def add(self, found: Sequence[SliceGap], ruled: Sequence[Measurement]) -> None:
        """One run."""
        true_gap, true_ratio = self.population.truth(self.rate)
        self.ruled.append(all(_inside((one.low, one.high), true_gap[_place(one.slice)]) for one in ruled))
        at = [_place(gap.slice) for gap in found]
        for name, held in (("joint", self.joint), ("alone", self.alone)):
            held.append(all(_inside(getattr(g, name), true_gap[k]) for g, k in zip(found, at, strict=True)))
        self.max_t.append(float(np.mean([gap.max_t for gap in found])))
        self.critical.append(float(np.mean([gap.critical for gap in found])))
        self.gaps += len(found)
        for gap, k in zip(found, at, strict=True):
            if math.isfinite(gap.ratio):  # else the rest had no event
                limits = gap.ratio_low, gap.ratio_high
                self.ratios.append((k, _inside(limits, true_ratio[k]), bool(true_ratio[k] > gap.ratio_high)))


def _place(where: str) -> int:
    return int(where.partition("=")[2])


def _inside(limits: tuple[float, float], truth: float) -> bool:
    return bool(limits[0] - 1e-9 <= truth <= limits[1] + 1e-9)


@dataclass(frozen=True)
class Held:
    """What one cell came to; of the ratios that of the slice covered least, NaN where too few could be made."""

    cell: Cell
    joint: float
    bound: float  # lower Monte Carlo bound
    ruled: float  # of verdicts
    ruled_bound: float
    alone: float
    critical: float
    max_t: float
    ratio: float
    ratio_bound: float
    above: float
    made: float  # share of the gaps that have a ratio

    @classmethod
    def of(cls, cell: Cell) -> "Held":
        ratios = np.array(cell.ratios, float)
        by_slice = [ratios[ratios[:, 0] == k] for k in range(cell.population.slices)]
        by_slice = [rows for rows in by_slice if len(rows) >= _ENOUGH * len(cell.joint)]
        least = min(by_slice, key=lambda rows: float(rows[:, 1].mean()))
        joint, ruled, ratio = float(np.mean(cell.joint)), float(np.mean(cell.ruled)), float(least[:, 1].mean())
        return cls(
            cell, joint, lower(joint, len(cell.joint)), ruled, lower(ruled, len(cell.ruled)),
            float(np.mean(cell.alone)), float(np.mean(cell.critical)),
            float(np.mean(cell.max_t)), ratio, lower(ratio, len(least)),
            max(float(rows[:, 2].mean()) for rows in by_slice), len(ratios) / cell.gaps,
        )  # fmt: skip

    @property
    def met(self) -> tuple[bool, bool, bool]:
        """Whether the joint gaps hold, those of verdicts, and the ratios."""
        return self.bound >= TARGET, self.ruled_bound >= TARGET, self.ratio_bound >= TARGET and self.above <= ABOVE


def simulate(population: Population, outputs: int, runs: int, seed: int) -> list[Cell]:
    """Both rates at one size."""
    rng = np.random.default_rng(
        [seed, population.slices, int(1000 * population.rho), int(10 * population.times), outputs]
    )
    cells = [Cell(population, rate, outputs) for rate in RATES]
    asked = [Slice((("slice", f"{k:02d}"),)) for k in range(population.slices)]
    for first in range(0, runs, RUNS_A_PARENT):
        (parent,) = population.tallies(rng, PARENT, 1)
        for tally in population.tallies(rng, outputs, min(RUNS_A_PARENT, runs - first)):
            desk = Desk(MONITOR, tally, "v1", parent)
            found = against_rest(desk, asked, items=[""])
            hidden = {str(one) for one in asked if _patients(tally, one) < SUPPRESS_BELOW}
            ruled = gaps(desk, asked, items=[""], window=Window(), at_once=len(asked))
            for cell, one in zip(cells, MONITOR.measures, strict=True):
                cell.add(
                    [gap for gap in found if gap.measure == one.name and gap.slice not in hidden],
                    [gap for gap in ruled if gap.measure == one.name and gap.slice not in hidden],
                )
    return cells


def _patients(tally: Tally, where: Slice) -> int:
    """Patient groups of a slice: of so few patients hardly two share one."""
    return int((tally.group_totals(select(tally, where))[:, 0] > 0).sum())


def plan(quick: bool) -> Iterator[tuple[Population, int]]:
    """Every population and size."""
    for times in (1.0, 2.0):
        for slices in (6,) if quick else (6, 12):
            for rho in (0.15,) if quick else (0.0, 0.15, 0.30):
                for outputs in (200,) if quick else (200, 1_000, 5_000):
                    yield Population(slices, rho, times), outputs


def show(held: Sequence[Held], notes: Sequence[str]) -> None:
    """One line a cell."""
    console = Console(width=200, highlight=False, markup=False)
    for line in [*header(), *notes]:
        console.print(line)
    names = ("true gap", "rate", "slices", "ρ", "n", "all at once", "at least", "met", "verdicts", "at least",
             "met", "each alone", "c", "max-t", "ratio", "at least", "truth above", "made", "met")  # fmt: skip
    table = Table(*names, box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for one in held:
        cell, (joint, verdicts, ratios) = one.cell, one.met
        table.add_row(
            "none" if cell.population.times == 1 else "first ×2", f"{cell.rate:.0%}", str(cell.population.slices),
            f"{cell.population.rho:.2f}", f"{cell.outputs:,}", f"{one.joint:.3f}", f"{one.bound:.3f}",
            "yes" if joint else "NO", f"{one.ruled:.3f}", f"{one.ruled_bound:.3f}", "yes" if verdicts else "NO",
            f"{one.alone:.3f}", f"{one.critical:.2f}", f"{one.max_t:.0%}",
            f"{one.ratio:.3f}", f"{one.ratio_bound:.3f}", f"{one.above:.3f}", f"{one.made:.0%}",
            "yes" if ratios else "NO",
        )  # fmt: skip
    console.print(table)
    for k, name in enumerate(("Joint gaps", "Gaps of verdicts", "Ratios")):
        good = [one.met[k] for one in held]
        console.print(f"{name}: {sum(good)} of {len(good)} cells meet their targets.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4_000, help="runs a cell")
    parser.add_argument("--quick", action="store_true", help="a few runs of few cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slices", type=int, help="only the populations with so many")
    asked = parser.parse_args()
    runs, began, held = 20 if asked.quick else asked.runs, time.perf_counter(), []
    for population, outputs in plan(asked.quick):
        if asked.slices not in (None, population.slices):
            continue
        held += [Held.of(cell) for cell in simulate(population, outputs, runs, asked.seed)]
    notes = [
        f"{runs:,} runs a cell; {time.perf_counter() - began:,.0f} s on one core. Targets: the gaps of all slices "
        f"covered at once, and the ratio of each slice, in at least {TARGET:.0%} (lower Monte Carlo bound of "
        f"99.9 %); truth above the upper limit of a ratio in at most {ABOVE:.0%}. Ratio: the slice covered least."
    ]
    show(held, notes)


if __name__ == "__main__":
    main()
