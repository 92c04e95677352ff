"""What stated probabilities are worth, as lines of a table, sentences and figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.dossier import Confidence, Dossier
from reports.figures.selective import selective_figure
from reports.figures.style import Figure
from reports.numbers import integer, number
from reports.text import TASKS, WORDS

_LINES: Final = 8  # findings listed, the worst calibrated first
_SMALLEST: Final = 0.001  # a p-value below is printed as such


@dataclass(frozen=True, slots=True)
class Line:
    """The parts of one Brier score, as printed."""

    label: str
    n: str
    brier: str
    miscalibration: str
    discrimination: str
    uncertainty: str
    p_value: str


def lines(dossier: Dossier) -> list[Line]:
    """All findings together (every version), then those of the current version with most miscalibration."""
    pooled = [one for one in dossier.confidence if not one.item]
    pooled.sort(key=lambda one: (one.version != dossier.current_version, one.task, one.version))
    single = [one for one in dossier.confidence if one.item and one.version == dossier.current_version]
    single.sort(key=lambda one: (-one.miscalibration, one.item))
    return [
        Line(
            _label(one, dossier),
            integer(one.n),
            number(one.brier, "score"),
            number(one.miscalibration, "score"),
            number(one.discrimination, "score"),
            number(one.uncertainty, "score"),
            p_value(one.p_value),
        )
        for one in [*pooled, *single][:_LINES]
    ]


def figures(dossier: Dossier) -> list[Figure]:
    """Risk against coverage of the current version, one a task."""
    current = [one for one in dossier.confidence if one.curve and one.version == dossier.current_version]
    return [selective_figure(one, TASKS.get(one.task, one.task), f"risk{i}") for i, one in enumerate(current)]


def sentences(dossier: Dossier) -> list[str]:
    """What can be trusted at the accepted risk, and what few samples make of a confidence."""
    said = []
    for one in dossier.confidence:
        if one.version != dossier.current_version:
            continue
        said += [f"{TASKS.get(one.task, one.task)}: {sentence}" for sentence in (*_safe(one), *_sampled(one))]
    return said


def p_value(value: float | None) -> str:
    """
    >>> p_value(0.0312), p_value(0.00004), p_value(None)
    ('0.031', '< 0.001', '–')
    """
    if value is not None and value < _SMALLEST:
        return f"< {_SMALLEST}"
    return number(value, "score")


def _label(one: Confidence, dossier: Dossier) -> str:
    label = one.item.replace("_", " ") or TASKS.get(one.task, one.task)
    several = len({other.version for other in dossier.confidence}) > 1
    return f"{label}, version {one.version}" if several else label


def _safe(one: Confidence) -> Sequence[str]:
    if one.safe is None:
        return []
    accepted = number(one.safe.accepted_risk, "share")
    if one.safe.threshold is None:
        return [WORDS["trust_none"].format(accepted=accepted, why=one.safe.note)]
    return [
        WORDS["trust"].format(
            threshold=number(one.safe.threshold, "share"),
            coverage=number(one.safe.coverage, "share"),
            risk=number(one.safe.risk, "share"),
            high=number(one.safe.risk_high, "share"),
            sureness=number(one.safe.sureness, "share"),
            accepted=accepted,
        )
    ]


def _sampled(one: Confidence) -> Sequence[str]:
    if one.sampled is None:
        return []
    if one.sampled.error_stated is None:
        return [one.sampled.note]
    return [
        WORDS["sampled"].format(
            samples=one.sampled.samples,
            stated=number(one.sampled.error_stated, "score"),
            corrected=number(one.sampled.error_corrected, "score"),
        )
    ]
