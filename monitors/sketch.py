"""How many distinct patients: the smallest hashes of each stratum, which add up like the sums beside them.

Every subject has one hash everywhere, so the smallest of a union are among the smallest of its parts (bottom-k
sketch; Bar-Yossef et al. 2002).
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.piecewise import fill, pieces
from monitors.runs import starts_of_runs

#: Hashes that a stratum keeps of a kind of patients: their distinct number is exact below it.
SKETCH: Final = 4096

#: Subjects that are sorted together, unless one stratum has more.
_TOGETHER: Final = 1 << 18

Ints = NDArray[np.int64]
Whole = NDArray[np.integer[Any]]
Hashes = NDArray[np.uint64]
Kinds = NDArray[np.uint32]


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


def smallest(stratum: Ints, rank: Ints, kinds: Kinds, width: int) -> tuple[Whole, Whole, Kinds]:
    """Who keeps which of `width` kinds: of each kind the `SKETCH` smallest distinct ranks of each stratum.

    A kind is a bit of `kinds`, and everybody has the lowest. Made are the same columns, ascending by stratum and
    rank, each pair once and with all of its kinds.

    >>> rows = [1, 0, 1, 1], [2, 1, 0, 2], [0b11, 0b1, 0b1, 0b101]
    >>> [made.tolist() for made in smallest(*map(np.array, rows), 3)]
    [[0, 1, 1], [1, 0, 2], [1, 1, 7]]
    """
    if not len(stratum):
        return Subjects.none()[:3]
    bits = width + int(rank.max()).bit_length()
    if bits + int(stratum.max()).bit_length() > 63:
        raise OverflowError("too many strata and patients for one tally")
    key = (stratum << bits) | (rank << width) | kinds  # one column to sort instead of three, in place
    key.sort()
    # who is there several times differs in the kinds alone
    key = np.bitwise_or.reduceat(key, starts_of_runs(key >> width))
    stratum, kinds = (key >> bits).astype(np.int32), (key & ((1 << width) - 1)).astype(np.uint32)
    rank = ((key >> width) & ((1 << (bits - width)) - 1)).astype(np.int32)
    starts = starts_of_runs(stratum)
    lengths = np.diff(np.r_[starts, len(stratum)])
    if lengths.max() <= SKETCH:
        return stratum, rank, kinds
    kept = _first_of_each(kinds, starts, lengths, width)
    return stratum[kept != 0], rank[kept != 0], kept[kept != 0]


def _first_of_each(kinds: Kinds, starts: Ints, lengths: Ints, width: int) -> Kinds:
    """The kinds without those that `SKETCH` before them have, in each run of `lengths` from `starts` on."""
    kept = np.zeros_like(kinds)
    for kind in range(width):
        has = (kinds >> kind) & 1
        before = np.cumsum(has) - has
        kept |= (has & (before - np.repeat(before[starts], lengths) < SKETCH)).astype(kinds.dtype) << kind
    return kept


class Subjects(NamedTuple):
    """Sets of subjects by stratum and kind: the first three are parallel, ascending by (stratum, rank).

    A rank is a place in `distinct`, the hashes in ascending order. What somebody counts as is a bit of `kinds`,
    the lowest for everybody: who counts as several is there once.
    """

    stratum: Whole
    rank: Whole
    kinds: Kinds
    distinct: Hashes

    @classmethod
    def none(cls) -> "Subjects":
        """Nobody's."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint32), np.empty(0, np.uint64))

    def compact(self) -> "Subjects":
        """The same without hashes that belong to nobody: what a full set gave up would add up for ever."""
        seen = np.zeros(len(self.distinct), bool)
        seen[self.rank] = True
        if seen.all():
            return self
        place = (np.cumsum(seen) - 1).astype(np.int32)
        return self._replace(rank=place[self.rank], distinct=self.distinct[seen])


def united(parts: Sequence[Subjects], moves: Sequence[Ints], strata: int, width: int) -> Subjects:
    """The `SKETCH` smallest of each stratum and kind over all parts.

    `moves[i]`, ascending, says which of the `strata` of the union each stratum of part i is.
    """
    distinct = np.concatenate([part.distinct for part in parts])
    distinct.sort(kind="stable")  # which merges what is ascending already
    distinct = distinct[starts_of_runs(distinct)]
    ranks = [np.searchsorted(distinct, part.distinct) for part in parts]
    most = sum(len(part.rank) for part in parts)
    step = max(1, strata * _TOGETHER // max(1, most))
    made = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.uint32)
    fill(
        made,
        (
            smallest(
                np.concatenate([move[part.stratum[i]] for part, move, i in zip(parts, moves, some, strict=True)]),
                np.concatenate([places[part.rank[i]] for part, places, i in zip(parts, ranks, some, strict=True)]),
                np.concatenate([part.kinds[i] for part, i in zip(parts, some, strict=True)]),
                width,
            )
            for _, some in pieces([part.stratum for part in parts], moves, strata, step)
        ),
    )
    return Subjects(*made, distinct).compact()


def count_all(smallest: Hashes) -> tuple[int, bool]:
    """Distinct subjects of one set, from the smallest of their distinct hashes, ascending: see `count`."""
    return count(np.arange(len(smallest)), smallest)


def count(codes: Whole, distinct: Hashes) -> tuple[int, bool]:
    """Distinct subjects among `codes` (places in `distinct`) of some strata, and whether that is exact.

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
