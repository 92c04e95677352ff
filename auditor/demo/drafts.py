"""What radiologist and system see in each simulated study, and where the system's draft departs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from auditor.demo import faults
from auditor.demo.patients import FINDINGS, Booleans, Cohort, correlated
from auditor.demo.wording import LUNG, Dice, Seen, compose

_SIDED: Final = frozenset({"effusion", "pneumothorax", "consolidation", "atelectasis", "nodule", "fracture"})
_MAY_BE_BILATERAL: Final = frozenset({"effusion", "atelectasis"})
_GRADED: Final = frozenset({"effusion", "pneumothorax", "cardiomegaly", "edema"})

#: Findings whose absence every report states; of the others only some reports do.
_ALWAYS_DENIED: Final = frozenset({"effusion", "pneumothorax", "consolidation", "cardiomegaly"})
_SOMETIMES_DENIED: Final = {"edema": 0.5, "fracture": 0.4}

#: Outside the lungs and never mentioned by the simulated radiologist, so asserting one is unsupported.
_INCIDENTAL: Final = ("spine degeneration", "hiatal hernia", "scoliosis")

_DEVICES: Final = {
    "ICU": (("endotracheal tube", 0.45), ("enteric tube", 0.4), ("picc", 0.4), ("pacemaker", 0.05)),
    "ward": (("picc", 0.1), ("pacemaker", 0.05)),
    "ED": (("pacemaker", 0.04),),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """The errors that were put into one draft, as names of findings."""

    contradicted: tuple[str, ...] = ()  # asserted by the draft, denied by the report
    unsupported: tuple[str, ...] = ()  # asserted by the draft, not mentioned by the report
    omitted: tuple[str, ...] = ()
    laterality: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorPlan:
    """Which error each draft gets if it can have it; one entry a study."""

    fabrication: Booleans
    unsupported: Booleans
    omission: Booleans
    side_swap: Booleans
    severity_step: Booleans


def plan_errors(rng: np.random.Generator, cohort: Cohort, *, planted: bool) -> ErrorPlan:
    """Draw the errors of every draft, correlated within patients."""

    def drawn(rate: float) -> Booleans:
        return correlated(rng, np.full(len(cohort), rate), cohort.patient)

    late = (cohort.site == faults.FABRICATION_SITE) & (cohort.week >= faults.FABRICATION_WEEK)
    rate = np.where(late & planted, faults.FABRICATION_PLANTED, faults.FABRICATION)
    return ErrorPlan(
        fabrication=correlated(rng, rate, cohort.patient),
        unsupported=drawn(faults.UNSUPPORTED),
        omission=drawn(faults.OMISSION),
        side_swap=drawn(faults.SIDE_SWAP),
        severity_step=drawn(faults.SEVERITY_STEP),
    )


def _draw_finding(finding: str, dice: Dice) -> Seen:
    side = ""
    if finding in _SIDED:
        bilateral = finding in _MAY_BE_BILATERAL and dice.chance(0.3)
        side = "both" if bilateral else dice.pick(("left", "right"))
    severity = (0 if dice.chance(0.6) else 1 if dice.chance(0.75) else 2) if finding in _GRADED else 0
    size = int(dice.pick(("5", "6", "7", "8", "9", "11", "12", "14"))) if finding == "nodule" else 0
    return Seen(finding, side, severity, size)


def see(cohort: Cohort, study: int, dice: Dice) -> tuple[Seen, ...]:
    """Everything present in one study, findings first, then devices."""
    findings = [_draw_finding(name, dice) for name in FINDINGS if cohort.disease[name][study]]
    devices = _DEVICES[str(cohort.patient_class[study])]
    return (*findings, *(Seen(name) for name, share in devices if dice.chance(share)))


def _stated_absent(present: Sequence[Seen], dice: Dice) -> frozenset[str]:
    also = {finding for finding, share in _SOMETIMES_DENIED.items() if dice.chance(share)}
    return (_ALWAYS_DENIED | also) - {seen.finding for seen in present}


def radiologist_report(present: Sequence[Seen], dice: Dice) -> tuple[str, frozenset[str]]:
    """The final report and the findings that it denies."""
    absent = _stated_absent(present, dice)
    return compose(present, absent, dice), absent


def _fabricated(present: Sequence[Seen], denied: frozenset[str], dice: Dice) -> Seen | None:
    """A finding the report denies; never a second shadow in lungs that already show one."""
    shadowed = any(seen.finding in LUNG for seen in present)
    options = sorted(denied - LUNG if shadowed else denied)
    return _draw_finding(dice.pick(options), dice) if options else None


def _altered(seen: Seen, side_swap: bool, severity_step: bool) -> Seen:
    if side_swap and seen.side in ("left", "right"):
        return replace(seen, side="left" if seen.side == "right" else "right")
    if severity_step and seen.finding in _GRADED:
        return replace(seen, severity=1 if seen.severity != 1 else 2)
    return seen


def draft(
    present: Sequence[Seen], denied: frozenset[str], plan: ErrorPlan, study: int, dice: Dice
) -> tuple[str, Truth]:
    """The system's draft of one study and the errors that are truly in it."""
    said = list(present)
    omitted: list[str] = []
    findings = [seen for seen in present if seen.finding in FINDINGS]
    if plan.omission[study] and findings:
        lost = dice.pick([seen.finding for seen in findings])
        omitted.append(lost)
        said = [seen for seen in said if seen.finding != lost]

    # one altered attribute a draft: the first finding that can carry it
    sides: list[str] = []
    grades: list[str] = []
    for at, seen in enumerate(said):
        changed = _altered(seen, bool(plan.side_swap[study]), bool(plan.severity_step[study]))
        if changed != seen:
            (sides if changed.side != seen.side else grades).append(seen.finding)
            said[at] = changed
            break

    invented = _fabricated(present, denied, dice) if plan.fabrication[study] else None
    contradicted = (invented.finding,) if invented else ()
    if invented:
        said.append(invented)
    unsupported: tuple[str, ...] = ()
    if plan.unsupported[study]:
        unsupported = (dice.pick(_INCIDENTAL),)
        said.append(Seen(unsupported[0]))
    text = compose(said, _stated_absent(said, dice), dice)
    return text, Truth(contradicted, unsupported, tuple(omitted), tuple(sides), tuple(grades))
