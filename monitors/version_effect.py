"""A change between two windows, split into what the version did and what patients (and all else) did.

The window is of a new version, the reference window of an old one. Where both answered some of the same questions,
the change on those is the version's: the patients are the same. What is left of the whole change is that of other
patients, other references, another time. Kitagawa's (1955) decomposition, with one counterfactual that was truly
asked instead of modelled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from monitors import intervals
from monitors.cut import Cut
from monitors.groups import Floats, correlation, jackknife_variance
from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Slice
from monitors.monitor import Monitor
from monitors.paired import Pairs
from monitors.parent import Parents
from monitors.selection import Mask
from monitors.tally import Tally, TallyError
from monitors.threshold import SUPPRESS_BELOW

#: Differences of these have limits that lean to one side, and are combined by MOVER.
_LEANING: Final = (Interval.JEFFREYS, Interval.F1, Interval.MOVER, Interval.DIFFERENCE)
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a change with its 95 % interval, in the unit of the measure."""

    value: float
    low: float
    high: float

    @property
    def limits(self) -> tuple[float, float, float]:
        return self.value, self.low, self.high


@dataclass(frozen=True, slots=True)
class VersionEffect:
    """One measure: `total` = `version` + `patients`; the parts are None where too little is shared (`note`).

    `n` and `patients_shared` are of the shared questions, as the measure counts them.
    """

    measure: Measure
    item: str
    total: Part
    version: Part | None
    patients: Part | None
    n: float
    patients_shared: int
    patients_exact: bool
    note: str


@dataclass(frozen=True, slots=True)
class _Difference:
    part: Part
    without: Floats
    filled: Mask


def version_effects(
    monitor: Monitor,
    window: Tally,
    reference: Tally,
    shared: Tally,
    pairs: Pairs,
    *,
    old: str,
    new: str,
    items: Sequence[str],
    measures: Sequence[str],
) -> Iterator[VersionEffect]:
    """The measures of `monitor` that are named, for each item ("" pools them).

    `shared` holds the answers of both versions to the same questions, and `pairs` the same by question. With W the
    window, R the reference window and S the shared questions: total = new(W) − old(R), version = new(S) − old(S),
    patients = total − version.

    The version's part has the limits of `monitors.paired`. The others, of rates: MOVER on the limits of both sides
    with their correlation over the patient groups, for the patients' part on the limits of the two other parts;
    of other statistics: normal on the jackknife over the patients of all three tallies. Left out are measures that
    either window cannot tell or that fewer than eleven patients stand behind; below its floor in S, or below
    eleven patients there, a measure is not split. Raises TallyError for tallies of different seeds.
    """
    if len({window.seed, reference.seed, shared.seed}) > 1:
        raise TallyError("Window, reference and shared answers were tallied with different seeds; make them anew.")
    sides = [(window, new), (reference, old), (shared, new), (shared, old)]
    desks = [Desk(monitor, tally, version, reference, _ALPHA) for tally, version in sides]
    for item in items:
        cuts = [desk.cuts.inside(Slice(), item) for desk in desks]
        for index, one in enumerate(monitor.measures):
            if one.name not in measures or one.scope == ("item" if item == "" else "whole"):
                continue
            if one.interval in (Interval.NONE, Interval.Q_HAT):
                continue
            levels = [desk.level(cut, index, item) for desk, cut in zip(desks, cuts, strict=True)]
            made = _split(one, item, levels, cuts, pairs, [desk.parents for desk in desks[2:]])
            if made is not None:
                yield made


def _split(
    one: Measure, item: str, levels: Sequence[Level], cuts: Sequence[Cut], pairs: Pairs, parents: Sequence[Parents]
) -> VersionEffect | None:
    total = _difference(one, levels[:2], cuts[:2])
    few = min(level.patients for level in levels[:2]) < SUPPRESS_BELOW
    if few or not np.isfinite([total.part.value, total.part.low, total.part.high]).all():
        return None
    least = min(levels[2:], key=lambda level: level.n_eff)
    people = min(levels[2:], key=lambda level: level.patients)
    note, version, patients = _too_little(one, levels[2:]), None, None
    if not note:
        apart = _difference(one, levels[2:], cuts[2:])
        near = apart.part.low, apart.part.high
        found = pairs.limits(one, Slice(), item, (levels[2], levels[3]), near, parents, _ALPHA)
        effect = replace(apart, part=Part(apart.part.value, found.low, found.high))
        # of the wider limits of the version's part, their correlation with the whole may make narrower ones
        rest = _wider(_rest(one, total, effect), _rest(one, total, apart))
        if np.isfinite([effect.part.low, effect.part.high, rest.low, rest.high]).all():
            version, patients = effect.part, rest
        else:
            note = found.note or "the shared answers give no interval"
    return VersionEffect(one, item, total.part, version, patients, least.n, people.patients, people.exact, note)


def _too_little(one: Measure, shared: Sequence[Level]) -> str:
    """Why the shared answers are too few for this measure, or an empty string."""
    if min(level.patients for level in shared) < SUPPRESS_BELOW:
        return f"fewer than {SUPPRESS_BELOW} patients share answers that it counts"
    least = min(level.n_eff for level in shared)
    if least < one.floor:
        return f"an effective {least:,.0f} shared {one.counted}; {one.floor:,.0f} are needed"
    return ""


def _difference(one: Measure, levels: Sequence[Level], cuts: Sequence[Cut]) -> _Difference:
    first, second = levels
    filled = cuts[0].filled | cuts[1].filled
    value, without = first.value - second.value, first.without - second.without
    if one.interval in _LEANING:
        r = correlation(first.without, second.without)
        low, high = intervals.mover(first.limits, second.limits, r)
    else:
        low, high = _normal(value, without, filled)
    return _Difference(Part(value, low, high), without, filled)


def _rest(one: Measure, total: _Difference, effect: _Difference) -> Part:
    """The patients' part: the whole change minus that of the version, over the same patient groups."""
    value, without = total.part.value - effect.part.value, total.without - effect.without
    if one.interval in _LEANING:
        r = correlation(total.without, effect.without)
        low, high = intervals.mover(total.part.limits, effect.part.limits, r)
    else:
        low, high = _normal(value, without, total.filled | effect.filled)
    return Part(value, low, high)


def _wider(first: Part, second: Part) -> Part:
    return Part(first.value, min(first.low, second.low), max(first.high, second.high))


def _normal(value: float, without: Floats, filled: Mask) -> tuple[float, float]:
    return intervals.normal(value, jackknife_variance(without, filled), -np.inf, np.inf, _ALPHA)
