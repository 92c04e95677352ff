"""How each method decides, week by week, for many charts at once: ours and what one would use instead.

Every method takes the baseline weeks and the watched weeks of the same simulated stream and says in which weeks it
alarms, starting again after each alarm. Ours sees one report a patient and week; the others see all reports, as
people run them.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.power_streams import Floats, Mask, Stream
from monitors.casemix import CaseMix
from monitors.charts.cusum import limit_of
from monitors.charts.null import LEAST_N_EFF, dispersion, moved, upper_bound
from monitors.charts.shiryaev_roberts import RISES, advance, alarms, arl_weeks, log_ratio
from monitors.sealed import design_of_groups

CHARTS: Final = 40
BUDGET: Final = 2.0
THRESHOLD: Final = arl_weeks(CHARTS, BUDGET)
#: The rate of the whole while nothing is wrong.
RATE: Final = 0.05

Method = Callable[["Baseline", Stream], Mask]


class Baseline:
    """What the first weeks of every chart tell, as `monitors.charts.null.baseline` would have it.

    It is estimated even where the rule would refuse it; `refused` says for which charts that is.
    """

    def __init__(self, early: Stream, groups: Floats) -> None:
        designs = [design_of_groups(totals) for totals in groups]
        self.early = early
        self.deff = np.array([one.deff for one in designs])
        self.refused: NDArray[np.bool_] = np.array([one.n_eff < LEAST_N_EFF for one in designs])
        n, events = early.n.sum(axis=1), early.events.sum(axis=1)
        bounds, plain = [], []
        for one, sizes, hits in zip(designs, n, events, strict=True):
            mix = mix_of(sizes, hits)
            plain.append([mix.rates[place] for place in places(mix, len(sizes))])
            u = moved(mix.n, mix.rates, upper_bound(hits.sum(), sizes.sum(), one.deff))
            bounds.append([u[place] for place in places(mix, len(sizes))])
        self.rates, self.u = np.array(plain), np.array(bounds)
        self.crude_u = np.array(
            [[upper_bound(h.sum(), m.sum(), one.deff)] for one, m, h in zip(designs, n, events, strict=True)]
        )
        self.dispersion = dispersion(early.n, early.events, self.rates)
        self.all_n, self.all_events = early.all_n.sum(axis=(1, 2)), early.all_events.sum(axis=(1, 2))


def mix_of(sizes: Floats, hits: Floats) -> CaseMix:
    """The case mix of one chart's baseline; strata are named by their number."""
    return CaseMix.of({(str(s),): (sizes[s], hits[s]) for s in range(len(sizes))}, ["stratum"])


def places(mix: CaseMix, strata: int) -> list[tuple[str, ...]]:
    found = [mix.place((str(s),)) for s in range(strata)]
    return [place for place in found if place is not None]


def shiryaev_roberts(n: Floats, events: Floats, u: Floats, temper: Floats | float = 1.0) -> Mask:
    """Alarms of the product's chart: n and events (charts, weeks, strata), u (charts, strata)."""
    charts, weeks, _ = n.shape
    log_m, climb = np.full((charts, len(RISES)), -np.inf), np.zeros((charts, len(RISES)))
    found = np.zeros((charts, weeks), bool)
    power = np.broadcast_to(np.asarray(temper, float), charts)[:, None]
    for t in range(weeks):
        ratio = log_ratio(n[:, t], events[:, t], u) / power
        log_m, climb = advance(log_m, climb, ratio, n[:, t].sum(axis=1))
        found[:, t] = alarms(log_m, climb, THRESHOLD)
        log_m[found[:, t]], climb[found[:, t]] = -np.inf, 0.0
    return found


def adjusted(baseline: Baseline, stream: Stream) -> Mask:
    return shiryaev_roberts(stream.n, stream.events, baseline.u)


def tempered(baseline: Baseline, stream: Stream) -> Mask:
    temper = np.fmax(1.0, baseline.dispersion)  # without any event it is NaN, and tempers nothing
    return shiryaev_roberts(stream.n, stream.events, baseline.u, temper)


