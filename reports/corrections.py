"""What reviewers' corrections say in a report: which one page one rests on, and the lines of its table."""

from collections.abc import Iterator

from reports.dossier import Correction, Dossier, Estimate
from reports.numbers import days, integer, moment, number, with_interval
from reports.text import WORDS


def correction(dossier: Dossier) -> Correction | None:
    """The correction of the current version that page one speaks of, one of the audit's own window first."""
    current = [one for one in dossier.corrections if one.version == dossier.current_version]
    return min(current, key=lambda one: not one.same_window, default=None)


def per_thousand(estimate: Estimate) -> str:
    """A share as reports in a thousand.

    >>> per_thousand(Estimate(0.0512, 0.031, 0.08))
    '51.2 [31.0–80.0]'
    """
    return f"{estimate.value * 1000:.1f} [{estimate.low * 1000:.1f}–{estimate.high * 1000:.1f}]"


def agreement(one: Correction, timezone: str) -> str:
    """How often the judge agrees with the reviewers on what, and when that was last looked at."""
    if one.agreement is None:
        return WORDS["agreement_unknown"]
    said = with_interval(one.agreement.value, one.agreement.low, one.agreement.high, "share")
    told = WORDS["agreement"].format(
        share=said, checked=moment(one.checked, timezone), window=days(one.start, one.end)
    )
    return " ".join([told, *questions(one)])


def questions(one: Correction) -> Iterator[str]:
    """The two questions whose answers are compared; nothing for an audit that compared the judge's flag."""
    if one.compared:
        yield WORDS["agreement_questions"]


def lines(one: Correction) -> Iterator[tuple[str, str]]:
    """What is estimated and its number with interval; what the reviews cannot tell is said so."""
    yield WORDS["corrected_process"], _said(one.process)
    yield WORDS["corrected_window"], _said(one.window)
    if one.powered is not None:
        yield WORDS["corrected_powered"], _said(one.powered)
    yield WORDS["judge_rate"].format(flagged=" or ".join(one.flagged)), number(one.judge_rate, "share")
    yield WORDS["judge_agreement"], _said(one.agreement)
    yield WORDS["judge_sensitivity"], _said(one.sensitivity)
    yield WORDS["judge_specificity"], _said(one.specificity)
    if one.readers_agreement is not None:
        yield WORDS["readers_agreement"], _said(one.readers_agreement)
        yield WORDS["readers_kappa"], _score(one.readers_kappa)
        yield WORDS["readers_ac1"], _score(one.readers_ac1)


def basis(one: Correction) -> str:
    """Which sample, and how many reviews of how many patients by whom."""
    said = WORDS["corrected_basis"].format(
        sample=one.sample,
        blinded=WORDS["blinded" if one.blinded else "not_blinded"],
        reviewed=integer(one.reviewed),
        patients=integer(one.patients),
        n_eff=f"{one.n_eff:.0f}",
        readers=integer(one.readers),
        window=days(one.start, one.end),
    )
    if one.read_twice:
        said += " " + WORDS["read_twice"].format(twice=integer(one.read_twice), differ=integer(one.readers_differ))
    return said


def _score(estimate: Estimate | None) -> str:
    if estimate is None:
        return WORDS["not_told"]
    return with_interval(estimate.value, estimate.low, estimate.high, "score")


def _said(estimate: Estimate | None) -> str:
    if estimate is None:
        return WORDS["not_told"]
    return with_interval(estimate.value, estimate.low, estimate.high, "share")
