"""One figure of the table, the header that says where it was measured, and how both are printed."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_LIBRARIES = ("lvlm-auditor", "numpy", "pyarrow", "pandas", "great-expectations", "fairlearn", "mlflow")


@dataclass(frozen=True)
class Figure:
    """A measured value beside its target and what one would use instead."""

    name: str
    value: float
    unit: str
    basis: str  # "median of 3 runs", "extrapolated", …
    instead: str
    at_most: float | None = None
    at_least: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        runs: Sequence[float],
        unit: str,
        instead: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> Self:
        """The median of the runs.

        >>> Figure.of("audit", [3.0, 1.0, 2.0], "s", "").value
        2.0
        """
        basis = "1 run" if len(runs) == 1 else f"median of {len(runs)} runs"
        return cls(name, median(runs), unit, basis, instead, at_most, at_least)

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"< {self.at_most:,g}"
        return "–" if self.at_least is None else f"≥ {self.at_least:,.0f}"

    @property
    def met(self) -> str:
        """Whether the target is met; a value that could not be measured (NaN) meets none."""
        if self.at_most is None and self.at_least is None:
            return ""
        below = self.at_most is None or self.value < self.at_most
        return "yes" if below and (self.at_least is None or self.value >= self.at_least) else "NO"


def header() -> list[str]:
    """The machine and the versions: without them the figures mean nothing."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        f"{_processor()}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} "
        f"cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        libraries,
    ]


def show(notes: Sequence[str], figures: Sequence[Figure]) -> None:
    """Print the header, the notes and the table."""
    console = Console(width=160, highlight=False, markup=False)
    for line in [*header(), *notes]:
        console.print(line)
    columns = ("figure", "value", "unit", "target", "met", "basis", "what one would use instead")
    table = Table(*columns, box=SIMPLE_HEAD)
    table.columns[1].justify = table.columns[3].justify = "right"
    for column in table.columns[1:-1]:
        column.no_wrap = True
    for f in figures:
        table.add_row(f.name, _number(f.value), f.unit, f.target, f.met, f.basis, f.instead)
    console.print(table)


def _number(value: float) -> str:
    if value != value:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
