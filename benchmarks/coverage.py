"""Do the intervals hold? Every (measure, interval) pair of the catalogue on clustered patients: `make coverage`.

Each run simulates judgements, has the monitor add them up and makes the levels, and the gap of a slice to the
rest, with the functions that make every published interval (`monitors.levels.Desk`; `monitors.agreement.measure`).
The correlation within patients comes from a parent of 5,000 outputs that is drawn anew every 50 runs. Truth is the
same read over two million outputs; of a gap it is 0. A measure is held to the targets in the runs whose effective
n reaches its floor and whose patients (of a gap, on either side) are enough to be shown; as many of them are made
as are asked for, where a quarter of all runs or more are such. Below, a measure has an interval and no verdict.

python -m benchmarks.coverage                 4,000 runs a cell that reach the floor
python -m benchmarks.coverage --quick         a few runs: that it works, not how well
python -m benchmarks.coverage --cells         every cell, not only the worst of each pair
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.coverage_held import ABOVE, COVERAGE, ENOUGH, WIDTH, Cell, Held
from benchmarks.coverage_populations import ITEM, POPULATIONS, Draw, measures_of, tallies
from benchmarks.table import header
from monitors import agreement, score_grid
from monitors.agreement import Agreement
from monitors.catalogue import CATALOGUE
from monitors.cut import Cut
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Slice, Window
from monitors.monitor import Monitor
from monitors.tally import Tally

PARENT: Final = 5_000
RUNS_A_PARENT: Final = 50
TRUTH: Final = 2_000_000
_SLICE: Final = Slice((("slice", "yes"),))
#: Monitors with the sums and formulas of another.
SAME_AS: Final = {
    "confidence_report": "confidence_vqa",
    "confidence_open": "confidence_vqa",
    "confidence_claims_silent_right": "confidence_vqa",
    "confidence_claims_silent_wrong": "confidence_vqa",
    "confidence_retrieval": "confidence_vqa",
    "agreement_judges": "agreement_repeats",
    "agreement_frozen": "agreement_repeats",
}
_WHOLE, _INSIDE = np.array([True, True]), np.array([False, True])


@dataclass(frozen=True)
class Plan:
    runs: int
    outputs: tuple[int, ...]
    correlations: tuple[float, ...]
    truth: int


FULL = Plan(4_000, (50, 200, 1_000, 5_000), (0.0, 0.15, 0.30), TRUTH)
QUICK = Plan(20, (200,), (0.15,), 20_000)


def simulate(monitor: Monitor, plan: Plan, rho: float, seed: int) -> Iterator[Cell]:
    """Every cell of one monitor at one correlation."""
    rng = np.random.default_rng([seed, int(1000 * rho)])
    whole = _whole(monitor, rng, rho, plan.truth)
    for outputs in plan.outputs:
        cells = {
            (index, contrast): Cell(monitor.name, one, contrast, rho, outputs)
            for index, one in measures_of(monitor)
            for contrast in _contrasts(monitor, one)
        }
        first, active = min(RUNS_A_PARENT, plan.runs), cells
        while active:
            _runs(monitor, rng, rho, outputs, first, whole, active)
            active = {
                key: cell
                for key, cell in active.items()
                # what hardly ever reaches its floor needs no further runs
                if cell.wants(plan.runs) and sum(cell.sound) >= ENOUGH / 2 * first
            }
        yield from cells.values()


def _contrasts(monitor: Monitor, one: Measure) -> tuple[str, ...]:
    return ("",) if isinstance(monitor, Agreement) or one.interval is Interval.Q_HAT else ("", "rest")


def _whole(monitor: Monitor, rng: np.random.Generator, rho: float, outputs: int) -> Cut:
    """A sample so large that its values are the truth."""
    merged = None
    for _ in range(max(1, outputs // 200_000)):
        part = _drawn(monitor, rng, rho, min(outputs, 200_000), 1)[0]
        merged = part if merged is None else merged + part
    assert merged is not None
    return Cut(monitor, merged, _WHOLE)


def _drawn(monitor: Monitor, rng: np.random.Generator, rho: float, outputs: int, runs: int) -> list[Tally]:
    draw = Draw.of(rng, rho, outputs, runs)
    return tallies(monitor, draw, POPULATIONS[monitor.task](draw), runs)


def _runs(
    monitor: Monitor,
    rng: np.random.Generator,
    rho: float,
    outputs: int,
    runs: int,
    whole: Cut,
    cells: dict[tuple[int, str], Cell],
) -> None:
    """Some runs with one parent."""
    parent = _drawn(monitor, rng, rho, PARENT, 1)[0]
    truth = {index: _truth(whole, parent, index) for index, _ in cells}
    desk = Desk(monitor, parent, "v1", parent, 0.05)
    step = max(1, 100_000 // outputs)
    for first in range(0, runs, step):
        for tally in _drawn(monitor, rng, rho, outputs, min(step, runs - first)):
            if isinstance(monitor, Agreement):
                names, cut = [one.name for one in monitor.measures], Cut(monitor, tally, _WHOLE)
                for m in agreement.measure(monitor, tally, version="v1", window=Window()):
                    index = names.index(m.measure)
                    if (index, "") in cells:
                        people = _people(cut, monitor.measures[index])
                        cells[index, ""].add(m, truth[index], people, (m.n, m.events))
                continue
            cut = Cut(monitor, tally, _WHOLE)
            if any(contrast for _, contrast in cells):
                inside, rest = Cut(monitor, tally, _INSIDE), Cut(monitor, tally, ~_INSIDE)
            for (index, contrast), cell in cells.items():
                if contrast:
                    one = monitor.measures[index]
                    sides = desk.level(inside, index, ITEM), desk.level(rest, index, ITEM)
                    m = desk.contrast(one, *sides, ITEM, _SLICE, contrast, Window())
                    people = min(_people(inside, one), _people(rest, one))
                    cell.add(m, 0.0, people, _sides(one, inside, rest))
                else:
                    one = monitor.measures[index]
                    cell.add(desk.level(cut, index, ITEM), truth[index], _people(cut, one), _sides(one, cut))


def _people(cut: Cut, one: Measure) -> int:
    """Patient groups that count for a measure, which are no more than the patients who do."""
    groups = cut.cell(one.denominator) > 0
    if one.interval is Interval.LOGIT:
        groups = groups | (cut.cell(one.numerator) > 0)
    return int(groups.sum())


def _sides(one: Measure, *cuts: Cut) -> tuple[float, ...]:
    if one.interval not in (Interval.JEFFREYS, Interval.F1):
        return ()
    return tuple(float(c.cell(name).sum()) for c in cuts for name in (one.denominator, one.numerator))


def _truth(whole: Cut, parent: Tally, index: int) -> float:
    """The value in the whole population; of the calibration error in the bins that the parent fixes."""
    if whole.monitor.measures[index].interval is not Interval.Q_HAT:
        return float(whole.values[index])
    starts = score_grid.bin_starts(parent.group_totals().sum(axis=0))
    n, p, k = (part.sum(axis=0) for part in score_grid.binned(whole.totals, starts))
    return math.sqrt(float(((p - k) ** 2 / n).sum() / n.sum()))


def show(held: Sequence[Held], *, every_cell: bool, notes: Sequence[str]) -> None:
    """One line a pair, of its worst cells, or one line a cell."""
    console = Console(width=200, highlight=False, markup=False)
    for line in [*header(), *notes]:
        console.print(line)
    names = ("measure", "contrast", "interval", "floor", "ρ", "n", "reach the floor", "coverage", "at least",
             "truth above", "width ×", "met")  # fmt: skip
    table = Table(*names, box=SIMPLE_HEAD)
    for column in table.columns[3:-1]:
        column.justify = "right"
    for column in table.columns:
        column.no_wrap = True
    pairs: dict[tuple[str, str, str], list[Held]] = {}
    for one in held:
        pairs.setdefault((one.cell.monitor, one.cell.measure.name, one.cell.contrast), []).append(one)
    for found in pairs.values():
        counted = [one for one in found if one.counts]
        for one in found if every_cell else counted[:0]:
            table.add_row(*_line(one))
        if not every_cell:
            table.add_row(*_worst(found, counted))
    console.print(table)
    missed = [one for one in held if one.counts and not one.met]
    counting = sum(one.counts for one in held)
    console.print(f"{counting - len(missed)} of {counting} cells at or above their floor meet all three targets.")
    for one in missed:
        console.print("MISSED: " + "  ".join(_line(one)))


def _line(one: Held) -> list[str]:
    cell = one.cell
    judged = ("yes" if one.met else "NO") if one.counts else "below"
    return [
        f"{cell.measure.name}", cell.contrast or "level", cell.measure.interval.name, f"{cell.measure.floor:.0f}",
        f"{cell.rho:.2f}", f"{cell.outputs:,}", f"{100 * one.share:.0f} %", _share(one.coverage),
        _share(one.bound), _share(one.above), _number(one.width), judged,
    ]  # fmt: skip


def _worst(found: Sequence[Held], counted: Sequence[Held]) -> list[str]:
    cell = found[0].cell
    start = [cell.measure.name, cell.contrast or "level", cell.measure.interval.name, f"{cell.measure.floor:.0f}"]
    if not counted:
        return [*start, "all", "none", "", "", "", "", "", "below"]
    widths = [one.width for one in counted if math.isfinite(one.width)]
    low = min(counted, key=lambda one: one.bound)
    sizes = sorted({one.cell.outputs for one in counted})
    return [
        *start, "all", f"{sizes[0]:,}–{sizes[-1]:,}", f"{len(counted)} of {len(found)} cells",
        _share(low.coverage), _share(low.bound), _share(max(one.above for one in counted)),
        _number(max(widths, default=math.nan)),
        "yes" if all(one.met for one in counted) else "NO",
    ]  # fmt: skip


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=FULL.runs, help="runs a cell")
    parser.add_argument("--quick", action="store_true", help="a few runs of one cell of each pair")
    parser.add_argument("--cells", action="store_true", help="print every cell")
    parser.add_argument("--monitor", action="append", help="only this monitor (may be repeated)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    plan = QUICK if asked.quick else replace(FULL, runs=asked.runs)
    began, held = time.perf_counter(), []
    for monitor in CATALOGUE:
        if (
            monitor.name in SAME_AS
            or monitor.task not in POPULATIONS
            or (asked.monitor and monitor.name not in asked.monitor)
        ):
            continue
        if not measures_of(monitor):
            continue
        for rho in plan.correlations:
            print(f"… {monitor.name}, ρ = {rho:.2f}", file=sys.stderr, flush=True)
            held += [Held.of(cell) for cell in simulate(monitor, plan, rho, asked.seed)]
    notes = [
        f"{plan.runs:,} runs a cell; {time.perf_counter() - began:,.0f} s on one core. Targets: coverage at least "
        f"{COVERAGE:.0%} (lower Monte Carlo bound of 99.9 %), truth above the upper limit at most {ABOVE:.0%}, "
        f"width at most {WIDTH} × that with the sampling error known. Truth: {plan.truth:,} outputs."
    ]
    notes += [f"{name} is {other} on other rows: not run again." for name, other in SAME_AS.items()]
    if asked.quick:
        notes.append("Quick: too few runs for any figure to mean something.")
    show(held, every_cell=asked.cells, notes=notes)


if __name__ == "__main__":
    main()