def crude(baseline: Baseline, stream: Stream) -> Mask:
    n, events = stream.n.sum(axis=2, keepdims=True), stream.events.sum(axis=2, keepdims=True)
    return shiryaev_roberts(n, events, baseline.crude_u)


def tolerable(baseline: Baseline, stream: Stream) -> Mask:
    """Against the true rate, as if a committee had approved just that."""
    n, events = stream.n.sum(axis=2, keepdims=True), stream.events.sum(axis=2, keepdims=True)
    return shiryaev_roberts(n, events, np.full((len(n), 1), RATE))


def z_test(baseline: Baseline, stream: Stream) -> Mask:
    """Each week's rate against the baseline's: two proportions, two-sided, p < .05."""
    n, events = stream.all_n.sum(axis=2), stream.all_events.sum(axis=2)
    return two_sided_p(n, events, baseline.all_n[:, None], baseline.all_events[:, None]) < 0.05


def evidently(baseline: Baseline, stream: Stream) -> Mask:
    """What Evidently's drift test computes for this 0/1 column when nothing is configured.

    Up to 1,000 reference rows the two-proportion z-test with p < .05, above them the Jensen–Shannon distance
    (natural logarithm) with a threshold of .1; drift in either direction counts.
    """
    n, events = stream.all_n.sum(axis=2), stream.all_events.sum(axis=2)
    many = (baseline.all_n > 1_000)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):  # a week without reports has no distance
        distance = jensen_shannon((baseline.all_events / baseline.all_n)[:, None], events / n)
    return np.where(many, np.nan_to_num(distance) >= 0.1, z_test(baseline, stream))


def cusum(limit: float) -> Method:
    """CUSUM for a doubling of the baseline's estimated rate, at one limit for all charts."""

    def decide(baseline: Baseline, stream: Stream) -> Mask:
        n, events = stream.all_n.sum(axis=2), stream.all_events.sum(axis=2)
        p0 = np.minimum(0.4, (baseline.all_events + 0.5) / (baseline.all_n + 1))[:, None]
        steps = events * np.log(2.0) + (n - events) * (np.log1p(-2 * p0) - np.log1p(-p0))
        s, alarms = np.zeros(len(n)), np.zeros(n.shape, bool)
        for t in range(n.shape[1]):
            s = np.maximum(0.0, s + steps[:, t])
            alarms[:, t] = s >= limit
            s[alarms[:, t]] = 0.0
        return alarms

    return decide


def two_sided_p(n: Floats, events: Floats, n0: Floats, events0: Floats) -> Floats:
    """The two-proportion z-test with pooled variance; 1 where nothing varies."""
    pooled = (events + events0) / np.maximum(1, n + n0)
    variance = pooled * (1 - pooled) * (1 / np.maximum(1, n) + 1 / np.maximum(1, n0))
    away = events / np.maximum(1, n) - events0 / np.maximum(1, n0)
    z = np.divide(away, np.sqrt(variance), out=np.zeros_like(away), where=(variance > 0) & (n > 0))
    p: Floats = 2 * special.ndtr(-np.abs(z))
    return p


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """The Jensen–Shannon distance of two 0/1 columns with shares p and q, natural logarithm."""
    middle = (p + q) / 2
    divergence = sum(
        special.rel_entr(a, middle) + special.rel_entr(1 - a, 1 - middle) for a in (np.broadcast_to(p, q.shape), q)
    )
    distance: Floats = np.sqrt(np.maximum(0.0, divergence / 2))
    return distance


def methods(reports: float) -> Mapping[str, Method]:
    """Every method of the table for so many reports a week, ours first."""
    limit = limit_of(THRESHOLD, round(reports), RATE, 2 * RATE)
    return {
        "SR, adjusted": adjusted,
        "SR, tempered": tempered,
        "SR, tolerable rate": tolerable,
        "CUSUM": cusum(limit),
        "weekly z-test": z_test,
        "Evidently default": evidently,
    }
