"""Which reports a radiologist reviews: strata by what the judge said, allocation, and selection by hash.

The sample is stratified by judge class, because most of what a rate's uncertainty costs lies where the judge
found something, and most of what the judge missed lies where it found nothing. Inclusion probabilities are
known by design and kept with the sample, so the corrected rate (`monitors.adjudication`) can undo the
stratification.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import numbers

#: What the judge said of a report: contradicted by the reference; unsupported or unaddressed only; neither;
#: no judgement at all.
CLASSES: Final = ("contradicted", "unsupported", "unflagged", "missing")

#: Share of truly fabricated reports that each class is planned with where no earlier reviews say better.
PLANNED_RATES: Final[dict[str, float]] = {
    "contradicted": 0.5,
    "unsupported": 0.3,
    "unflagged": 0.01,
    "missing": 0.1,
}

#: Where the rate of the whole is at most this, a clean stratum's prior would dominate the result, …
RARE: Final = 0.02
#: … so at least this many unflagged reports are reviewed (statistics of the simulations: ½ event in 50 clean
#: reviews adds .93 points to a rate, in 150 .31).
UNFLAGGED_WHERE_RARE: Final = 150
#: Largest share of a sample that they take where no review has shown yet that the error is rare: should it be
#: common, the uncertainty lies in the other strata.
UNFLAGGED_AT_MOST: Final = 0.75
#: Of every class that occurs, so that none is without evidence.
FEWEST: Final = 5

_MISSING: Final = ("judge_failed", "unparseable")


class ReviewSampleError(ValueError):
    """One clear sentence about a sample that cannot be drawn."""


def judge_classes(judged: pa.Table) -> NDArray[np.str_]:
    """The judge class of each row of a judged table of reports; "" for rows that nobody can review yet.

    Outputs that await their reference, and errors of the system in place of an output, are in no class:
    awaiting is a count, never a denominator. Shape: (rows,) → (rows,).
    """
    status = np.asarray(judged["status"].cast(pa.string()).to_numpy(zero_copy_only=False), dtype=np.str_)
    found = np.full(len(status), "", dtype="<U16")
    if not len(status):
        return found
    (batch,) = judged.select(["contradicted", "unsupported", "unaddressed"]).combine_chunks().to_batches()
    contradicted = numbers(batch, "contradicted") > 0
    unsupported = (numbers(batch, "unsupported") > 0) | (numbers(batch, "unaddressed") > 0)
    said = status == "judged"
    found[said] = "unflagged"
    found[said & unsupported] = "unsupported"
    found[said & contradicted] = "contradicted"
    found[np.isin(status, _MISSING)] = "missing"
    return found


def allocate(rows: Mapping[str, int], n: int, rates: Mapping[str, float] | None = None) -> dict[str, int]:
    """How many of `n` reviews each stratum gets: n_h ∝ W_h √(p_h(1 − p_h)) (Neyman), whole numbers.

    `rows` is the number of reports by stratum and `rates` the share of fabricated ones that earlier reviews show
    in each (`rates_shown`; `PLANNED_RATES` in a stratum that they do not name). Every stratum that occurs gets at
    least five, or all it has, and no stratum more than it has. The unflagged get at least 150, or all they have,
    where the rate of the whole is at most 2 %, and where no review tells how rare the error is among them: then up
    to three quarters of `n`. Raises ReviewSampleError for a sample of nothing. Source: Neyman 1934; whole numbers
    that are exactly optimal by dealing one at a time to the largest W_h√(p_h(1−p_h))/√(n_h(n_h+1)) (Wright 2012).

    >>> allocate({"contradicted": 500, "unflagged": 9500}, 200)
    {'contradicted': 42, 'unflagged': 158}
    """
    planned = _planned(rates)
    there = {name: count for name, count in rows.items() if count > 0}
    total = sum(there.values())
    if n < 1:
        raise ReviewSampleError("A review sample needs at least one report; give a larger --n.")
    if not total:
        raise ReviewSampleError("No report of this window can be reviewed: none has been judged yet.")
    n = min(n, total)
    pull = {name: count * math.sqrt(planned[name] * (1 - planned[name])) for name, count in there.items()}
    given = {name: min(count, FEWEST, n // len(there)) for name, count in there.items()}
    if needed := unflagged_needed(there, rates):
        room = n - sum(given.values()) + given["unflagged"]
        most = n if _rare(there, planned) else int(UNFLAGGED_AT_MOST * n)
        given["unflagged"] = max(given["unflagged"], min(needed, room, most))
    for _ in range(n - sum(given.values())):
        open_ = [name for name in there if given[name] < there[name]]
        first = max(open_, key=lambda name: pull[name] / math.sqrt(given[name] * (given[name] + 1) or 1e-9))
        given[first] += 1
    return given


def unflagged_needed(rows: Mapping[str, int], rates: Mapping[str, float] | None = None) -> int:
    """How many unflagged reports a sample should hold, whatever its size: 150 or all there are; 0 where reviews
    show that the error is not so rare (see `allocate`).

    >>> unflagged_needed({"contradicted": 500, "unflagged": 4500}), unflagged_needed({"unflagged": 80})
    (150, 80)
    """
    unknown = "unflagged" not in (rates or {})
    asked = unknown or _rare(rows, _planned(rates))
    return min(rows.get("unflagged", 0), UNFLAGGED_WHERE_RARE) if asked else 0


def enough(rows: Mapping[str, int], n: int, rates: Mapping[str, float] | None = None) -> int:
    """The smallest sample, of `n` or more, whose allocation holds the unflagged reports that it should.

    >>> rows = {"contradicted": 500, "unflagged": 4500}
    >>> enough(rows, 100), enough(rows, 300)
    (200, 300)
    """
    needed = unflagged_needed(rows, rates)
    while allocate(rows, n, rates).get("unflagged", 0) < needed:
        n += 1
    return n


def rates_shown(found: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    """The rates that plan the next sample: by stratum, from how many of how many reviews showed the error.

    (k + m p)/(n + m) with p the planned rate and m = ½/min(p, 1 − p): what was planned counts as half an event, as
    the prior of an interval does, so five reviews all but replace it and a clean stratum keeps a rate above 0. A
    stratum without reviews is left out.

    >>> rates_shown({"contradicted": (24, 49), "unflagged": (0, 150), "missing": (0, 0)})
    {'contradicted': 0.49, 'unflagged': 0.0025}
    """
    shown = {}
    for name, (events, reviews) in found.items():
        p = PLANNED_RATES[name]
        m = 0.5 / min(p, 1 - p)
        if reviews:
            shown[name] = (events + m * p) / (reviews + m)
    return shown


def _planned(rates: Mapping[str, float] | None) -> dict[str, float]:
    return {**PLANNED_RATES, **(rates or {})}


def _rare(rows: Mapping[str, int], planned: Mapping[str, float]) -> bool:
    """Whether the planned rate of the whole is one at which unflagged reviews decide."""
    return sum(planned[name] * count for name, count in rows.items()) <= RARE * sum(rows.values())


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows drawn, in an order that gives no stratum away, each with its inclusion probability."""

    row: NDArray[np.int64]
    probability: NDArray[np.float64]


