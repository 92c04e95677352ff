"""What changed between two windows of a classifier: how many have the finding, or what is imaged, or the system.

Scores move for three reasons that call for different answers. Label shift: another share of patients has the
finding, and scores among those who have it and among those who have not are as before. Covariate shift: other
images come in, and a score means what it meant. Else the relation of score and label itself changed: the system,
or its labels. Four tests tell them apart as far as they can be told; the outcome is a reading, never a verdict.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.columns import LOGIT_BINS, ratio
from monitors.drift_null import clustered_band, design_effect, jensen_shannon
from monitors.groups import Floats, correlation, jackknife_covariance, leave_one_out
from monitors.intervals import filled_groups, mover, z_of
from monitors.label_shift import LEAST_EFFECTIVE, effective, if_label_shift, share_limits, within_patients
from monitors.measurement import Slice
from monitors.scores import SCORES
from monitors.selection import select
from monitors.tally import Tally, TallyError

#: Three tests decide whether anything moved, two whether scores within the classes did: each pair or triple
#: shares an error of 5 %.
_MOVED: Final = 0.05 / 3
_WITHIN: Final = 0.05 / 2
_BINS: Final = 10
_FINE: Final = 20  # bins in which a score is taken to mean one probability

NONE: Final = "none"
LABEL: Final = "label shift"
COVARIATE: Final = "covariate shift"
BOTH: Final = "both fit"
NEITHER: Final = "neither"
UNKNOWN: Final = "cannot be told"


@dataclass(frozen=True, slots=True)
class Moved:
    """Distance of one distribution to the reference window beside the band of chance at its level."""

    distance: float  # Jensen–Shannon, base 2
    band: float
    moved: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A number then and now, with the 95 % interval of the difference; `moved` by the test that decides."""

    then: float
    now: float
    low: float
    high: float
    moved: bool

    @property
    def value(self) -> float:
        return self.now - self.then


@dataclass(frozen=True, slots=True)
class Shift:
    """One finding, window against reference window. None where labels are too few, and `note` says so.

    `relation` is the observed prevalence (`now`) beside the one expected if every score meant what it meant in
    the reference window (`then`). `if_label_shift` is the prevalence if nothing but that has changed.
    """

    item: str
    reading: str
    scores: Moved
    positives: Moved | None
    negatives: Moved | None
    prevalence: Change | None
    relation: Change | None
    if_label_shift: tuple[float, float, float] | None  # estimate and 95 % interval
    n: float  # scored in the window
    labelled: float  # … of them with a label
    patients: int  # of the smaller window
    patients_exact: bool
    note: str


@dataclass(frozen=True, slots=True)
class _Side:
    """Group totals of one window in coarse bins: (256, bins) each."""

    scores: Floats
    labelled: Floats
    events: Floats


def shift(
    window: Tally,
    reference: Tally,
    *,
    version: str,
    item: str,
    reference_version: str | None = None,
    seed: int = 0,
) -> Shift | None:
    """What changed in one finding; both tallies are of the monitor `monitors.scores.SCORES`.

    - **Scores, scores among positives, among negatives**: Jensen–Shannon distance on ten bins against
      `drift_null.clustered_band` at 98.3 %, 97.5 % and 97.5 %.
    - **Prevalence**: MOVER on Jeffreys limits with the correlation over patient groups, at 98.3 %.
    - **Relation**: rates by bin of the reference give the expected positives of the window's labelled rows;
      observed minus expected, and its slope over the bins, by Hotelling's T² at 98.3 % on the jackknife that
      leaves a patient group out of both windows.

    None moved of scores, prevalence and relation: "none". Else label shift fits where the prevalence moved and
    neither class did, covariate shift where the relation did not; one, both or neither is the reading. None where
    a window has no scores; raises TallyError for other tallies.

    Sources: Saerens et al. 2002; Lipton et al. 2018; Storkey 2009.
    """
    if not window.monitor == reference.monitor == SCORES.name or window.seed != reference.seed:
        raise TallyError("A shift is read from two tallies of the monitor 'scores' with one seed; make them anew.")
    chosen = select(window, Slice(), version=version, item=item)
    before = select(reference, Slice(), version=reference_version or version, item=item)
    totals = window.group_totals(chosen), reference.group_totals(before)
    place = coarse_bins(totals[1].sum(axis=0))
    now, then = (_side(one, place) for one in totals)
    if not (now.scores.sum() > 0 and then.scores.sum() > 0):
        return None
    cell = (SCORES.cells.index("scored"),)
    people = min(window.patients(chosen, cell), reference.patients(before, cell))
    sown = _seed(seed, item)
    scores = _moved(_halved(now.scores), _halved(then.scores), _MOVED, sown)
    note = _too_few(now, then)
    positives, negatives, prevalence, relation = (None,) * 4 if note else _by_label(now, then, sown)
    return Shift(
        item=item,
        reading=_reading(scores, positives, negatives, prevalence, relation),
        scores=scores,
        positives=positives,
        negatives=negatives,
        prevalence=prevalence,
        relation=relation,
        if_label_shift=if_label_shift(*totals),
        n=float(now.scores.sum()),
        labelled=float(now.labelled.sum()),
        patients=people[0],
        patients_exact=people[1],
        note=note,
    )


