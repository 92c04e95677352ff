"""Logistic recalibration: are the probabilities too extreme, and are they too high or too low?

logit P(y = 1) = a + b · logit(p), fitted to the sums on the logit grid. b = 1 and a = 0 when calibrated; b < 1
means too extreme (over-confident at both ends), b > 1 too timid. The intercept that is reported has b held at 1:
calibration-in-the-large, in log odds, above 0 when events are commoner than stated. Sources: Cox 1958; Van
Calster et al., J Clin Epidemiol 2016.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.groups import Floats
from monitors.score_grid import histograms, mean_logit

_STEPS: Final = 60
_CONVERGED: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line on the logit scale; NaN where no finite fit exists (`converged` is then False)."""

    intercept: float
    slope: float
    converged: bool


def fit(x: Floats, n: Floats, events: Floats, *, slope: float | None = None) -> Line:
    """Maximum likelihood of logit P = a + b·x from counts by bin, each (bins,); b is held where `slope` is given.

    Newton with step halving. No finite fit exists with one outcome only, or where some x splits the outcomes
    (complete or quasi-complete separation), or, for b, with a single x.

    >>> line = fit(np.array([-1.0, 1.0]), np.array([100.0, 100.0]), np.array([50.0, 50.0]))
    >>> (round(line.intercept, 6), round(line.slope, 6))
    (0.0, 0.0)
    """
    kept = n > 0
    x, n, events = x[kept], n[kept], events[kept]
    if not 0 < events.sum() < n.sum() or (slope is None and _separated(x, n, events)):
        return Line(np.nan, np.nan, False)
    X = np.stack([np.ones_like(x), x], axis=1) if slope is None else np.ones((len(x), 1))
    offset = np.zeros_like(x) if slope is None else slope * x
    theta = np.zeros(X.shape[1]) if slope is not None else np.array([0.0, 1.0])
    current = _likelihood(offset + X @ theta, n, events)
    for _ in range(_STEPS):
        rate = special.expit(offset + X @ theta)
        information = X.T @ ((n * rate * (1 - rate))[:, None] * X)
        if not _invertible(information):
            break
        step = np.linalg.solve(information, X.T @ (events - n * rate))
        while (after := _likelihood(offset + X @ (theta + step), n, events)) < current - 1e-9 * abs(current):
            step = step / 2
        theta, current = theta + step, after
        if np.abs(step).max() < _CONVERGED:
            return Line(float(theta[0]), float(theta[1]) if slope is None else slope, True)
    return Line(np.nan, np.nan, False)


def fitted(totals: Floats) -> tuple[Floats, Floats]:
    """(slope − 1, intercept at slope 1), and both without each patient group: shapes (2,) and (groups, 2).

    From group totals (groups, cells) of a calibration monitor. Values without a group are one Newton step away
    from the whole fit, θ₍g₎ = θ̂ − (H − H_g)⁻¹s_g with s_g and H_g the group's score and information: exact to
    second order, and one matrix product instead of 256 fits.
    """
    count, probability, event = histograms(totals)
    x = mean_logit(count.sum(axis=0), probability.sum(axis=0))
    kept = np.isfinite(x)
    x, count, event = x[kept], count[:, kept], event[:, kept]
    both = fit(x, count.sum(axis=0), event.sum(axis=0))
    large = fit(x, count.sum(axis=0), event.sum(axis=0), slope=1.0)
    values = np.array([both.slope - 1, large.intercept])
    without = np.full((len(totals), 2), np.nan)
    if both.converged:
        X = np.stack([np.ones_like(x), x], axis=1)
        without[:, 0] = _one_step(X, both.intercept + both.slope * x, count, event, both.slope - 1)
    if large.converged:
        without[:, 1] = _one_step(np.ones((len(x), 1)), large.intercept + x, count, event, large.intercept)
    return values, without


def _one_step(X: Floats, line: Floats, count: Floats, event: Floats, value: float) -> Floats:
    """The last parameter without each group, of shape (groups,)."""
    rate = special.expit(line)
    score = (event - count * rate) @ X
    products = (X[:, :, None] * X[:, None, :]).reshape(len(X), -1)
    information = ((count * (rate * (1 - rate))) @ products).reshape(len(count), X.shape[1], X.shape[1])
    left = information.sum(axis=0) - information
    sound = _invertible(left)
    made = np.full(len(count), np.nan)
    made[sound] = value - np.linalg.solve(left[sound], score[sound][:, :, None])[:, -1, 0]
    return made


def _invertible(information: Floats) -> NDArray[np.bool_]:
    """Whether information matrices (..., 1, 1) or (..., 2, 2) can be inverted, by their determinants."""
    diagonal = np.diagonal(information, axis1=-2, axis2=-1).prod(axis=-1)
    cross = information[..., 0, -1] ** 2 if information.shape[-1] == 2 else 0.0
    sound: NDArray[np.bool_] = (diagonal > 0) & (diagonal - cross > 1e-12 * diagonal)
    return sound


def _separated(x: Floats, n: Floats, events: Floats) -> bool:
    """Whether one x splits the outcomes, or there is only one x: the slope is then not finite."""
    sick, healthy = x[events > 0], x[n - events > 0]
    return bool(len(x) < 2 or sick.min() >= healthy.max() or healthy.min() >= sick.max())


def _likelihood(line: Floats, n: Floats, events: Floats) -> float:
    return float((events * line - n * np.logaddexp(0.0, line)).sum())
