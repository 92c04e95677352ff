"""How many distinct patients: the smallest hashes of each owner, which add up like the sums beside them.

Every subject has one hash everywhere, so the smallest of a union are among the smallest of its parts (bottom-k
sketch; Bar-Yossef et al. 2002).
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Hashes that an owner keeps: distinct patients are exact below it.
SKETCH: Final = 4096

Ints = NDArray[np.int64]
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


def smallest(owner: Ints, hashes: Hashes) -> tuple[Ints, Hashes]:
    """The `SKETCH` smallest distinct hashes of each owner, sorted by (owner, hash)."""
    distinct, rank = ranked(hashes)
    bits = len(distinct).bit_length()
    key = owner << bits  # one column to sort instead of two, in place: these are the longest arrays there are
    key |= rank
    del rank
    key.sort()
    key = key[np.r_[True, key[1:] != key[:-1]]] if len(key) else key
    owner, found = key >> bits, distinct[key & ((1 << bits) - 1)]
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else key
    lengths = np.diff(np.r_[starts, len(owner)])
    if not len(owner) or lengths.max() <= SKETCH:
        return owner, found
    kept = np.arange(len(owner)) - np.repeat(starts, lengths) < SKETCH
    return owner[kept], found[kept]


def count(codes: Ints, distinct: Hashes) -> tuple[int, bool]:
    """Distinct subjects among `codes` (places in `distinct`) of some owners, and whether that is exact.

    Exact below `SKETCH`; above, (k − 1)/U₍k₎ with U₍k₎ the k-th smallest hash on (0, 1).
    """
    if not len(codes):
        return 0, True
    seen = np.zeros(len(distinct), bool)
    seen[codes] = True
    found = np.flatnonzero(seen)
    if len(found) < SKETCH:
        return len(found), True
    # codes are ranks of the hashes, so the k-th smallest distinct code is that of the k-th smallest hash
    return round((SKETCH - 1) / (float(distinct[found[SKETCH - 1]]) / 2.0**63)), False