def coarse_bins(then: Floats) -> NDArray[np.int64]:
    """The coarse bin (0 … 19) of each bin of the logit grid, from the reference's totals (cells,).

    Edges are quantiles of positives and negatives in equal parts, so that both are resolved whatever the
    prevalence; without labels of both, of all scores.
    """
    events = SCORES.block(then, "event")
    others = SCORES.block(then, "labelled") - events
    if events.sum() > 0 and others.sum() > 0:
        weight = (events / events.sum() + others / others.sum()) / 2
    else:
        every = _scored(then)
        weight = ratio(every, every.sum())
    seen = np.flatnonzero(weight > 0)
    if not len(seen):
        return np.zeros(LOGIT_BINS, np.int64)
    middle = (np.cumsum(weight) - weight / 2)[seen]
    # rounded, so that an edge does not hang on the last bit of a sum
    bins = np.minimum(np.floor(np.round(middle * _FINE, 9)).astype(np.int64), _FINE - 1)
    last = np.searchsorted(seen, np.arange(LOGIT_BINS), side="right") - 1
    place: NDArray[np.int64] = bins[np.maximum(last, 0)]  # what the reference never saw goes with its neighbour
    return place


def _by_label(now: _Side, then: _Side, seed: int) -> tuple[Moved, Moved, Change, Change]:
    positives = _moved(_halved(now.events), _halved(then.events), _WITHIN, seed + 1)
    healthy = [_halved(side.labelled - side.events) for side in (now, then)]
    negatives = _moved(healthy[0], healthy[1], _WITHIN, seed + 2)
    return positives, negatives, _prevalence(now, then), _relation(now, then)


def _reading(
    scores: Moved,
    positives: Moved | None,
    negatives: Moved | None,
    prevalence: Change | None,
    relation: Change | None,
) -> str:
    if positives is None or negatives is None or prevalence is None or relation is None:
        return UNKNOWN
    if not (scores.moved or prevalence.moved or relation.moved):
        return NONE
    label = prevalence.moved and not (positives.moved or negatives.moved)
    covariate = not relation.moved
    if label and covariate:
        return BOTH
    return LABEL if label else COVARIATE if covariate else NEITHER


def _moved(now: Floats, then: Floats, alpha: float, seed: int) -> Moved:
    p, q = (counts.sum(axis=0) / counts.sum() for counts in (now, then))
    sizes = [float(counts.sum()) / design_effect(counts) for counts in (now, then)]
    distance = float(jensen_shannon(p, q))
    band = clustered_band(now, then, sizes[0], sizes[1], seed, 1 - alpha)
    return Moved(distance, band, distance > band)


