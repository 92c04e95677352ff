"""What outputs that nobody could judge do to a verdict: bounds that hold whatever they are.

Outputs without a reference are no sample of the others: whose report is not there yet, or was never linked, is
often sicker or elsewhere. A rate of those that were judged is then that of another population.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from monitors.calibration import CONFIDENCE_OPEN
from monitors.catalogue import CATALOGUE
from monitors.corrected import CORRECTED
from monitors.measurement import Interval, Measure, Measurement, Slice
from monitors.monitor import Monitor
from monitors.retrieval import RETRIEVAL
from monitors.threshold import UNNAMED, Bound, Status, Verdict, decide
from monitors.vqa import VQA_PERFORMANCE
from monitors.yes_no import YES_NO

#: Share of the outputs that must be accounted for.
LEAST: Final = 0.9
#: How far a group and the others may lie apart in it, to be compared.
APART: Final = 0.05
#: Monitors that hold outputs against a reference.
_JUDGED: Final = frozenset(
    {
        *("hallucination", "error_codes", "confidence_report", "performance", "calibration", "underdiagnosis"),
        *("critical", "vqa_performance", "yes_no", "confidence_vqa", "confidence_open", "retrieval"),
        *("confidence_claims_silent_right", "confidence_claims_silent_wrong", "confidence_retrieval"),
    }
)
#: … but not with these.
_UNJUDGED: Final = frozenset(
    {
        *("flagged", "abstention", "yes_ratio", "draft_words", "unparseable_outputs", "judge_failed_outputs"),
        *("error_outputs", "unparseable_answers"),
    }
)
#: What counts every judged output of a kind once.
_EVERY_OUTPUT: Final = frozenset({"reports", "reviewed reports", "answers", "pairs of questions", "searches"})
_SHARES: Final = (Interval.JEFFREYS, Interval.REVIEWED)

# a sample of reviews is drawn from what was judged, and says as little of the rest
_NEEDS_REFERENCE: Final = (
    frozenset(one.name for monitor in CATALOGUE if monitor.name in _JUDGED for one in monitor.measures)
    | {CORRECTED.name}
) - _UNJUDGED

#: Monitors that count outputs of a kind which is not known before the reference (open, closed, with options; a
#: pair; a list long enough), and the cell of each of their measures.
FRAMES: Final[Mapping[Monitor, Mapping[str, str]]] = {
    VQA_PERFORMANCE: {
        **{one.name: one.denominator for one in VQA_PERFORMANCE.measures},
        **{one.name: "open_answered" for one in CONFIDENCE_OPEN.measures},
    },
    YES_NO: {one.name: "asked" for one in YES_NO.measures},
    RETRIEVAL: {one.name: one.denominator for one in RETRIEVAL.measures},
}
_CELL: Final = {
    name: cell for cells in FRAMES.values() for name, cell in cells.items() if name in _NEEDS_REFERENCE
}

_WHOLE: Final = str(Slice())
_SIDES: Final = {
    "rest": ("this group", "the others"),
    "reference": ("this window", "those of the reference window"),
}


class Counted(NamedTuple):
    """Outputs of the whole or of a group that were judged or should have been, and how many were.

    `of` has, by cell, those that a measure counts: of the others nobody knows whether they belong to it. Drafts
    of one case count together as one, as they do in rates.
    """

    outputs: float
    judged: float
    of: Mapping[str, float] = MappingProxyType({})

    @property
    def share(self) -> float:
        return self.judged / self.outputs

    def within(self, measure: Measure) -> "Counted":
        """What is accounted for of the outputs that one measure counts, were all others of its kind.

        >>> counted = Counted(1000, 950, {"open_answered": 50.0})
        >>> counted.within(VQA_PERFORMANCE.measures[2])[:2]
        (100.0, 50.0)
        """
        judged = self.of.get(_CELL.get(measure.name, ""))
        lost = self.outputs - self.judged
        return self if judged is None or judged + lost <= 0 else Counted(judged + lost, judged)


#: By (task, version, slice); what is not there is not known.
Accounted = Mapping[tuple[str, str, str], Counted]


def worst_case(low: float, high: float, judged: float) -> tuple[float, float]:
    """Bounds of a share over all outputs when its limits are over the `judged` part alone (Manski 1989).

    Low is reached where none of the others has the outcome, high where all of them have it.

    >>> worst_case(0.05, 0.05, 0.9)
    (0.045, 0.145)
    """
    return round(low * judged, 12), round(high * judged + 1 - judged, 12)


def needs_reference(measure: Measure) -> bool:
    """Whether a measure holds outputs against a reference, so that some could not be judged."""
    return measure.name in _NEEDS_REFERENCE


def of_every_output(measure: Measure) -> bool:
    """Whether a measure is a share of all judged outputs (of a kind), so that the unjudged can be added to it."""
    share = measure.interval in _SHARES and measure.high == 1
    return share and measure.counted in _EVERY_OUTPUT and needs_reference(measure)


def weigh(
    verdict: Verdict,
    measurement: Measurement,
    measure: Measure,
    bound: Bound,
    accounted: Accounted,
    before: Accounted | None = None,
) -> Verdict:
    """The verdict with what was not judged in mind; `before` is of the reference window, by the same versions.

    Below 90 % of what the measure counts a level stands only where it would stand whatever the unjudged are;
    everything else becomes `insufficient`. So does a contrast whose sides lie more than 5 points apart.
    """
    if verdict.status is Status.INSUFFICIENT or not needs_reference(measure):
        return verdict
    key = (measurement.task, measurement.version, measurement.slice)
    if key not in accounted:
        return verdict
    counted = accounted[key].within(measure)
    others = _second_side(measurement, measure, accounted, before or {}) if measurement.contrast else None
    if others and (said := apart(counted, others, measurement.contrast)):
        return Verdict(Status.INSUFFICIENT, f"{said.rstrip('.')}; {UNNAMED}.")
    mine = min(counted.share, others.share) if others and measurement.contrast == "reference" else counted.share
    if mine >= LEAST:
        return verdict
    few = f"Only {100 * mine:.0f} % of the {_kind(measure)} could be judged"
    if measurement.contrast or not of_every_output(measure):
        return Verdict(Status.INSUFFICIENT, f"{few}: the others may differ, and settle it; {UNNAMED}.")
    low, high = worst_case(measurement.low, measurement.high, mine)
    again = decide(replace(measurement, low=low, high=high), measure, bound)
    if again.status is verdict.status and (again.proven or again.status is Status.OK):
        return replace(verdict, reason=f"{verdict.reason} {few}, but whatever the others are, that stands.")
    return Verdict(
        Status.INSUFFICIENT,
        f"{few}; over all of them it may lie anywhere from {100 * low:.1f} to {100 * high:.1f} %, so {UNNAMED}.",
    )


def comparable(measure: Measure, accounted: Mapping[str, Counted], name: str) -> bool:
    """Whether a group may be compared with the others in a measure; `accounted` is by slice, with the whole."""
    if not needs_reference(measure) or name not in accounted:
        return True
    mine, others = accounted[name].within(measure), _others(accounted[_WHOLE], accounted[name], measure)
    return mine.share >= LEAST and (others is None or not apart(mine, others))


def _others(whole: Counted, mine: Counted, measure: Measure) -> Counted | None:
    """What is accounted for of all but a group; None where there is nothing."""
    of = {cell: n - mine.of[cell] for cell, n in whole.of.items() if cell in mine.of}
    left = Counted(whole.outputs - mine.outputs, whole.judged - mine.judged, of).within(measure)
    return left if left.outputs > 0 else None


def apart(mine: Counted, others: Counted, contrast: str = "rest") -> str:
    """Why the two sides of a contrast cannot be compared (more than 5 points apart), or an empty string."""
    if abs(mine.share - others.share) <= APART:
        return ""
    here, elsewhere = (f"{100 * one.share:.0f} %" for one in (mine, others))
    first, second = _SIDES[contrast]
    return (
        f"{here} of the outputs of {first} were judged, {elsewhere} of {second}: "
        "so different parts cannot be compared."
    )


def _second_side(
    measurement: Measurement, measure: Measure, accounted: Accounted, before: Accounted
) -> Counted | None:
    """What is accounted for of the other side of a contrast, None where that is not known or there is none."""
    task, version = measurement.task, measurement.version
    if measurement.contrast == "reference":
        then = before.get((task, version, measurement.slice))
        return then.within(measure) if then else None
    return _others(accounted[task, version, _WHOLE], accounted[task, version, measurement.slice], measure)


def _kind(measure: Measure) -> str:
    return "outputs that may belong here" if measure.name in _CELL else "outputs"
