"""The runs of one cell of `make coverage`, and whether its interval holds: coverage, the dangerous side, width."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy import special

from monitors import intervals
from monitors.groups import correlation
from monitors.level import Level
from monitors.measurement import Interval, Measure, Measurement
from monitors.performance import f1_of
from monitors.threshold import SUPPRESS_BELOW

COVERAGE, ABOVE, WIDTH = 0.93, 0.04, 1.4
ENOUGH: Final = 0.25  # of the runs of a cell must reach the floor for the cell to count
_Z: Final = float(special.ndtri(0.9995))  # Monte Carlo bounds of 99.9 %


@dataclass
class Cell:
    """The runs of one measure, contrast, ρ and n."""

    monitor: str
    measure: Measure
    contrast: str
    rho: float
    outputs: int
    truth: list[float] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)
    sound: list[bool] = field(default_factory=list)  # has an interval, reaches the floor and may be shown

    def add(self, made: Level | Measurement, truth: float, people: int, sides: tuple[float, ...] = ()) -> None:
        """One run, of so many patients (of a gap, on its smaller side).

        `sides` are n and events (or their weights) of a rate, or of both sides of a gap.
        """
        sides = (*sides, math.nan, math.nan, math.nan, math.nan)[:4]
        self.rows.append((made.value, made.low, made.high, *sides))
        self.truth.append(truth)
        finite = math.isfinite(made.value + made.low + made.high)
        self.sound.append(finite and made.n_eff >= self.measure.floor and people >= SUPPRESS_BELOW)

    def wants(self, runs: int) -> bool:
        """Whether to go on: until so many runs are sound, or too few of so many were."""
        done, sound = len(self.sound), sum(self.sound)
        return sound < runs and (done < runs or sound >= ENOUGH * done)


@dataclass(frozen=True)
class Held:
    """What one cell came to, over its sound runs."""

    cell: Cell
    share: float  # of all runs, those that are sound
    runs: int
    coverage: float
    bound: float  # lower Monte Carlo bound of the coverage
    above: float  # truth above the upper limit
    width: float  # over that of the interval with the true sampling error

    @classmethod
    def of(cls, cell: Cell) -> "Held":
        sound = np.array(cell.sound)
        kept, truth = np.array(cell.rows)[sound], np.array(cell.truth)[sound]
        if len(kept) < 2:
            nan = math.nan
            return cls(cell, float(sound.mean()), len(kept), nan, nan, nan, nan)
        low, high = kept[:, 1], kept[:, 2]
        # a value that the grid or the range rounds is still the same value
        inside = (low <= truth + 1e-9) & (truth <= high + 1e-9)
        c = float(inside.mean())
        return cls(
            cell, float(sound.mean()), len(kept), c, lower(c, len(kept)), float((truth > high + 1e-9).mean()),
            _relative_width(cell, kept),
        )  # fmt: skip

    @property
    def counts(self) -> bool:
        return self.share >= ENOUGH and self.runs >= 2

    @property
    def met(self) -> bool:
        wide = self.width <= WIDTH or math.isnan(self.width)
        return self.bound >= COVERAGE and self.above <= ABOVE and wide


def lower(coverage: float, runs: int) -> float:
    """Wilson's lower limit, at 99.9 %."""
    centre = coverage + _Z**2 / (2 * runs)
    half = _Z * math.sqrt(coverage * (1 - coverage) / runs + _Z**2 / (4 * runs**2))
    return (centre - half) / (1 + _Z**2 / runs)


def _relative_width(cell: Cell, rows: np.ndarray) -> float:
    """Mean width over the mean width of the same interval given the estimator's own scatter over the runs."""
    value, low, high = rows[:, :3].T
    kind = cell.measure.interval
    if kind is Interval.Q_HAT:
        return math.nan  # on the scale of a root that is cut at 0 there is no scatter to compare with
    if kind in (Interval.JEFFREYS, Interval.F1):
        known = _known_rates(cell, rows, kind)
    elif kind is Interval.LOGIT and not cell.contrast:
        on_scale = special.logit(value)
        half = intervals.z_of(0.05) * on_scale.std()
        known = np.stack([special.expit(on_scale - half), special.expit(on_scale + half)], axis=1)
    else:
        half = intervals.z_of(0.05) * float(value.std())
        known = np.array([[-half, half]])
    width = float((known[:, 1] - known[:, 0]).mean())
    return float((high - low).mean()) / width if width > 0 else math.nan


def _known_rates(cell: Cell, rows: np.ndarray, kind: Interval) -> np.ndarray:
    """Jeffreys limits of each run, or MOVER of two, with the design effect and correlation of all runs.

    Of weighted events the design effect holds their weight as well, and may lie below 1.
    """
    counts = math.isinf(cell.measure.high)
    limits, made, rates = intervals.jeffreys_count if counts else intervals.jeffreys, [], []
    for n, events in (rows[:, 3:5].T, rows[:, 5:7].T)[: 2 if cell.contrast else 1]:
        rate = events.sum() / n.sum()
        simple = (rate if counts else rate * (1 - rate)) / n.mean()
        deff = float((events / n).var()) / simple if simple > 0 else 1.0
        if not cell.measure.squares:
            deff = max(1.0, deff)
        ends = np.array([limits(k, m, deff) for k, m in zip(events, n, strict=True)])
        triple = np.column_stack([events / n, ends])
        made.append(f1_of(triple) if kind is Interval.F1 else triple)
        rates.append(events / n)
    if len(made) == 1:
        return made[0][:, 1:]
    r = correlation(*rates)
    return np.array([intervals.mover(tuple(a), tuple(b), r) for a, b in zip(*made, strict=True)])
