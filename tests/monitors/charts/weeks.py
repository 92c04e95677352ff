"""Sealed weeks made by hand and by chance."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from monitors.casemix import Stratum
from monitors.sealed import WeekCounts

MONDAY = date(2024, 1, 1)


def week(number: int, counts: Mapping[Stratum, tuple[int, int]], version: str = "v1") -> WeekCounts:
    return WeekCounts(MONDAY + timedelta(weeks=number), version, counts, sum(n for n, _ in counts.values()))


def drawn(
    rng: np.random.Generator, weeks: int, sizes: Mapping[str, int], rates: Mapping[str, float], start: int = 0
) -> list[WeekCounts]:
    """Independent patients of each stratum."""
    return [
        week(start + t, {(s,): (n, int(rng.binomial(n, rates[s]))) for s, n in sizes.items()})
        for t in range(weeks)
    ]