def select(keys: Sequence[str], strata: Sequence[str], allocation: Mapping[str, int], seed: int) -> Selected:
    """The `allocation[h]` rows of each stratum whose keyed hash is smallest, and π = n_h / N_h.

    Stable: neither the order of rows nor other strata matter, and a larger sample holds the smaller one. Rows
    come in the order of a second hash: that of the draw would put the sparsely drawn strata first, and a
    reviewer could tell the judge's finding from the place. Source: permanent random numbers (Ohlsson 1995).

    >>> chosen = select(["a", "b", "c"], ["x", "x", "y"], {"x": 1, "y": 1}, seed=0)
    >>> sorted(chosen.probability.tolist())
    [0.5, 1.0]
    """
    key = seed.to_bytes(8, "little", signed=True)
    hashes = [hashlib.blake2b(name.encode(), digest_size=32, key=key, person=b"review").digest() for name in keys]
    order = sorted(range(len(keys)), key=lambda row: hashes[row][:16])
    held: dict[str, int] = {}
    for stratum in strata:
        held[stratum] = held.get(stratum, 0) + 1
    left = dict(allocation)
    chosen: list[int] = []
    for row in order:
        if left.get(strata[row], 0) > 0:
            left[strata[row]] -= 1
            chosen.append(row)
    chosen.sort(key=lambda row: hashes[row][16:])
    probability = [min(1.0, allocation[strata[row]] / held[strata[row]]) for row in chosen]
    return Selected(np.array(chosen, np.int64), np.array(probability, np.float64))
