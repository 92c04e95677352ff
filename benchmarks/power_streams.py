"""Simulated streams for `make power`: patients who stay on, seen report by report, in many charts at once.

A patient has one report (75 %), two or three (17 %), or many (8 %, geometric with mean 8: intensive care), the
next on average two days after the last, so that long stays reach over several weeks. Every report carries one
uniform number v, and is an error when v is below the week's rate; with probability √ρ the number is the patient's
own, which gives any two reports of a patient the correlation ρ at every rate, and lets one stream be read under
no change and under every rise alike.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.groups import GROUPS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Mean days between two reports of a patient, and mean reports of a patient.
DAYS_BETWEEN: Final = 2.0
MEAN_REPORTS: Final = 0.75 + 0.17 * 2.5 + 0.08 * 8
#: Weeks of arrivals before the first week that counts, so that long stays are there from the start.
_BEFORE: Final = 10


@dataclass(frozen=True)
class Stream:
    """Counts by (chart, week, stratum): of one report a patient and week, and of all reports as they come."""

    n: Floats
    events: Floats
    all_n: Floats
    all_events: Floats

    def weeks(self, start: int, end: int | None = None) -> "Stream":
        """The weeks from `start` up to, not including, `end`."""
        return Stream(*(x[:, start:end] for x in (self.n, self.events, self.all_n, self.all_events)))


@dataclass(frozen=True)
class Population:
    """Patients of many charts: one row a report, in order of patient and time, within the weeks asked for."""

    charts: int
    weeks: int
    strata: int
    cell: Ints  # (chart, week, stratum), flattened
    v: NDArray[np.float32]
    picked: Mask  # the first of its patient and week
    group: NDArray[np.uint8]  # of the patient, as in monitors.groups

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        charts: int,
        weeks: int,
        reports: float,
        rho: float,
        share: Floats | None = None,
    ) -> "Population":
        """`reports` a week and chart; `share`, (charts, weeks), is the chance of the second stratum on arrival.

        Arrivals before the first week have the share of that week.
        """
        arrivals = (weeks + _BEFORE) * reports / MEAN_REPORTS
        counts = rng.poisson(arrivals, charts)
        chart = np.repeat(np.arange(charts), counts)
        patients = len(chart)
        arrived = rng.uniform(-7.0 * _BEFORE, 7.0 * weeks, patients)
        kind = rng.choice(3, size=patients, p=[0.75, 0.17, 0.08])
        many = np.where(kind == 1, rng.integers(2, 4, patients), rng.geometric(1 / 8, patients))
        size = np.where(kind == 0, 1, many)
        owner = np.repeat(np.arange(patients, dtype=np.int32), size)
        start = np.r_[0, np.cumsum(size)[:-1]]
        gap = rng.exponential(DAYS_BETWEEN, len(owner))
        gap[start] = 0.0
        run = np.cumsum(gap)
        day = run - run[start][owner] + arrived[owner]
        week = np.floor(day / 7).astype(np.int64)
        stratum = np.zeros(patients, np.int64)
        if share is not None:
            chance = share[chart, np.maximum(0, np.floor(arrived / 7).astype(np.int64))]
            stratum = (rng.uniform(size=patients) < chance).astype(np.int64)
        v = rng.random(len(owner), dtype=np.float32)
        own = rng.random(patients, dtype=np.float32)
        shared = rng.random(len(owner), dtype=np.float32) < np.sqrt(rho)
        v[shared] = own[owner[shared]]
        # a patient's reports are exchangeable, so that the first of the week is as good as one picked by hash
        picked = np.r_[True, (owner[1:] != owner[:-1]) | (week[1:] != week[:-1])]
        group = rng.integers(0, GROUPS, patients, dtype=np.uint8)
        inside = (week >= 0) & (week < weeks)
        strata = 1 if share is None else 2
        kept = owner[inside]
        cell = (chart[kept] * weeks + week[inside]) * strata + stratum[kept]
        return cls(charts, weeks, strata, cell, v[inside], picked[inside], group[kept])

    def errors(self, rates: Floats) -> Mask:
        """Which reports are errors when the rates of (charts, weeks, strata) hold."""
        wrong: Mask = self.v < rates.astype(np.float32).ravel()[self.cell]
        return wrong

    def streams(self, *rates: Floats) -> list[Stream]:
        """What is counted under each of several rates, from the same reports."""
        n, all_n = self._count(self.picked), self._count(np.ones(len(self.cell), bool))
        wrong = [self.errors(one) for one in rates]
        return [Stream(n, self._count(self.picked & one), all_n, self._count(one)) for one in wrong]

    def group_totals(self, rates: Floats, weeks: int) -> Floats:
        """(picked, events) by chart and patient group over the first `weeks`: (charts, 256, 2)."""
        early = self.picked & (self.cell // self.strata % self.weeks < weeks)
        place = self.cell[early] // (self.strata * self.weeks) * GROUPS + self.group[early]
        wrong = self.errors(rates)[early]
        totals = [np.bincount(p, minlength=self.charts * GROUPS) for p in (place, place[wrong])]
        return np.stack(totals, axis=-1).reshape(self.charts, GROUPS, 2).astype(np.float64)

    def _count(self, mask: Mask) -> Floats:
        shape = (self.charts, self.weeks, self.strata)
        counted = np.bincount(self.cell[mask], minlength=shape[0] * shape[1] * shape[2])
        return counted.reshape(shape).astype(np.float64)
