"""One number of one cut: value, limits and sizes, with what a contrast needs of it."""

import math
from dataclasses import dataclass

from monitors.groups import Floats

_EMPTY = "nothing to measure: the denominator is empty"


@dataclass(frozen=True, slots=True)
class Level:
    """One measure of one cut, with what a contrast needs of it."""

    value: float
    low: float
    high: float
    n: float
    events: float
    n_eff: float
    patients: int
    exact: bool
    deff: float
    variance: float
    without: Floats
    note: str = ""

    @property
    def limits(self) -> tuple[float, float, float]:
        """Value, low and high, as MOVER takes them."""
        return self.value, self.low, self.high


def undefined(patients: int, exact: bool, without: Floats) -> Level:
    """A level of nothing, and why."""
    nan = math.nan
    return Level(nan, nan, nan, 0.0, nan, 0.0, patients, exact, nan, nan, without, _EMPTY)
