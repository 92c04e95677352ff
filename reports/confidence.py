"""What stated probabilities are worth, as lines of a table, sentences and figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from monitors.calibration import CONFIDENCE_CLAIMS
from reports.dossier import Confidence, Dossier, ReliabilityBin, SafeCoverage
from reports.figures.selective import selective_figure
from reports.figures.style import Figure
from reports.numbers import integer, item_name, number, with_interval
from reports.text import OUTPUTS, TASKS, WORDS

#: Monitors of single claims; any other is of whole outputs.
OF_CLAIMS: Final = frozenset(monitor.name for monitor in CONFIDENCE_CLAIMS)
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
    stated = [one for one in dossier.confidence if one.is_probability]
    pooled = [one for one in stated if not is_finding(one)]
    pooled.sort(key=lambda one: (one.version != dossier.current_version, one.task, one.version))
    single = [one for one in stated if is_finding(one) and one.version == dossier.current_version]
    single.sort(key=lambda one: (-(one.miscalibration or 0.0), one.item))
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
    return [selective_figure(one, source(one), f"risk{i}") for i, one in enumerate(current)]


def sentences(dossier: Dossier) -> list[str]:
    """What can be trusted at the accepted risk."""
    return [
        f"{source(one)}: {sentence}"
        for one in _current(dossier)
        for sentence in (*_safe(one, one.safe), *_safe(one, one.safe_present, present=True))
    ]


def few_samples(dossier: Dossier) -> list[str]:
    """What few samples make of a confidence that is a share of them."""
    return [f"{source(one)}: {sentence}" for one in _current(dossier) for sentence in _sampled(one)]


def scores(dossier: Dossier) -> list[str]:
    """That a confidence claims no probability, and what is therefore not said of it."""
    return [WORDS["is_score"].format(of=source(one)) for one in _current(dossier) if not one.is_probability]


def recalibration(dossier: Dossier) -> list[str]:
    """What a scale learnt from other patients would buy."""
    said = []
    for one in _current(dossier):
        found = one.recalibrated
        if found is None:
            said.append(WORDS["no_recalibration"].format(of=source(one), unit=_judged(one)))
            continue
        saved = with_interval(found.saved, found.saved_low, found.saved_high, "score")
        gained = with_interval(found.gained, found.gained_low, found.gained_high, "score")
        stated, after, constant = (
            number(value, "score") for value in (found.stated, found.recalibrated, found.constant)
        )
        said.append(
            WORDS["recalibration"].format(
                of=source(one),
                stated=stated,
                after=after,
                saved=saved,
                constant=constant,
                gained=gained,
                unit=_judged(one),
            )
        )
    return said


def own_bins(dossier: Dossier) -> str:
    """Which findings have bins of this window since the reference window has none of them; empty for none."""
    names = [_label(one, dossier) for one in dossier.confidence if one.own_bins]
    return WORDS["own_bins"].format(names="; ".join(names)) if names else ""


def is_finding(one: Confidence | ReliabilityBin) -> bool:
    """Whether it is of one finding of a classifier; the items of other tasks are further sources of confidence."""
    return bool(one.item) and one.task == "classification"


def source(one: Confidence | ReliabilityBin) -> str:
    """Whose confidence it is: that of a task, or of one kind of its questions, and which of several."""
    of = WORDS.get(f"of_{one.monitor}", TASKS.get(one.task, one.task))
    return of if is_finding(one) or not one.item else f"{of}, {item_name(one.item)}"


def _current(dossier: Dossier) -> Iterator[Confidence]:
    return (one for one in dossier.confidence if not is_finding(one) and one.version == dossier.current_version)


def p_value(value: float | None) -> str:
    """
    >>> p_value(0.0312), p_value(0.00004), p_value(None)
    ('0.031', '< 0.001', '–')
    """
    if value is not None and value < _SMALLEST:
        return f"< {_SMALLEST}"
    return number(value, "score")


def _label(one: Confidence, dossier: Dossier) -> str:
    label = item_name(one.item) if is_finding(one) else source(one)
    several = len({other.version for other in dossier.confidence}) > 1
    return f"{label}, version {one.version}" if several else label


def _safe(one: Confidence, safe: SafeCoverage | None, *, present: bool = False) -> Sequence[str]:
    if safe is None:
        return []
    unit = _unit(one, present=present)
    accepted = number(safe.accepted_risk, "share")
    if safe.threshold is None:
        return [WORDS["trust_none"].format(unit=unit, accepted=accepted, why=safe.note)]
    return [
        WORDS["trust"].format(
            unit=unit,
            threshold=number(safe.threshold, "share"),
            coverage=number(safe.coverage, "share"),
            risk=number(safe.risk, "share"),
            high=number(safe.risk_high, "share"),
            sureness=number(safe.sureness, "share"),
            accepted=accepted,
        )
    ]


def _unit(one: Confidence, *, present: bool) -> str:
    """What is trusted: of a classifier one finding on one image, mostly that it is absent."""
    if one.task == "classification":
        return WORDS["trust_present" if present else "trust_pairs"]
    return OUTPUTS[one.task][1]


def _judged(one: Confidence) -> str:
    """What is right or wrong: an output, or one claim of it."""
    return WORDS["unit_claim" if one.monitor in OF_CLAIMS else "unit_output"]


def _sampled(one: Confidence) -> Sequence[str]:
    if one.sampled is None:
        return []
    few = one.sampled
    if few.error_stated is None:
        return [few.note] if few.note else []
    if few.stated_low is None:  # audits before kept an error that is above zero by chance too
        return []
    return [
        WORDS["sampled"].format(
            samples=few.samples,
            answers=WORDS["sampled_drafts" if one.monitor in OF_CLAIMS else "sampled_answers"],
            stated=with_interval(few.error_stated, few.stated_low, few.stated_high, "score"),
            corrected=with_interval(few.error_corrected, few.corrected_low, few.corrected_high, "score"),
        )
    ]
