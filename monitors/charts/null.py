"""What a chart is held against: an upper bound of the baseline, stratum by stratum, or an approved tolerable rate.

A baseline that is taken at its estimate makes charts lie: with 1,000 reports the budget of two false alarms a year
over forty charts became fifteen in simulation. At its upper 90 % bound it is kept on average over baselines.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy import special

from monitors.casemix import CaseMix, CaseMixError, Stratum
from monitors.groups import Floats
from monitors.intervals import jeffreys
from monitors.sealed import WeekCounts

#: What a baseline must have before a chart may be held against it.
LEAST_WEEKS: Final = 13
LEAST_N_EFF: Final = 1_000.0
#: One-sided confidence of the bound that stands in for the baseline's rate.
CONFIDENCE: Final = 0.9


class NullError(ValueError):
    """One clear sentence about a baseline or a tolerable rate that no chart can be held against."""


class Origin(StrEnum):
    """Where the null comes from; printed with the chart."""

    BASELINE = "upper 90 % bound of the reference window"
    TOLERABLE = "tolerable rate approved in advance"


@dataclass(frozen=True, slots=True)
class Null:
    """Bounds u_s that no stratum's rate of bad outcomes exceeds while nothing is wrong.

    A baseline's u_s are its own rates, all moved by one odds ratio so that the whole stands at `bound`. A stratum
    that the baseline never saw is held against `bound` itself; so is every one where it saw no event at all.

    `dispersion` is the Pearson dispersion of the baseline's weeks, Σ(S − E)²/V over (weeks − 1) with E and V at
    the strata's own rates: 1 where weeks scatter as chance has it. Well above it, something that no stratum
    explains moves the rate from week to week, and a chart keeps to its budget only when it is tempered by it
    (`Chart.deff`).
    `estimate`, `n_eff` and `dispersion` are NaN for a tolerable rate; `dispersion` also where there was no event.
    """

    origin: Origin
    bound: float
    rates: dict[Stratum, float]
    estimate: float
    n_eff: float
    dispersion: float
    weeks: int
    mix: CaseMix | None

    @property
    def temper(self) -> float:
        """What a chart against this null is tempered by: the baseline's dispersion, where it exceeds 1."""
        return max(1.0, self.dispersion) if math.isfinite(self.dispersion) else 1.0

    @property
    def deff(self) -> float:
        """The design effect of the baseline's rate, fixed with it; NaN for a tolerable rate."""
        return max(1.0, sum(self.mix.n.values()) / self.n_eff) if self.mix else math.nan

    def of(self, stratum: Stratum) -> float:
        """u of one stratum."""
        place = self.mix.place(stratum) if self.mix else None
        return self.bound if place is None else self.rates[place]

    def bounds(self, strata: Sequence[Stratum]) -> Floats:
        """u of each stratum, of shape (strata,)."""
        return np.array([self.of(stratum) for stratum in strata], float)


def tolerable(rate: float) -> Null:
    """The null of a committee that approved a rate in advance: nothing is estimated.

    The rate should leave room above what the system does: a chart held against the true rate itself keeps its
    budget only while no week is worse than the rest.

    >>> tolerable(0.05).of(("icu",))
    0.05
    """
    if not 0 < rate < 1:
        raise NullError("A tolerable rate must lie strictly between 0 and 1.")
    return Null(Origin.TOLERABLE, rate, {}, math.nan, math.nan, math.nan, 0, None)


