"""What reviews add to an audit: the corrected rate of its window and version, and how good the judge is.

A sample is used where it belongs to the audit's judge and version and to a window that does not end later. One
of the audit's own window corrects the audit's rate; one of an earlier window says only how well the judge did
when it was last checked, since its rates are those of its own window. Of several one is used, the best: samples
overlap (a larger one holds much of a smaller one), so they are not pooled.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.audit.scope import Scope
from auditor.reviews import correct as reviews
from auditor.reviews.questions import COUNTS
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.ledger import Ledger
from monitors.adjudication import Corrected
from monitors.judge_accuracy import Accuracy
from monitors.reviewed import AdjudicationError
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Correction, Estimate

#: Effective reviews below which a corrected rate stands in no report (the floor of a rate).
FEWEST: Final = 30
_BETWEEN: Final = ("readers_agreement", "readers_kappa", "readers_ac1")


def reviews_digest(ledger: Ledger, scope: Scope, judge: str) -> str:
    """The name of all reviews that an audit by this judge may use, for its build key; empty where there is none.

    Reviews are never changed, so their numbers name them.
    """
    used = []
    for sample in _fitting(ledger, scope, judge):
        query = sa.select(t.reviews.c.id).where(t.reviews.c.sample == sample.id, t.reviews.c.at <= scope.as_of)
        if rows := ledger.read(query.order_by(t.reviews.c.id)):
            used.append([sample.id, [row["id"] for row in rows]])
    return digest_of(sorted(used)) if used else ""


def correction_of(ledger: Ledger, scope: Scope, judge: str, version: str) -> Correction | None:
    """The best usable correction: of the audit's own window if there is one, else of an earlier one.

    Usable is one of at least 30 effective reviews of at least 11 patients. Of those a blinded sample comes before
    one whose reviewers saw the judge's finding, since they lean towards it; then the most effective reviews, then
    the newer. None where there is none.
    """
    found = []
    for sample in _fitting(ledger, scope, judge):
        if sample.version != version:
            continue
        try:
            found.append(reviews.correct(ledger, sample, seed=scope.settings.seed, as_of=scope.as_of))
        except AdjudicationError:  # nothing of it was answered by then
            continue
    usable = [one for one in found if one.process.n_eff >= FEWEST and one.process.patients >= SUPPRESS_BELOW]
    if not usable:
        return None

    def order(one: reviews.Correction) -> tuple[bool, bool, float]:
        return one.sample.window != scope.window, not one.sample.blinded, -one.process.n_eff

    best = min(usable, key=order)  # the first of equals, which is the newest
    return _as_reported(best, same_window=best.sample.window == scope.window, others=len(found) - 1)


def recorded_correction(one: Mapping[str, Any]) -> Correction:
    """A correction as a report shows it, from what the audit wrote into its details."""
    rates = ("process", "window", "powered", "agreement", "sensitivity", "specificity", *_BETWEEN)
    days = {name: date.fromisoformat(one[name]) if one[name] else None for name in ("start", "end")}
    return Correction(
        **{
            **one,
            **days,
            **{name: Estimate(**one[name]) if one[name] else None for name in rates},
            "checked": datetime.fromisoformat(one["checked"]),
            "flagged": tuple(one["flagged"]),
            "notes": tuple(one["notes"]),
        }
    )


def _fitting(ledger: Ledger, scope: Scope, judge: str) -> list[reviews.Sample]:
    """Samples of this judge whose window does not end after the audit's, the newest first."""
    last = scope.window.end or date.max
    return [
        sample
        for sample in reviews.samples(ledger, scope.system)
        if sample.judge == judge and (sample.window == scope.window or (sample.window.end or date.max) <= last)
    ]


def _as_reported(found: reviews.Correction, *, same_window: bool, others: int) -> Correction:
    rate = found.process
    aside = (
        "other reviewed samples of this judge and version, not pooled with this one (a blinded one is used first, "
        f"then the one of the most effective reviews, then the newer): {others}"
    )
    return Correction(
        sample=found.sample.id,
        task=found.sample.task,
        version=found.sample.version,
        start=found.sample.window.start,
        end=found.sample.window.end,
        same_window=same_window,
        checked=found.newest,
        blinded=found.sample.blinded,
        reviewed=rate.reviewed,
        skipped=rate.skipped,
        patients=rate.patients,
        n_eff=rate.n_eff,
        readers=found.readers,
        read_twice=found.twice,
        readers_differ=found.split,
        flagged=found.sample.frame.flagged,
        judge_rate=found.judge_rate,
        process=_estimate(found.process),
        window=_estimate(found.window),
        powered=_estimate(found.powered) if found.powered else None,
        agreement=_known(found.accuracy.agreement),
        sensitivity=_known(found.accuracy.sensitivity),
        specificity=_known(found.accuracy.specificity),
        **_between(found),
        notes=(*found.notes, aside) if others else found.notes,
        compared=" or ".join(COUNTS[found.question]) if found.question in found.sample.yes else "",
    )


def _between(found: reviews.Correction) -> dict[str, Estimate | None]:
    """How two readers of the same items agree with each other."""
    if found.between is None:
        return dict.fromkeys(_BETWEEN)
    made = (found.between.agreement, found.between.kappa, found.between.ac1)
    return {
        name: Estimate(one.value, one.low, one.high)
        if math.isfinite(one.value) and math.isfinite(one.low)
        else None
        for name, one in zip(_BETWEEN, made, strict=True)
    }


def _estimate(rate: Corrected | Accuracy) -> Estimate:
    return Estimate(rate.value, rate.low, rate.high)


def _known(rate: Accuracy) -> Estimate | None:
    return None if math.isnan(rate.value) else _estimate(rate)
