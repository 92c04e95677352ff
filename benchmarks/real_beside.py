"""The interval of a number beside the naive one, which takes images (or drafts) as independent.

Rates and means have the same formula on both sides, without the design effect on the naive one, so that the ratio
of widths speaks of clustering alone. Areas are held against DeLong's interval, which is what others print,
and against Obuchowski's, which knows the patients and none of our code.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from scipy.stats import rankdata

from monitors import intervals
from reports.numbers import with_interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Limits = tuple[float, float]
#: A measurement as the report's JSON has it.
Row = dict[str, Any]
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Beside:
    """One measured row, and the naive interval of the same number."""

    row: Row
    naive: Limits

    @property
    def ratio(self) -> float:
        """Width of the interval by patient over that of the naive one."""
        return float(self.row["high"] - self.row["low"]) / (self.naive[1] - self.naive[0])

    @property
    def said(self) -> tuple[str, str, str]:
        """Value and interval, the naive interval, and the ratio, as the tables print them."""
        row, about = self.row, (self.row["unit"], self.row["contrast"])
        naive = with_interval(row["value"], *self.naive, *about)
        ours = with_interval(row["value"], row["low"], row["high"], *about)
        return ours, naive[naive.index("[") :], f"{self.ratio:.2f}"


@dataclass(frozen=True)
class Part:
    """What one set came to: tables with a title each, intervals side by side by kind, and what does not hold."""

    title: str
    notes: list[str]
    tables: list[Table]
    beside: dict[str, list[Beside]]
    wrong: list[str]


def by_key(rows: Iterable[Row]) -> dict[Key, Row]:
    """Rows by measure, finding, slice and contrast; of a report of one version."""
    return {(r["measure"], r["item"], r["slice"], r["contrast"]): r for r in rows}


def shown(row: Row) -> bool:
    """Whether the row may be shown and has an interval."""
    return not row["suppressed"] and None not in (row["value"], row["low"], row["high"])


def table(title: str, heads: Sequence[str], left: int = 1) -> Table:
    """An empty table; all columns but the first `left` are numbers."""
    made = Table(*heads, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in made.columns[left:]:
        column.justify = "right"
    for column in made.columns:
        column.no_wrap = True
    return made


def mean_ratio(pairs: Sequence[Beside]) -> float:
    """Mean width by patient over mean width of the naive intervals."""
    ours = sum(pair.row["high"] - pair.row["low"] for pair in pairs)
    return float(ours) / sum(pair.naive[1] - pair.naive[0] for pair in pairs)


def placements(scores: Floats, truth: Mask) -> tuple[Floats, Floats]:
    """Of each positive image the share of negative ones below it; of each negative that of positive ones above.

    A tie is a half. From midranks (Sun & Xu 2014). The mean of either is the area under the ROC curve.
    """
    sick, healthy = scores[truth], scores[~truth]
    ranks = np.asarray(rankdata(np.concatenate([sick, healthy])), dtype=float)
    of_sick = (ranks[: len(sick)] - np.asarray(rankdata(sick))) / len(healthy)
    return of_sick, 1 - (ranks[len(sick) :] - np.asarray(rankdata(healthy))) / len(sick)


def delong(scores: Floats, truth: Mask) -> Limits:
    """95 % interval of the area under the ROC curve with images independent (DeLong et al. 1988)."""
    of_sick, of_healthy = placements(scores, truth)
    error = np.sqrt(of_sick.var(ddof=1) / len(of_sick) + of_healthy.var(ddof=1) / len(of_healthy))
    return _around(float(of_sick.mean()), float(error))


def obuchowski(scores: Floats, truth: Mask, patients: NDArray[np.int64]) -> Limits:
    """The same with patients independent (Obuchowski 1997): placements are added up by patient first."""
    of_sick, of_healthy = placements(scores, truth)
    area, m, n = float(of_sick.mean()), len(of_sick), len(of_healthy)
    count = int(patients.max()) + 1
    sick = np.bincount(patients[truth], of_sick - area, count)
    healthy = np.bincount(patients[~truth], of_healthy - area, count)
    with_sick, with_healthy = len(set(patients[truth])), len(set(patients[~truth]))
    variance = with_sick / (with_sick - 1) * (sick @ sick) / m**2
    variance += with_healthy / (with_healthy - 1) * (healthy @ healthy) / n**2
    variance += 2 * count / (count - 1) * (sick @ healthy) / (m * n)
    return _around(area, float(np.sqrt(variance)))


def _around(value: float, error: float) -> Limits:
    half = intervals.z_of(0.05) * error
    return value - half, value + half


def naive_mean(values: Floats) -> tuple[float, float, float]:
    """Mean and 95 % normal interval of independent values."""
    value = float(values.mean())
    return value, *intervals.normal(value, float(values.var(ddof=1)) / len(values), -1, 1)


def naive_share(events: float, n: float) -> tuple[float, float, float]:
    """Share and Jeffreys interval on the plain count."""
    return events / n, *intervals.jeffreys(events, n)


def naive_gap(
    values: Floats, inside: Mask, one: Callable[[Floats], tuple[float, float, float]]
) -> tuple[float, float, float]:
    """Group minus everyone else, with MOVER on the naive limits of both sides."""
    first, second = one(values[inside]), one(values[~inside])
    return first[0] - second[0], *intervals.mover(first, second)


def share_of(outcomes: Floats) -> tuple[float, float, float]:
    """`naive_share` of outcomes that are 0 or 1."""
    return naive_share(float(outcomes.sum()), len(outcomes))
