"""What the reviews of a sample show, in the words of the reports: lines of a table, and what to read beside it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from auditor.reviews.correct import Correction
from auditor.reviews.desk import SoFar
from monitors.adjudication import Corrected
from monitors.judge_accuracy import Accuracy
from monitors.measurement import Measurement
from monitors.threshold import SUPPRESS_BELOW
from reports.numbers import integer, number, with_interval
from reports.text import KINDS, WORDS

_HIDDEN: Final = {
    "open": "Shown when you have answered your last item: until then it could sway you.",
    "none": "Nobody has answered yes or no to an item yet.",
    "few": f"Rates are shown from {SUPPRESS_BELOW} patients on; fewer have been answered about so far.",
}


@dataclass(frozen=True)
class Results:
    """Lines of (what, how much), notes beside them, and the judge's agreement; or `hidden`, why none is shown."""

    hidden: str
    agreement: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def results_of(found: SoFar) -> Results:
    """What may be shown, in words."""
    if found.hidden:
        return Results(_HIDDEN[found.hidden])
    main = found.corrections.get("fabrication")
    kinds = {name: one for name, one in found.corrections.items() if name != "fabrication"}
    return Results(
        hidden="",
        agreement=_said(main.accuracy.agreement) if main else WORDS["not_told"],
        lines=(
            *(_of_verdict(main) if main else ()),
            *(
                (
                    f"In the sampled window, reports with an error of this kind: {kind_title(name)}",
                    _said(kinds[name].window),
                )
                for name in kinds
            ),
        ),
        notes=tuple(f"{note[:1].upper()}{note[1:]}." for note in (main.notes if main else ())),
    )


def kind_title(kind: str) -> str:
    """
    >>> kind_title("omitted")
    'omitted, the draft leaves it out'
    """
    return f"{kind}, {KINDS[kind]}"


def _of_verdict(one: Correction) -> Iterator[tuple[str, str]]:
    yield WORDS["corrected_process"], _said(one.process)
    yield WORDS["corrected_window"], _said(one.window)
    flagged = " or ".join(one.sample.frame.flagged)
    yield WORDS["judge_rate"].format(flagged=flagged), number(one.judge_rate, "share")
    asked = f". {WORDS['agreement_questions']}" if one.question in one.sample.yes else ""
    yield WORDS["judge_agreement"] + asked, _said(one.accuracy.agreement)
    yield WORDS["judge_sensitivity"], _said(one.accuracy.sensitivity)
    yield WORDS["judge_specificity"], _said(one.accuracy.specificity)
    if one.twice:
        differ = f"{integer(one.twice)}; the readers differ on {integer(one.split)}"
        yield "Reports that two readers or more have answered", differ
    if one.between is not None:
        yield WORDS["readers_agreement"], _said(one.between.agreement)
        yield WORDS["readers_kappa"], _said(one.between.kappa, "score")
        yield WORDS["readers_ac1"], _said(one.between.ac1, "score")


def _said(rate: Corrected | Accuracy | Measurement, unit: str = "share") -> str:
    if not all(math.isfinite(value) for value in (rate.value, rate.low, rate.high)):
        return WORDS["not_told"]
    return with_interval(rate.value, rate.low, rate.high, unit)
