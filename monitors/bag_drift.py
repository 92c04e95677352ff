"""Drift of bags: whether outputs use other words, or name other findings, than in the reference window.

The effect is the Jensen–Shannon distance of the shares of all entries, beside a null band. Entries of one output
go together (nobody writes "costophrenic" without "angle"), so the band comes from patients and not from counts.
"""

import math
from collections.abc import Container
from typing import Final

import numpy as np

from monitors.bags import BagSums
from monitors.drift_null import DECIMALS, FEWEST_PATIENTS, jensen_shannon, null_of
from monitors.drift_rows import ColumnDrift
from monitors.groups import Floats, leave_one_out, mean_cluster_size
from monitors.judged import GRID
from monitors.threshold import SUPPRESS_BELOW

#: Columns of the drift panel: what they hold, and their titles.
WORDS, FINDINGS = "words", "findings"
TITLES: Final = {WORDS: "Words of outputs", FINDINGS: "Findings in drafts"}
#: Entries that are named: those that moved most.
_NAMED: Final = 12
#: Outputs with an entry that either window would have without change, for it to be told apart.
_EXPECTED: Final = 5
METHOD: Final = "Jensen–Shannon distance of the shares of all entries, base 2; 95 % point under no change"


class BagError(ValueError):
    """One clear sentence about bags that cannot be compared."""


def compare(
    window: BagSums, reference: BagSums, column: str, *, may_name: Container[str] | None = None
) -> ColumnDrift:
    """Distance and null band from the sums of two windows with the same entries.

    With d the difference of the shares, JSD² ≈ dᵀAd, A = diag(1/(8 ln 2 · mean share)); the band is the 95 %
    point of that form under no change, from the delete-a-group jackknife of d (`monitors.drift_null.null_of`).
    Patients who repeat, in one window or in both, are in it.

    `categories` are the entries that moved most, with the shares of outputs that have them: of entries that at
    least 11 patients have, and only of those in `may_name` where it is given. Raises BagError below 50 patients in
    either window.
    """
    people = min(window.patients, reference.patients)
    if people[0] < FEWEST_PATIENTS:
        raise BagError(f"The outputs of one window are of {people[0]} patients; {FEWEST_PATIENTS} are needed.")
    now, then = _pooled(window.counts.astype(np.float64), reference.counts.astype(np.float64))
    used = now.sum(axis=0) + then.sum(axis=0) > 0
    p, q = (counts.sum(axis=0)[used] / counts.sum() for counts in (now, then))
    filled = (window.weights > 0) | (reference.weights > 0)
    root = 1 / np.sqrt(8 * math.log(2) * (p + q) / 2)
    null = null_of(((_rest(now[:, used]) - _rest(then[:, used])) * root)[filled])
    distance = round(float(jensen_shannon(p, q)), DECIMALS)
    band = round(math.sqrt(max(0.0, null.mean + null.above)), DECIMALS)
    told = _told(window, reference, may_name)
    return ColumnDrift(
        column=column,
        title=TITLES[column],
        item="",
        distance=distance,
        total_variation=None,
        null_high=band,
        drifted=distance > band,
        method=METHOD,
        categories=tuple(window.entries[i] for i in told),
        reference_shares=tuple(reference.shares[told].tolist()),
        window_shares=tuple(window.shares[told].tolist()),
        n_window=window.n,
        n_reference=reference.n,
        n_eff_window=_effective(window),
        n_eff_reference=_effective(reference),
        patients=people[0],
        patients_exact=people[1],
    )


def _pooled(now: Floats, then: Floats) -> tuple[Floats, Floats]:
    """Counts with rare entries among the others: fewer than five expected in either window (Cochran 1954).

    Of an entry seen once the distance is larger than the quadratic form says, so that chance alone would leave the
    band: of windows with 55 patients one in ten.
    """
    sizes = now.sum(), then.sum()
    expected = (now + then).sum(axis=0) * min(sizes) / sum(sizes)
    rare = np.r_[expected[:-2] < _EXPECTED * GRID, False, False]
    for counts in (now, then):
        counts[:, -2] += counts[:, rare].sum(axis=1)
        counts[:, rare] = 0.0
    return now, then


def _rest(counts: Floats) -> Floats:
    """Shares of the entries without each patient group, of shape (256, entries)."""
    rest = leave_one_out(counts)
    shares: Floats = rest / rest.sum(axis=1, keepdims=True)
    return shares


def _told(window: BagSums, reference: BagSums, may_name: Container[str] | None) -> list[int]:
    """Places of the entries that may be named and moved most, furthest first."""
    now, then = window.shares, reference.shares
    moved = (now - then) ** 2 / np.maximum(now + then, 1e-12)
    # patient groups that have an entry are no more than patients who do
    groups = ((window.counts > 0) | (reference.counts > 0)).sum(axis=0)
    order = np.argsort(-moved, kind="stable").tolist()
    told = [i for i in order if moved[i] > 0 and groups[i] >= SUPPRESS_BELOW]
    return [i for i in told if may_name is None or window.entries[i] in may_name][:_NAMED]


def _effective(sums: BagSums) -> float:
    """Outputs as if those of one patient were wholly alike."""
    return sums.n / mean_cluster_size(sums.weights.astype(np.float64) / GRID)
