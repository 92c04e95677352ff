"""What outputs that nobody could judge do to a verdict: bounds that hold whatever they are.

Outputs without a reference are no sample of the others: whose report is not there yet, or was never linked, is
often sicker or elsewhere. A rate of those that were judged is then that of another population.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from monitors.catalogue import CATALOGUE
from monitors.measurement import Interval, Measure, Measurement, Slice
from monitors.threshold import Bound, Status, Verdict, decide

#: Share of the outputs that must be accounted for.
LEAST: Final = 0.9
#: How far a group and the others may lie apart in it, to be compared.
APART: Final = 0.05
#: Monitors that hold outputs against a reference.
_JUDGED: Final = frozenset(
    {
        *("hallucination", "error_codes", "confidence_report", "performance", "calibration", "underdiagnosis"),
        *("critical", "vqa_performance", "yes_no", "confidence_vqa", "retrieval"),
    }
)
#: … but not with these.
_UNJUDGED: Final = frozenset(
    {
        *("flagged", "abstention", "yes_ratio", "draft_words", "unparseable_outputs", "judge_failed_outputs"),
        *("error_outputs", "unparseable_answers"),
    }
)
#: What counts every judged output once.
_EVERY_OUTPUT: Final = frozenset({"reports", "answers", "searches"})

_NEEDS_REFERENCE: Final = (
    frozenset(one.name for monitor in CATALOGUE if monitor.name in _JUDGED for one in monitor.measures) - _UNJUDGED
)

_WHOLE: Final = str(Slice())


class Counted(NamedTuple):
    """Outputs of the whole or of a group, and how many of them are accounted for."""

    outputs: int
    judged: int

    @property
    def share(self) -> float:
        return self.judged / self.outputs


#: By (task, version, slice); what is not there is not known.
Accounted = Mapping[tuple[str, str, str], Counted]


def worst_case(low: float, high: float, judged: float) -> tuple[float, float]:
    """Bounds of a share over all outputs when its limits are over the `judged` part alone (Manski 1989).

    Low is reached where none of the others has the outcome, high where all of them have it.

    >>> worst_case(0.05, 0.05, 0.9)
    (0.045, 0.145)
    """
    return round(low * judged, 12), round(high * judged + 1 - judged, 12)


def of_every_output(measure: Measure) -> bool:
    """Whether a measure is a share of all judged outputs, so that the unjudged can be added to it."""
    share = measure.interval is Interval.JEFFREYS and measure.high == 1
    return share and measure.counted in _EVERY_OUTPUT and measure.name in _NEEDS_REFERENCE


def weigh(
    verdict: Verdict, measurement: Measurement, measure: Measure, bound: Bound, accounted: Accounted
) -> Verdict:
    """The verdict with what was not judged in mind.

    Below 90 % a level stands only where it would stand whatever the unjudged are; everything else becomes
    `insufficient`. So does a gap where the group and the others lie more than 5 points apart.
    """
    if verdict.status is Status.INSUFFICIENT or measure.name not in _NEEDS_REFERENCE:
        return verdict
    counted = accounted.get((measurement.task, measurement.version, measurement.slice))
    if counted is None:
        return verdict
    if measurement.contrast == "rest" and (said := _apart(measurement, accounted)):
        return Verdict(Status.INSUFFICIENT, said)
    mine = counted.share
    if mine >= LEAST:
        return verdict
    few = f"Only {100 * mine:.0f} % of the outputs could be judged"
    if measurement.contrast or not of_every_output(measure):
        return Verdict(Status.INSUFFICIENT, f"{few}: the others may differ, and settle it.")
    low, high = worst_case(measurement.low, measurement.high, mine)
    again = decide(replace(measurement, low=low, high=high), measure, bound)
    if again.status is verdict.status and (again.proven or again.status is Status.OK):
        return replace(verdict, reason=f"{verdict.reason} {few}, but whatever the others are, that stands.")
    return Verdict(
        Status.INSUFFICIENT,
        f"{few}; over all of them it may lie anywhere from {100 * low:.1f} to {100 * high:.1f} %.",
    )


def _apart(measurement: Measurement, accounted: Accounted) -> str:
    """Why a group and the rest cannot be compared, or an empty string."""
    task, version = measurement.task, measurement.version
    whole, mine = accounted[task, version, _WHOLE], accounted[task, version, measurement.slice]
    others = Counted(whole.outputs - mine.outputs, whole.judged - mine.judged)
    if not others.outputs or abs(mine.share - others.share) <= APART:
        return ""
    here, elsewhere = (f"{100 * one.share:.0f} %" for one in (mine, others))
    return (
        f"{here} of the outputs of this group were judged, {elsewhere} of the others: "
        "so different parts cannot be compared."
    )
