"""From a measurement and a bound fixed in advance to a verdict; and what is too small to be shown.

Three zones, so that a lack of evidence never reads as evidence of safety. All floors live here or in the
declaration of the measure.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy import special

from monitors.measurement import Direction, Interval, Measure, Measurement

#: Fewer patients than this are not shown.
SUPPRESS_BELOW: Final = 11
_SEEN: Final = 0.8  # "four times in five"
_ALPHA: Final = 0.05
#: Where `insufficient` cannot name the smallest harm that would have been seen.
UNNAMED: Final = "how bad a value would have been seen cannot be said"


class Status(StrEnum):
    """What a verdict says."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"
    INSUFFICIENT = "insufficient"
    STALE = "stale"
    FAILED = "failed"


GRAVITY: Final = (Status.FAILED, Status.ACT, Status.STALE, Status.WATCH, Status.INSUFFICIENT, Status.OK)


@dataclass(frozen=True, slots=True)
class Bound:
    """Bounds in the unit of the measure; of a contrast, the size of a worsening (positive in every direction).

    `rise` is the smallest value that would matter: where a value that bad could still go unseen the verdict is
    `insufficient`. None means twice the bound (of the miss rate, where lower is worse).
    """

    watch: float
    act: float | None = None
    rise: float | None = None
    minimum_n: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status and one sentence that says why.

    `proven` tells the `watch` that rests on evidence (all of the interval beyond the watch bound) from the `watch`
    that is said because the data cannot tell.
    """

    status: Status
    reason: str
    proven: bool = False


@dataclass(frozen=True, slots=True)
class _Harm:
    """A measurement turned so that higher is worse and bounds are upper bounds."""

    near: float
    far: float
    watch: float
    act: float | None
    rise: float


def decide(measurement: Measurement, measure: Measure, bound: Bound) -> Verdict:
    """The three-zone verdict: near end beyond the act bound, far end inside the watch bound, or neither.

    A slice, or a gap between slices, is `watch` at most: only the system as a whole may act by itself. So is a
    measure whose ceiling is `watch`.
    """
    withheld = _withheld(measurement)
    if withheld:
        return Verdict(Status.INSUFFICIENT, withheld)
    floor = max(measure.floor, bound.minimum_n)
    small = f"An effective {measurement.n_eff // 1:.0f} {_sized(measure)}; a verdict needs {floor:.0f}."
    if measure.interval is Interval.NONE:
        if measurement.n_eff < floor:
            return Verdict(
                Status.INSUFFICIENT, f"{small} At this size {_stands_out(measurement, measure, bound)}."
            )
        return _against_band(measurement, measure, bound)
    if measurement.n_eff < floor:
        _, power = _power(measurement, measure, bound)
        return Verdict(Status.INSUFFICIENT, f"{small} At this size {power}.")
    harm = _as_harm(measurement, measure, bound)
    shown = _shown(measurement, measure)
    if harm.act is not None and harm.near > harm.act:
        return _beyond_act(measurement, measure, bound, shown)
    if harm.far <= harm.watch:
        return Verdict(Status.OK, f"{shown} lies wholly inside the watch bound {_number(bound.watch, measure)}.")
    if harm.act is None and harm.near > harm.watch:
        return Verdict(
            Status.WATCH,
            f"{shown} lies wholly beyond the watch bound {_number(bound.watch, measure)}.",
            proven=True,
        )
    seen, power = _power(measurement, measure, bound)
    if seen > harm.rise:
        matters = _number(_turned_back(harm.rise, measurement, measure), measure)
        return Verdict(
            Status.INSUFFICIENT, f"{shown} settles nothing: at this size {power}, and {matters} would matter."
        )
    said = f"{shown} neither clears nor breaks the bounds; at this size {power}."
    return Verdict(Status.WATCH, said, proven=harm.near > harm.watch)


def _power(measurement: Measurement, measure: Measure, bound: Bound) -> tuple[float, str]:
    """The smallest harm that could have been seen, and the words for it."""
    harm = _as_harm(measurement, measure, bound)
    seen = detectable(measurement, measure, harm.watch if harm.act is None else harm.act)
    worst = measure.high - measure.low if measurement.contrast else max(abs(measure.low), abs(measure.high))
    if seen >= worst:
        return seen, "no value, however bad, would be seen four times in five"
    smallest = _number(_turned_back(seen, measurement, measure), measure)
    return seen, f"only a value of {smallest} would be seen four times in five"


def _against_band(measurement: Measurement, measure: Measure, bound: Bound) -> Verdict:
    """`watch` when a distance leaves both its null band and the watch bound; never more: drift may be harmless.

    `insufficient` where chance alone may reach the watch bound at this size.
    """
    watch, chance = _number(bound.watch, measure), _number(measurement.high, measure)
    shown = f"{_number(measurement.value, measure)} (chance alone stays below {chance})"
    if measurement.value > max(measurement.high, bound.watch):
        return Verdict(Status.WATCH, f"{shown} exceeds the watch bound {watch}.", proven=True)
    if measurement.high > bound.watch:
        out = _stands_out(measurement, measure, bound)
        said = f"{shown}: chance alone may reach the watch bound {watch} at this size, and {out}."
        return Verdict(Status.INSUFFICIENT, said)
    return Verdict(Status.OK, f"{shown} lies inside the watch bound {watch}.")


def _stands_out(measurement: Measurement, measure: Measure, bound: Bound) -> str:
    return f"only a value above {_number(max(measurement.high, bound.watch), measure)} would stand out"


def _withheld(measurement: Measurement) -> str:
    """Why there is nothing to judge, or an empty string."""
    if measurement.patients < SUPPRESS_BELOW:
        return f"Fewer than {SUPPRESS_BELOW} patients: not shown, and {UNNAMED}."
    if not math.isfinite(measurement.value):
        return f"Not measured: {measurement.note or 'undefined'}; {UNNAMED}."
    if not (math.isfinite(measurement.low) and math.isfinite(measurement.high)):
        return f"No interval can be given{f' ({measurement.note})' if measurement.note else ''}; {UNNAMED}."
    return ""


def _sized(measure: Measure) -> str:
    by_class = measure.interval in (Interval.LOGIT, Interval.RECALIBRATION)
    return "patients of the rarer class" if by_class else measure.counted


def _beyond_act(measurement: Measurement, measure: Measure, bound: Bound, shown: str) -> Verdict:
    beyond = f"{shown} lies wholly beyond the act bound {_number(bound.act or 0.0, measure)}"
    if measure.ceiling != "act":
        return Verdict(
            Status.WATCH, f"{beyond}; this measure alone never calls for more than watching.", proven=True
        )
    if measurement.slice != "all" or measurement.contrast == "rest":
        return Verdict(Status.WATCH, f"{beyond}; a slice alone never calls for more than watching.", proven=True)
    return Verdict(Status.ACT, f"{beyond}.", proven=True)


def _as_harm(measurement: Measurement, measure: Measure, bound: Bound) -> _Harm:
    """Turn a measurement and its bounds so that higher is worse."""
    low, high = measurement.low, measurement.high
    watch, act, rise = bound.watch, bound.act, bound.rise
    if measure.direction is Direction.AWAY_FROM_ZERO:
        near = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        low, high = near, max(abs(low), abs(high))
    elif measure.direction is Direction.LOWER_IS_WORSE:
        top = 0.0 if measurement.contrast else measure.high
        low, high = top - high, top - low
        if not measurement.contrast:
            watch = top - watch
            act, rise = (None if x is None else top - x for x in (act, rise))
    bad = watch if act is None else act
    return _Harm(low, high, watch, act, 2 * bad if rise is None else rise)


def _turned_back(value: float, measurement: Measurement, measure: Measure) -> float:
    if measure.direction is Direction.LOWER_IS_WORSE and not measurement.contrast:
        return max(measure.low, measure.high - value)
    return -value if measure.direction is Direction.LOWER_IS_WORSE else value


def detectable(measurement: Measurement, measure: Measure, limit: float) -> float:
    """The smallest harm whose near end would lie beyond `limit` in four cases of five, at this effective size.

    Shares: the smallest count whose Jeffreys lower limit exceeds the bound, then the rate that reaches it with
    80 % power. Everything else: limit + (z.975 + z.80)·SE, with SE read off the interval as if it were one of
    95 % (too large, and so on the careful side, where many slices widened it).
    """
    if measurement.interval == Interval.JEFFREYS.value and math.isfinite(measure.high) and 0 <= limit < 1:
        return detectable_share(measurement.n_eff, limit)
    error = (measurement.high - measurement.low) / (2 * special.ndtri(1 - _ALPHA / 2))
    return float(limit + (special.ndtri(1 - _ALPHA / 2) + special.ndtri(_SEEN)) * error)


def detectable_share(n_eff: float, limit: float) -> float:
    """The smallest share seen to exceed `limit` with 80 % power at this effective size.

    >>> round(detectable_share(200, 0.05), 2)
    0.1
    """
    counts = np.arange(1, math.floor(n_eff) + 1)
    lows = special.betaincinv(counts + 0.5, np.maximum(n_eff - counts, 0) + 0.5, _ALPHA / 2)
    enough = counts[lows > limit]
    if not len(enough):
        return 1.0
    k = float(enough[0])
    return float(special.betaincinv(k, n_eff - k + 1, _SEEN))


def _number(value: float, measure: Measure) -> str:
    if measure.unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.3f}"


def _shown(measurement: Measurement, measure: Measure) -> str:
    low, high = _number(measurement.low, measure), _number(measurement.high, measure)
    # the interval of a slice against the rest is wider than 95 %, to allow for the number of slices
    name = "interval" if measurement.contrast == "rest" else "95 % interval"
    return f"{_number(measurement.value, measure)} ({name} {low} to {high})"


def roll_up(statuses: Iterable[Status]) -> Status:
    """The gravest status: failed > act > stale > watch > insufficient > ok. Nothing measured is never ok.

    >>> roll_up([])
    <Status.INSUFFICIENT: 'insufficient'>
    """
    present = set(statuses)
    return next((status for status in GRAVITY if status in present), Status.INSUFFICIENT)


def suppress(measurements: Sequence[Measurement]) -> list[bool]:
    """Which measurements may not be shown, aligned with the input.

    A slice of fewer than 11 patients is not shown; nor is the next smallest of the same attribute, until the
    hidden slices are at least two of together at least 11 patients, so that subtracting the shown ones from the
    whole tells nothing. A combination of attributes is protected along each of them. A contrast of a hidden
    slice is hidden too. Slices without any patient have nothing to hide.
    """
    families: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, m in enumerate(measurements):
        families[m.measure, m.task, m.version, m.item, m.window].append(i)
    hidden = [False] * len(measurements)
    for members in families.values():
        names = _hidden_slices([measurements[i] for i in members])
        for i in members:
            hidden[i] = measurements[i].slice in names or 0 < measurements[i].patients < SUPPRESS_BELOW
    return hidden


def _hidden_slices(family: Sequence[Measurement]) -> set[str]:
    """Slices of one measure that may not be shown."""
    patients: dict[str, int] = {}
    for m in family:
        # a level knows the slice's own patients; a contrast only those of the smaller side
        if not m.contrast or m.slice not in patients:
            patients[m.slice] = m.patients
    return hidden_slices(patients)


def hidden_slices(patients: Mapping[str, int]) -> set[str]:
    """Of slices by name, with their patients, those that may not be shown: see `suppress`.

    >>> sorted(hidden_slices({"sex=F": 40, "sex=M": 30, "sex=O": 4, "age=0-17": 12}))
    ['sex=M', 'sex=O']
    >>> sorted(hidden_slices({"site=a": 2, "site=b": 3, "site=c": 12, "site=d": 90}))
    ['site=a', 'site=b', 'site=c']
    """
    hidden = {name for name, count in patients.items() if 0 < count < SUPPRESS_BELOW}
    lines: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name in patients:
        where = conditions(name)
        for attribute, _ in where:
            others = tuple(pair for pair in where if pair[0] != attribute)
            lines[attribute, others].append(name)
    changed = True
    while changed:
        changed = False
        for line in lines.values():
            shown = sorted((patients[n], n) for n in line if n not in hidden and patients[n] > 0)
            gone = [patients[n] for n in line if n in hidden]
            if gone and shown and (len(gone) < 2 or sum(gone) < SUPPRESS_BELOW):
                hidden.add(shown[0][1])
                changed = True
    return hidden


def conditions(name: str) -> tuple[tuple[str, str], ...]:
    """The (attribute, value) pairs of a slice's printed name.

    >>> conditions("age=40-64 & sex=F")
    (('age', '40-64'), ('sex', 'F'))
    """
    if name == "all":
        return ()
    pairs = (part.partition("=") for part in name.split(" & "))
    return tuple((attribute, value) for attribute, _, value in pairs)