def baseline(weeks: Sequence[WeekCounts], columns: Sequence[str], deff: float) -> Null:
    """The null from the sealed weeks of a reference window, of one version.

    U = the upper 90 % bound of the whole rate (Jeffreys on n/deff; deff from `monitors.sealed.design_of`), and
    odds(u_s) = m·odds(p̂_s) with the m for which Σ n_s u_s = n·U. Strata with fewer than 30 reports are pooled up
    the tree of `columns`; rates of fewer than five events are shrunk to the whole. Without any event u_s = U.

    Raises NullError below 13 weeks with reports or an effective n of 1,000, and where nothing could be worse.
    """
    if len({week.version for week in weeks}) > 1:
        raise NullError("A baseline must be of one version; measurements never pool versions.")
    if not (math.isfinite(deff) and deff >= 1):
        raise NullError("The design effect of a baseline must be a number of at least 1.")
    filled = len({week.week for week in weeks if week.n})
    n, events = sum(week.n for week in weeks), sum(week.events for week in weeks)
    short = _too_small(filled, n / deff)
    if short:
        raise NullError(
            f"The baseline has {short}; a chart needs {LEAST_WEEKS} weeks and an effective {LEAST_N_EFF:,.0f}: "
            "wait, or have a tolerable rate approved."
        )
    counts: dict[Stratum, tuple[int, int]] = {}
    for week in weeks:
        for stratum, (m, k) in week.counts.items():
            before = counts.get(stratum, (0, 0))
            counts[stratum] = before[0] + m, before[1] + k
    bound = upper_bound(events, n, deff)
    if not bound < 1:
        raise NullError("Every outcome of the baseline was bad; no chart could show anything worse.")
    try:
        mix = CaseMix.of(counts, columns)
    except CaseMixError as error:
        raise NullError(str(error)) from None
    rates = moved(mix.n, mix.rates, bound)
    return Null(Origin.BASELINE, bound, rates, events / n, n / deff, _dispersion(weeks, mix), filled, mix)


def upper_bound(events: float, n: float, deff: float) -> float:
    """The upper 90 % bound of a rate: the .9 quantile of Beta(S/deff + ½, (n − S)/deff + ½); exact without events.

    >>> round(upper_bound(130, 2600, 1.3), 4)
    0.0566
    """
    return jeffreys(events, n, deff, alpha=2 * (1 - CONFIDENCE))[1]


def moved(n: Mapping[Stratum, float], rates: Mapping[Stratum, float], bound: float) -> dict[Stratum, float]:
    """Every rate multiplied on the odds scale by the one factor that brings the whole to `bound`.

    Where every rate is 0 there are no odds to multiply: each is then `bound` itself.

    >>> moved({("a",): 10, ("b",): 30}, {("a",): 0.0, ("b",): 0.0}, 0.002)
    {('a',): 0.002, ('b',): 0.002}
    """
    if not any(rates.values()):
        return dict.fromkeys(rates, bound)
    size, logit = np.array([n[s] for s in rates]), special.logit(np.array(list(rates.values())))
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        mean = float(size @ special.expit(logit + middle)) / float(size.sum())
        low, high = (middle, high) if mean < bound else (low, middle)
    return dict(zip(rates, special.expit(logit + high).tolist(), strict=True))


def dispersion(n: Floats, events: Floats, rates: Floats) -> Floats:
    """Pearson dispersion Σ_t (S_t − E_t)²/V_t / (weeks − 1); n and events (…, weeks, strata), rates (…, strata).

    E_t = Σ_s n p and V_t = Σ_s n p(1 − p). Weeks without reports do not count; NaN for fewer than two.
    """
    p = rates[..., None, :]
    expected, variance = (n * p).sum(axis=-1), (n * p * (1 - p)).sum(axis=-1)
    terms = np.divide(
        (events.sum(axis=-1) - expected) ** 2, variance, out=np.zeros_like(variance), where=variance > 0
    )
    free = (variance > 0).sum(axis=-1) - 1
    made: Floats = np.divide(terms.sum(axis=-1), free, out=np.full(free.shape, np.nan), where=free > 0)
    return made


def _dispersion(weeks: Sequence[WeekCounts], mix: CaseMix) -> float:
    strata = list(mix.n)
    counts = np.zeros((len(weeks), len(strata), 2))
    for t, week in enumerate(weeks):
        for stratum, cell in week.counts.items():
            place = mix.place(stratum)
            assert place is not None  # the mix was made of these weeks
            counts[t, strata.index(place)] += cell
    return float(dispersion(counts[..., 0], counts[..., 1], np.array([mix.rates[s] for s in strata])))


def _too_small(weeks: int, n_eff: float) -> str:
    """What is missing from a baseline, or an empty string."""
    if weeks < LEAST_WEEKS:
        return f"{weeks} weeks with reports"
    return f"an effective {n_eff:,.0f} reports" if n_eff < LEAST_N_EFF else ""
