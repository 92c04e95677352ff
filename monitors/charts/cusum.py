"""The Bernoulli CUSUM, as the comparison that quality officers know; our alarms come from Shiryaev–Roberts.

Its time between false alarms is right for a known rate and independent patients only.
"""

import math

import numpy as np
from scipy import special

from monitors.groups import Floats


class CusumError(ValueError):
    """One clear sentence about rates or limits that no CUSUM can have."""


def weights(p0: float, p1: float) -> tuple[float, float]:
    """Log-likelihood ratio of one event and of one non-event, of p1 against p0."""
    if not 0 < p0 < p1 < 1:
        raise CusumError("A CUSUM needs rates with 0 < p0 < p1 < 1.")
    return math.log(p1 / p0), math.log((1 - p1) / (1 - p0))


def cusum(n: Floats, events: Floats, p0: float, p1: float, limit: float = math.inf) -> tuple[Floats, np.ndarray]:
    """s_t = max(0, s_{t−1} + S log(p1/p0) + (n − S) log((1 − p1)/(1 − p0))); alarm at `limit`, then from 0 again.

    n and events of shape (weeks,) → the path before any restart and whether it alarmed, both (weeks,). Source:
    Page 1954; Reynolds & Stoumbos 1999.
    """
    hit, miss = weights(p0, p1)
    path, alarms, s = np.zeros(len(n)), np.zeros(len(n), bool), 0.0
    for t, step in enumerate(events * hit + (n - events) * miss):
        s = max(0.0, s + float(step))
        path[t], alarms[t] = s, s >= limit
        s = 0.0 if alarms[t] else s
    return path, alarms


def beside(n: Floats, events: Floats, p0: float, weeks: float) -> tuple[Floats, np.ndarray, float] | None:
    """The CUSUM for a doubling of p0, with the limit that lets it alarm once in `weeks` were p0 known.

    n and events of shape (weeks,) → its path, whether it alarmed, and its limit, which is that of the mean n. p0
    is taken as it is, without the uncertainty of a baseline and the same whatever the case mix: so it is usually
    done, and so it errs. None where twice p0 is no rate, or no week has an output.
    """
    if not 0 < p0 < 0.5 or not n.sum() > 0:
        return None
    limit = limit_of(weeks, max(1, round(float(n[n > 0].mean()))), p0, 2 * p0)
    return *cusum(n, events, p0, 2 * p0, limit), limit


def run_length(limit: float, n: int, p0: float, p1: float, rate: float, cells: int = 300) -> float:
    """Mean weeks to an alarm at `limit` when n independent patients a week have this `rate`.

    The Markov chain of Brook & Evans (1972) on `cells` cells of [0, limit), entered at 0.
    """
    hit, miss = weights(p0, p1)
    k = np.arange(n + 1)
    probability = np.exp(
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        + special.xlogy(k, rate) + special.xlog1py(n - k, -rate)
    )  # fmt: skip
    width = limit / cells
    middles = np.r_[0.0, (np.arange(cells) + 0.5) * width]  # state 0 is exactly zero
    to = middles[:, None] + (k * hit + (n - k) * miss)[None, :]
    state = np.where(to <= 0, 0, np.floor(to / width).astype(int) + 1)
    size, stays = cells + 1, state <= cells
    moves = (np.arange(size)[:, None] * size + state)[stays]
    chain = np.bincount(moves, np.broadcast_to(probability, state.shape)[stays], size * size).reshape(size, size)
    return float(np.linalg.solve(np.eye(cells + 1) - chain, np.ones(cells + 1))[0])


def limit_of(weeks: float, n: int, p0: float, p1: float) -> float:
    """The limit at which n independent patients a week at rate p0 alarm once in `weeks` on average."""
    if not weeks > 1 or n < 1:
        raise CusumError("A CUSUM needs at least one patient a week and more than one week between false alarms.")
    low, high = 0.0, 1.0
    while run_length(high, n, p0, p1, p0) < weeks:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if run_length(middle, n, p0, p1, p0) < weeks else (low, middle)
    return high
