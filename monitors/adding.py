"""Entries of a tally, and how they are added up: (stratum, group, cell) → int64, ascending and without zeros."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from monitors.groups import GROUPS
from monitors.piecewise import fill, pieces
from monitors.runs import starts_of_runs
from monitors.sketch import Whole
from monitors.strata import Ints, TallyError

#: Totals stay below this, so that float64 holds every one of them exactly.
LIMIT: Final = 1 << 53
#: Keys that are summed in a table of their own instead of being sorted: 16 MB, which a processor keeps close.
_DENSE: Final = 1 << 21
#: Places of such a table for every entry, above which sorting the entries is quicker than looking at every place.
_SPARSE: Final = 32


class Entries(NamedTuple):
    """Parallel columns, ascending by (stratum, group, cell), each of which is there once; no value is 0."""

    stratum: Whole
    group: Whole
    cell: Whole
    value: Ints

    @classmethod
    def room(cls, size: int) -> "Entries":
        """So many entries that are yet to be written; their memory is taken as they are."""
        stratum, cell = np.empty(size, np.int32), np.empty(size, np.int32)
        return cls(stratum, np.empty(size, np.uint8), cell, np.empty(size, np.int64))

    @classmethod
    def at(cls, key: Ints, value: Ints, cells: int) -> "Entries":
        """Entries by their keys (stratum · 256 + group) · cells + cell, in the least room that holds them."""
        rest, cell = np.divmod(key, cells)
        stratum, group = (rest // GROUPS).astype(np.int32), (rest % GROUPS).astype(np.uint8)
        return cls(stratum, group, cell.astype(np.int32), value)


def added(key: Ints, value: Ints, strata: int, cells: int) -> Entries:
    """The sums of equal keys, which may lie in any order. Raises TallyError where they could be inexact."""
    _check_exact([(key, value)], cells)
    room = strata * GROUPS * cells
    # a table no longer than the entries themselves costs less than their order, however large it is
    if 0 < room <= max(min(_DENSE, 4 * len(key)), len(key)):
        if value.min() == value.max():  # counting is a third of the time of adding
            dense = np.bincount(key, minlength=room) * value[0]
        else:
            # sums below 2**53 of integers: float64 holds each partial sum exactly, and nothing need be sorted
            dense = np.bincount(key, weights=value.astype(np.float64), minlength=room)
        kept = np.flatnonzero(dense)
        return Entries.at(kept, dense[kept].astype(np.int64), cells)
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = starts_of_runs(key)
    sums = np.add.reduceat(value[order], starts)
    return Entries.at(key[starts][sums != 0], sums[sums != 0], cells)


def merged(parts: Sequence[Entries], moves: Sequence[Ints], strata: int, cells: int) -> Entries:
    """The sum of several entries. `moves[i]`, ascending, says which stratum of the sum each stratum of part i is.

    Raises TallyError where a sum could be inexact.
    """
    _check_exact([(part.cell, part.value) for part in parts], cells)
    if strata * GROUPS * cells >= _SPARSE * sum(len(part.value) for part in parts):
        keys = [_keys(part, move[part.stratum], cells) for part, move in zip(parts, moves, strict=True)]
        return added(np.concatenate(keys), np.concatenate([part.value for part in parts]), strata, cells)
    made = Entries.room(sum(len(part.value) for part in parts))
    fill(made, _sums(parts, moves, strata, cells))
    return made


def _sums(parts: Sequence[Entries], moves: Sequence[Ints], strata: int, cells: int) -> Iterator[Entries]:
    """The sum of several entries, some strata after the other, each in a table of its own."""
    step = max(1, _DENSE // (GROUPS * cells))
    for first, some in pieces([part.stratum for part in parts], moves, strata, step):
        dense = np.zeros(step * GROUPS * cells, np.int64)
        for part, move, i in zip(parts, moves, some, strict=True):
            here = Entries(part.stratum[i], part.group[i], part.cell[i], part.value[i])
            dense[_keys(here, move[here.stratum] - first, cells)] += here.value
        kept = np.flatnonzero(dense)
        sums = Entries.at(kept, dense[kept], cells)
        yield sums._replace(stratum=sums.stratum + np.int32(first))


def _keys(part: Entries, stratum: Ints, cells: int) -> Ints:
    return (stratum * GROUPS + part.group) * cells + part.cell


def _check_exact(parts: Sequence[tuple[Whole, Ints]], cells: int) -> None:
    """Refuse what could leave the exact range, whatever the order of adding; cells may be keys of entries."""
    largest = max((max(int(value.max()), -int(value.min())) for _, value in parts if len(value)), default=0)
    if largest * sum(len(value) for _, value in parts) < LIMIT:
        return  # only then is it worth a look at every cell
    reach = np.zeros(cells)
    for cell, value in parts:
        reach += np.bincount(cell % cells, weights=np.abs(value).astype(np.float64), minlength=cells)
    if reach.max() >= LIMIT:
        raise TallyError("A total would leave the range of exact sums (2**53); tally shorter windows.")