def _prevalence(now: _Side, then: _Side) -> Change:
    """The share of positives among labelled rows; the reference gives the correlation within patients."""
    sides = [(side.events.sum(axis=1), side.labelled.sum(axis=1)) for side in (now, then)]
    rho = within_patients(*sides[1])
    r = correlation(*(ratio(leave_one_out(k), leave_one_out(n)) for k, n in sides))
    first, second = (share_limits(k, n, rho) for k, n in sides)
    low, high = mover(first, second, r)
    ends = mover(share_limits(*sides[0], rho, _MOVED), share_limits(*sides[1], rho, _MOVED), r)
    return Change(second[0], first[0], low, high, not ends[0] <= 0 <= ends[1])


def _relation(now: _Side, then: _Side) -> Change:
    """Observed against expected positives among the labelled rows of the window, in level and slope together."""
    total = _residuals(*(x.sum(axis=0) for x in (now.labelled, now.events, then.labelled, then.events)))
    sides = (now.labelled, now.events, then.labelled, then.events)
    without = _residuals(*map(leave_one_out, sides))
    filled = filled_groups(now.labelled) | filled_groups(then.labelled)
    V = jackknife_covariance(without, filled)
    half = z_of(0.05) * math.sqrt(V[0, 0])
    value = float(total[0])
    seen = float(now.events.sum() / now.labelled.sum())
    # Hotelling's T² on the patients (groups) of the rarer class of the smaller window
    freedom = min(_class_groups(side) for side in (now, then)) - 1
    square = float(total @ np.linalg.pinv(V, rcond=1e-9, hermitian=True) @ total)
    limit = 2 * freedom / (freedom - 1) * float(special.fdtri(2, freedom - 1, 1 - _MOVED))
    return Change(seen - value, seen, value - half, value + half, square > limit)


def _residuals(labelled: Floats, events: Floats, before: Floats, events_before: Floats) -> Floats:
    """Observed minus expected share of positives and its slope over the bins, (..., bins) each, to (..., 2)."""
    rates = np.where(before > 0, events_before / np.where(before > 0, before, 1.0), 0.0)
    apart = events - labelled * rates
    place = (np.arange(apart.shape[-1]) + 0.5) / apart.shape[-1] - 0.5
    n = labelled.sum(axis=-1)
    made: Floats = np.stack([ratio(apart.sum(axis=-1), n), ratio((apart * place).sum(axis=-1), n)], axis=-1)
    return made


def _class_groups(side: _Side) -> int:
    events, labelled = side.events.sum(axis=1), side.labelled.sum(axis=1)
    return int(min((events > 0).sum(), (labelled - events > 0).sum()))


def _too_few(now: _Side, then: _Side) -> str:
    """Why the labels cannot tell, or an empty string."""
    for side, where in ((now, "this window"), (then, "the reference window")):
        events, labelled = side.events.sum(axis=1), side.labelled.sum(axis=1)
        for counts, name in ((events, "positives"), (labelled - events, "negatives")):
            if effective(counts) < LEAST_EFFECTIVE:
                return f"fewer than an effective {LEAST_EFFECTIVE:.0f} labelled {name} in {where}"
    return ""


def _side(totals: Floats, place: NDArray[np.int64]) -> _Side:
    blocks = (_scored(totals), SCORES.block(totals, "labelled"), SCORES.block(totals, "event"))
    return _Side(*(_merged(block, place) for block in blocks))


def _scored(totals: Floats) -> Floats:
    flagged, clear, undecided = (SCORES.block(totals, name) for name in ("flagged", "clear", "undecided"))
    every: Floats = flagged + clear + undecided
    return every


def _merged(block: Floats, place: NDArray[np.int64]) -> Floats:
    """Counts (256, 480) in the coarse bins, (256, 20)."""
    merged: Floats = np.stack([block[:, place == b].sum(axis=1) for b in range(_FINE)], axis=1)
    return merged


def _halved(counts: Floats) -> Floats:
    """Twenty bins as the ten that distances are taken on."""
    pairs: Floats = counts.reshape(len(counts), _BINS, -1).sum(axis=2)
    return pairs


def _seed(seed: int, item: str) -> int:
    """A seed of its own for each finding, the same in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/shift/{item}".encode(), digest_size=7).digest(), "little")
