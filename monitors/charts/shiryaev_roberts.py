"""The chart of a stop question: a risk-adjusted Shiryaev–Roberts mixture over sealed weeks.

For each rise r of 1.5, 2 and 3, M_t = (1 + M_{t−1})·L_t with L_t the likelihood ratio of the week's outcomes at
the risen rates against the null's; the chart shows the mean of the three and alarms when it reaches the threshold
A. While no outcome is likelier to be bad, given the past, than its null says, E[M_t] ≤ t, so that the mean time to
an alarm is at least A weeks (Shin, Ramdas & Rinaldo, arXiv 2203.03532). Patients who stay on for weeks break that
condition a little; what it costs is simulated by `make power`. M is not an e-value and its inverse no p-value: its
mean grows with t.

That growth is no evidence, and two rules keep it from raising an alarm. A week without outcomes leaves M as it is.
And M alone is not enough: the outcomes since the likeliest week of change must themselves be likelier under the
rise than under the null, which takes at least one event, since without any every L is below 1. The first makes M
smaller, the second withholds alarms: both only delay them, so that the mean time to one is still at least A weeks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.charts.null import Null
from monitors.groups import Floats
from monitors.sealed import WeekCounts

Mask = NDArray[np.bool_]

#: The rises that the mixture looks for, as multiples of the null's rates.
RISES: Final = (1.5, 2.0, 3.0)
_WEEKS_A_YEAR: Final = 52.0


class ChartError(ValueError):
    """One clear sentence about a chart that cannot be made, or a week that it cannot take in."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is fixed before the first week: the version watched, its null, the threshold and the tempering.

    `deff` > 1 tempers every likelihood ratio to L^(1/deff): where one output a patient and week could not be had,
    or where the weeks of the baseline scatter beyond chance (`Null.dispersion`); it costs delay. A new baseline,
    judge or version is a new chart.
    """

    version: str
    null: Null
    threshold: float
    deff: float = 1.0

    def __post_init__(self) -> None:
        if not self.threshold > 1 or not math.isfinite(self.threshold):
            raise ChartError("The threshold of a chart must exceed 1; take it from the budget with `arl_weeks`.")
        if not self.deff >= 1:
            raise ChartError("A chart can be tempered by a design effect of at least 1 only.")


@dataclass(frozen=True, slots=True)
class State:
    """All that a chart remembers: the last week folded, and for each rise log M and the climb it is on.

    `climb` is the log-likelihood ratio since `since`, the week at which it is greatest: the time of change by
    maximum likelihood, folded week by week.
    """

    week: date | None = None
    log_m: tuple[float, ...] = (-math.inf,) * len(RISES)
    climb: tuple[float, ...] = (0.0,) * len(RISES)
    since: tuple[date | None, ...] = (None,) * len(RISES)


@dataclass(frozen=True, slots=True)
class Point:
    """One week of a chart as it is drawn.

    `expected` is the number of events at the null's bounds for this week's case mix. `changed` and `rise`
    estimate, at an alarm only, the first week of the change and which of the three rises it looks most like.
    """

    version: str
    week: date
    n: int
    events: int
    expected: float
    statistic: float
    threshold: float
    alarm: bool
    changed: date | None
    rise: float


def arl_weeks(charts: int, alarms_a_year: float = 2.0) -> float:
    """The threshold of each chart: mean weeks to a false alarm when a yearly budget is dealt to equal charts.

    >>> arl_weeks(40)
    1040.0
    """
    if charts < 1 or not alarms_a_year > 0:
        raise ChartError("A budget needs at least one chart and more than zero alarms a year.")
    weeks = _WEEKS_A_YEAR * charts / alarms_a_year
    if not weeks > 1:
        raise ChartError("The budget allows an alarm every week; allow fewer alarms a year.")
    return weeks


def risen(u: Floats) -> Floats:
    """q = min(r·u, 1 − (1 − u)/r) for each rise r: a multiple of the rate, below 1 also where rates are high.

    u of any shape to (…, 3). Up to u = .25 this is r·u.

    >>> risen(np.array([0.05])).round(3).tolist()
    [[0.075, 0.1, 0.15]]
    """
    r = np.array(RISES)
    q: Floats = np.minimum(r * u[..., None], 1 - (1 - u[..., None]) / r)
    return q


def log_ratio(n: Floats, events: Floats, u: Floats) -> Floats:
    """log L = Σ_s [S_s log(q_s/u_s) + (n_s − S_s) log((1 − q_s)/(1 − u_s))] for each rise.

    n, events and u of shape (…, strata) → (…, 3).

    Raises ChartError where that is no finite number: a null of 0 or 1, or a count that is missing.
    """
    q, p = risen(u), u[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not finite is refused below
        made: Floats = (
            events[..., None] * np.log(q / p) + (n - events)[..., None] * (np.log1p(-q) - np.log1p(-p))
        ).sum(axis=-2)
    if not np.isfinite(made).all():
        raise ChartError(
            "The likelihood of a week is no finite number: its null must lie strictly between 0 and 1."
        )
    return made


def advance(log_m: Floats, climb: Floats, log_l: Floats, n: Floats) -> tuple[Floats, Floats]:
    """One week on: log M_t = log(1 + M_{t−1}) + log L_t, and the climb max(0, c_{t−1}) + log L_t.

    log_m, climb and log_l of shape (…, 3), n the week's outcomes of shape (…); where n = 0 both stay as they are.
    """
    some = np.asarray(n)[..., None] > 0
    return (
        np.where(some, np.logaddexp(0.0, log_m) + log_l, log_m),
        np.where(some, np.maximum(0.0, climb) + log_l, climb),
    )


def log_statistic(log_m: Floats) -> Floats:
    """The logarithm of what the chart shows, the mean of M over the three rises: (…, 3) → (…)."""
    made: Floats = np.logaddexp.reduce(log_m, axis=-1) - math.log(len(RISES))
    return made


def alarms(log_m: Floats, climb: Floats, threshold: float) -> Mask:
    """Where the statistic has reached the threshold and the outcomes since the likeliest change speak for a rise.

    Without the second, M alarms by its mean, which grows with t: it withholds an alarm only where every climb is
    at most 0, so that M is no more than the number of weeks since the start.
    """
    made: Mask = (log_statistic(log_m) >= math.log(threshold)) & (climb.max(axis=-1) > 0)
    return made


def fold(chart: Chart, state: State, week: WeekCounts) -> tuple[State, Point]:
    """Take in one sealed week; after an alarm the chart starts again from nothing. An empty week changes nothing.

    Raises ChartError for another version's week and for one that is not later than the last.
    """
    if week.version != chart.version:
        raise ChartError("A chart follows one version; start a new chart for another.")
    if state.week is not None and week.week <= state.week:
        raise ChartError("A sealed week is folded once, and in order: this one is not later than the last.")
    strata = list(week.counts)
    n, events = (np.array([week.counts[s][i] for s in strata], float) for i in (0, 1))
    u = chart.null.bounds(strata)
    log_l = log_ratio(n, events, u) / chart.deff
    log_m, climb = advance(np.array(state.log_m), np.array(state.climb), log_l, n.sum())
    going = [not week.n or before > 0 for before in state.climb]
    since = tuple(before if on else week.week for before, on in zip(state.since, going, strict=True))
    statistic = math.exp(min(700.0, float(log_statistic(log_m))))
    best = int(np.argmax(climb))
    alarm = bool(alarms(log_m, climb, chart.threshold))
    point = Point(
        week.version, week.week, week.n, week.events, float(n @ u), statistic, chart.threshold, alarm,
        since[best] if alarm else None, RISES[best] if alarm else math.nan,
    )  # fmt: skip
    if alarm:
        return State(week=week.week), point
    return replace(
        state, week=week.week, log_m=tuple(log_m.tolist()), climb=tuple(climb.tolist()), since=since
    ), point


def weeks_to_see(chart: Chart, weeks: Sequence[WeekCounts], rise: float = 2.0) -> float:
    """About how many weeks such a rise above the baseline takes to be seen, at the mean size of these weeks.

    (log A + log 3)/I with I the weekly mean of log L for a rise of 2 when every rate has risen `rise`-fold above
    the baseline's estimate (above the bound, where that is a tolerable rate): the climb from nothing to the
    threshold of one of three rises. Chance and the baseline's own bound add to it: read it as "not before".
    Infinite where such a rise would not lift the chart at all. Of a baseline without events nothing can be
    doubled: the rise is then one above its bound.
    """
    below = chart.null.estimate / chart.null.bound if chart.null.estimate > 0 else 1.0
    gain, used = 0.0, 0
    for week in weeks:
        if not week.n:
            continue
        strata = list(week.counts)
        n = np.array([week.counts[s][0] for s in strata], float)
        u = chart.null.bounds(strata)
        bad = np.minimum(rise * below * u, 1 - (1 - u) / rise)
        gain += float(log_ratio(n, n * bad, u)[RISES.index(2.0)]) / chart.deff
        used += 1
    if gain <= 0:
        return math.inf
    return (math.log(chart.threshold) + math.log(len(RISES))) * used / gain


def watch(chart: Chart, weeks: Sequence[WeekCounts], state: State | None = None) -> tuple[State, list[Point]]:
    """Fold the chart's own version of `weeks`, in order, from `state` or from the start."""
    state = state or State()
    points = []
    for week in sorted((w for w in weeks if w.version == chart.version), key=lambda w: w.week):
        state, point = fold(chart, state, week)
        points.append(point)
    return state, points
