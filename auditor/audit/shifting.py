"""What lies behind a change of a classifier's scores: other patients, other images, or the system itself."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitors.shift import Change, Moved, Shift, shift
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Estimate, Movement, ScoreShift, ShiftedRate


def shifts_of(
    tally: Tally, reference: Tally, version: str, reference_version: str, items: Sequence[str], seed: int
) -> Iterator[ScoreShift]:
    """Every finding of a window against the reference window; those of fewer than eleven patients are left out."""
    for item in items:
        one = shift(tally, reference, version=version, item=item, reference_version=reference_version, seed=seed)
        if one is not None and one.patients >= SUPPRESS_BELOW:
            yield _shown(one, version, reference_version)


def recorded_shift(one: Mapping[str, Any]) -> ScoreShift:
    """A shift from what the audit wrote into its details."""
    moved = {name: Movement(**one[name]) if one[name] else None for name in ("positives", "negatives")}
    rates = {name: ShiftedRate(**one[name]) if one[name] else None for name in ("prevalence", "relation")}
    if_label = Estimate(**one["if_label_shift"]) if one["if_label_shift"] else None
    scores = Movement(**one["scores"])
    return ScoreShift(**{**one, **moved, **rates, "scores": scores, "if_label_shift": if_label})


def _shown(one: Shift, version: str, reference_version: str) -> ScoreShift:
    return ScoreShift(
        version=version,
        reference_version=reference_version,
        item=one.item,
        reading=one.reading,
        scores=_movement(one.scores),
        positives=_movement(one.positives) if one.positives else None,
        negatives=_movement(one.negatives) if one.negatives else None,
        prevalence=_rate(one.prevalence),
        relation=_rate(one.relation),
        if_label_shift=Estimate(*one.if_label_shift) if one.if_label_shift else None,
        n=one.n,
        labelled=one.labelled,
        patients=one.patients,
        note=one.note,
    )


def _movement(one: Moved) -> Movement:
    return Movement(one.distance, one.band, one.moved)


def _rate(one: Change | None) -> ShiftedRate | None:
    if one is None or not (math.isfinite(one.low) and math.isfinite(one.high)):
        return None
    return ShiftedRate(one.then, one.now, one.value, one.low, one.high, one.moved)
