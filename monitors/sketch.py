"""How many distinct patients: the smallest hashes of each owner, which add up like the sums beside them.

Every subject has one hash everywhere, so the smallest of a union are among the smallest of its parts (bottom-k
sketch; Bar-Yossef et al. 2002).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Hashes that an owner keeps: distinct patients are exact below it.
SKETCH: Final = 4096

#: Subjects that are sorted together, unless one stratum has more.
_TOGETHER: Final = 1 << 18

Ints = NDArray[np.int64]
Whole = NDArray[np.integer[Any]]
Hashes = NDArray[np.uint64]


def ranked(hashes: Hashes) -> tuple[Hashes, Ints]:
    """The distinct hashes, ascending, and the rank of each hash among them.

    >>> [made.tolist() for made in ranked(np.array([7, 3, 7], np.uint64))]
    [[3, 7], [1, 0, 1]]
    """
    # the few distinct ones are sorted, found by a hash table: a fifth of the time of sorting them all
    encoded = pc.dictionary_encode(pa.array(hashes))
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return distinct[order], rank[encoded.indices.to_numpy()]


def smallest(owner: Ints, rank: Whole, distinct: int) -> tuple[Ints, Whole]:
    """The `SKETCH` smallest distinct ranks of each owner, sorted by (owner, rank); ranks are below `distinct`.

    >>> [made.tolist() for made in smallest(np.array([1, 0, 1, 1]), np.array([2, 1, 0, 2]), 3)]
    [[0, 1, 1], [1, 0, 2]]
    """
    if not len(owner):
        return owner, rank
    bits = distinct.bit_length()
    key = owner << bits  # one column to sort instead of two, in place: these are the longest arrays there are
    key |= rank
    key.sort()
    fresh = np.empty(len(key), bool)
    fresh[0] = True
    np.not_equal(key[1:], key[:-1], out=fresh[1:])
    key = key[fresh]
    owner = key >> bits
    key &= (1 << bits) - 1
    rank = key.astype(np.int32)
    if len(owner) <= SKETCH:
        return owner, rank
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    lengths = np.diff(np.r_[starts, len(owner)])
    if lengths.max() <= SKETCH:
        return owner, rank
    kept = np.arange(len(owner)) - np.repeat(starts, lengths) < SKETCH
    return owner[kept], rank[kept]


class Subjects(NamedTuple):
    """Sets of subjects by owner: `owner` and `rank` are parallel, ascending by (owner, rank).

    A rank is a place in `distinct`, the hashes in ascending order.
    """

    owner: Ints
    rank: Whole
    distinct: Hashes

    @classmethod
    def none(cls) -> "Subjects":
        """Nobody's."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.uint64))

    def compact(self) -> "Subjects":
        """The same without hashes that belong to nobody: what a full set gave up would add up for ever."""
        seen = np.zeros(len(self.distinct), bool)
        seen[self.rank] = True
        if seen.all():
            return self
        place = (np.cumsum(seen) - 1).astype(np.int32)
        return Subjects(self.owner, place[self.rank], self.distinct[seen])


def united(parts: Sequence[Subjects], moves: Sequence[Ints], strata: int, width: int) -> Subjects:
    """The `SKETCH` smallest of each owner over all parts; an owner is stratum · width + kind.

    `moves[i]`, ascending, says which of the `strata` of the union each stratum of part i is.
    """
    distinct, _ = ranked(np.concatenate([part.distinct for part in parts]))
    ranks = [np.searchsorted(distinct, part.distinct) for part in parts]
    most = sum(len(part.owner) for part in parts)
    # some strata at a time: what is sorted stays close to the processor, and no part is copied as a whole
    step = max(1, strata * _TOGETHER // max(1, most))
    first = np.arange(0, strata + step, step)
    own = [np.searchsorted(move, first) for move in moves]  # the strata of each part where a range begins
    starts = [
        np.searchsorted(part.owner, np.arange(len(move) + 1) * width)
        for part, move in zip(parts, moves, strict=True)
    ]
    shifts = [(move - np.arange(len(move))) * width for move in moves]
    owners, found, size = np.empty(most, np.int64), np.empty(most, np.int32), 0
    for a, b in pairwise(range(len(first))):
        owner, rank = [], []
        for part, places, shift, start, low in zip(parts, ranks, shifts, starts, own, strict=True):
            edges = start[low[a] : low[b] + 1]
            here = slice(edges[0], edges[-1])
            owner.append(part.owner[here] + np.repeat(shift[low[a] : low[b]], np.diff(edges)))
            rank.append(places[part.rank[here]])
        of, place = smallest(np.concatenate(owner), np.concatenate(rank), len(distinct))
        owners[size : size + len(of)], found[size : size + len(of)] = of, place
        size += len(of)
    for column in (owners, found):
        column.resize(size, refcheck=False)  # in place: what was not needed is given back
    return Subjects(owners, found, distinct).compact()


def count_all(smallest: Hashes) -> tuple[int, bool]:
    """Distinct subjects of one owner, from the smallest of their distinct hashes, ascending: see `count`."""
    return count(np.arange(len(smallest)), smallest)


def count(codes: Whole, distinct: Hashes) -> tuple[int, bool]:
    """Distinct subjects among `codes` (places in `distinct`) of some owners, and whether that is exact.

    Exact below `SKETCH`; above, (k − 1)/U₍k₎ with U₍k₎ the k-th smallest hash on (0, 1).
    """
    if not len(codes):
        return 0, True
    seen = np.zeros(len(distinct), bool)
    seen[codes] = True
    number = int(np.count_nonzero(seen))
    if number < SKETCH:
        return number, True
    likely = 2 * SKETCH * len(seen) // number  # hashes are drawn at random: the smallest are found in the front
    found = np.flatnonzero(seen[:likely])
    if len(found) < SKETCH:
        found = np.flatnonzero(seen)
    # codes are ranks of the hashes, so the k-th smallest distinct code is that of the k-th smallest hash
    return round((SKETCH - 1) / (float(distinct[found[SKETCH - 1]]) / 2.0**63)), False
