"""Columns of several parts, some strata at a time, so that what is at work stays small."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Sequence[NDArray[Any]]


def pieces(stratum: Columns, moves: Columns, strata: int, step: int) -> Iterator[tuple[int, list[slice]]]:
    """Of each `step` of the `strata` of a sum, the first, and where each part's rows lie that go there.

    `stratum[i]`, ascending, are the strata of the rows of part i; `moves[i]`, ascending, says which stratum of the
    sum each of them is.
    """
    first = np.arange(0, strata + step, step)
    edges = [
        np.searchsorted(where, np.searchsorted(move, first)) for where, move in zip(stratum, moves, strict=True)
    ]
    for a, b in pairwise(range(len(first))):
        yield int(first[a]), [slice(edge[a], edge[b]) for edge in edges]


def fill(room: Columns, made: Iterable[Columns]) -> None:
    """Write what is made into columns with room for it, one after the other, and give back what was not needed."""
    size = 0
    for columns in made:
        for column, values in zip(room, columns, strict=True):
            column[size : size + len(values)] = values
        size += len(columns[0])
    for column in room:
        column.resize(size, refcheck=False)  # in place
