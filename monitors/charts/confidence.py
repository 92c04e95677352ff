"""Intervals and evidence that may be looked at every week: confidence sequences and a one-sided e-process.

An interval of fixed n looked at weekly misses the truth at some look almost surely; a confidence sequence covers
it at all looks at once with probability 1 − α. That is a theorem for patients counted once. Where patients come
back, the evidence is tempered to the power 1/deff, which widens the interval; that it then still covers is
simulated, not proven.
"""

import math
from typing import Final

import numpy as np
from scipy import special

from monitors.groups import Floats

#: Jeffreys' prior is the mixture.
_HALF: Final = 0.5
_LARGEST_BET: Final = 0.5


class SequenceError(ValueError):
    """One clear sentence about outcomes of which no confidence sequence can be made."""


def beta_mixture(n: Floats, events: Floats, alpha: float = 0.05, deff: float = 1.0) -> tuple[Floats, Floats]:
    """Confidence sequence of a share from running totals, each of shape (looks,) → (low, high).

    All p with B(½ + S, ½ + n − S) / [B(½, ½) p^S (1 − p)^(n−S)] < 1/α, S and n divided by deff (Robbins 1970;
    Howard et al. 2021). The statistic is convex in logit p, so both ends are found by bisection.

    >>> low, high = beta_mixture(np.array([500.0, 2000.0]), np.array([40.0, 160.0]))
    >>> [round(float(x), 3) for x in (low[0], high[0], low[1], high[1])]
    [0.044, 0.13, 0.059, 0.105]
    """
    n, events = _totals(n, events, deff)
    mixture = special.betaln(_HALF + events, _HALF + n - events) - special.betaln(_HALF, _HALF) + math.log(alpha)

    def outside(p: Floats) -> np.ndarray:
        return mixture - special.xlogy(events, p) - special.xlog1py(n - events, -p) >= 0  # type: ignore[no-any-return]

    centre = np.divide(events, n, out=np.full(n.shape, _HALF), where=n > 0)
    ends = []
    for edge in (0.0, 1.0):
        far, near = np.full(n.shape, edge), centre.copy()
        for _ in range(60):
            middle = (far + near) / 2
            out = outside(middle)
            far, near = np.where(out, middle, far), np.where(out, near, middle)
        ends.append(np.where(outside(np.full(n.shape, edge)), far, edge))
    return ends[0], ends[1]


def log_e_value(n: Floats, events: Floats, p0: float, deff: float = 1.0) -> Floats:
    """log of the one-sided e-process against "the rate is at most p0", from running totals of shape (looks,).

    E = ∫_{p0}^1 p^S (1 − p)^(n−S) dπ / [p0^S (1 − p0)^(n−S)] with π = Beta(½, ½) above p0. While the rate is at
    most p0, P(E ever reaches 1/α) ≤ α; it has no restart, so that a change long after the start is seen late.
    """
    if not 0 < p0 < 1:
        raise SequenceError("The null of an e-process must lie strictly between 0 and 1.")
    n, events = _totals(n, events, deff)
    a, b = _HALF + events, _HALF + n - events
    with np.errstate(divide="ignore"):  # an upper tail that underflows is no evidence at all: log 0
        tails = np.log(special.betaincc(a, b, p0)) - math.log(special.betaincc(_HALF, _HALF, p0))
    made: Floats = (
        special.betaln(a, b) - special.betaln(_HALF, _HALF) + tails
        - special.xlogy(events, p0) - special.xlog1py(n - events, -p0)
    )  # fmt: skip
    return made


def empirical_bernstein(x: Floats, alpha: float = 0.05, deff: float = 1.0) -> tuple[Floats, Floats]:
    """Confidence sequence of the mean of values in [0, 1], one after the other: (looks,) → (low, high).

    Predictable plug-in (Waudby-Smith & Ramdas 2024, theorem 2): with μ̂_t = (½ + Σx)/(t + 1) and
    σ̂²_t = (¼ + Σ(x_i − μ̂_i)²)/(t + 1), λ_t = min(½, √(2 log(2/α)/(σ̂²_{t−1} t log(1 + t)))), centre
    Σλx/Σλ, radius [deff·log(2/α) + Σ 4(x_i − μ̂_{i−1})² ψ(λ_i)]/Σλ with ψ(λ) = (−log(1 − λ) − λ)/4.

    Raises SequenceError for values outside [0, 1] or missing.
    """
    x = np.asarray(x, float)
    if x.ndim != 1 or not ((x >= 0) & (x <= 1)).all():
        raise SequenceError("The values of a confidence sequence must lie in [0, 1]; leave missing ones out.")
    _check_deff(deff)
    t = np.arange(1, len(x) + 1)
    mean = (_HALF + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before_mean, before_variance = np.r_[_HALF, mean[:-1]], np.r_[0.25, variance[:-1]]
    bet = np.minimum(_LARGEST_BET, np.sqrt(2 * math.log(2 / alpha) / (before_variance * t * np.log1p(t))))
    psi = (-np.log1p(-bet) - bet) / 4
    total = np.cumsum(bet)
    centre = np.cumsum(bet * x) / total
    radius = (deff * math.log(2 / alpha) + np.cumsum(4 * (x - before_mean) ** 2 * psi)) / total
    return np.clip(centre - radius, 0.0, 1.0), np.clip(centre + radius, 0.0, 1.0)


def _check_deff(deff: float) -> None:
    if not deff >= 1:
        raise SequenceError("A confidence sequence can be tempered by a design effect of at least 1 only.")


def _totals(n: Floats, events: Floats, deff: float) -> tuple[Floats, Floats]:
    n, events = np.asarray(n, float), np.asarray(events, float)
    if n.shape != events.shape or not ((events >= 0) & (events <= n)).all():
        raise SequenceError("Running totals need as many events as denominators, each between 0 and its n.")
    _check_deff(deff)
    return n / deff, events / deff
