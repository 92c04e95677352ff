"""Rows of a judged table in the strata and patient groups where they belong."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.groups import assign
from monitors.sketch import Whole, ranked

Ints = NDArray[np.int64]


class TallyError(ValueError):
    """One clear sentence about a tally that cannot be made, added or read."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A judged table, and of each row its stratum, its patient's group and rank, and its weight.

    `subjects` are the distinct hashes of the patients, ascending: a rank is a place among them.
    """

    batch: pa.RecordBatch
    levels: tuple[tuple[str, ...], ...]
    stratum: Ints
    group: NDArray[np.uint8]
    subjects: NDArray[np.uint64]
    rank: Ints
    weight: Ints

    @classmethod
    def of(cls, table: pa.Table, strata: tuple[str, ...], seed: int) -> "Rows":
        table = table.unify_dictionaries().combine_chunks()
        levels, stratum = strata_of(table, strata)
        group, subject = assign(table["subject_id"], seed)
        batches = table.to_batches()
        if len(batches) > 1:
            raise TallyError("The judged table is too large for one pass (over 2 GB of text); tally it in parts.")
        return cls(batches[0], levels, stratum, group, *ranked(subject), table["weight"].to_numpy())


def strata_of(table: pa.Table, names: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """The sorted distinct strata of a table, and the stratum of each row."""
    code, size = np.zeros(table.num_rows, np.int64), 1
    parts: list[tuple[list[str], Ints]] = []
    for name in names:
        encoded = pc.dictionary_encode(table[name]).combine_chunks()
        if encoded.null_count:
            raise TallyError(
                f"Column {name!r} of the judged table has empty values; write '(missing)' for unknown."
            )
        words = encoded.dictionary.cast(pa.string()).to_pylist()
        index = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        if size * len(words) >> 62:  # the code would outgrow int64: as many numbers as there are strata so far
            distinct, code = ranked(code.astype(np.uint64))
            size = len(distinct)
        code, size = code * len(words) + index, size * len(words)
        parts.append((words, index))
    distinct, inverse = ranked(code.astype(np.uint64))
    first = np.empty(len(distinct), np.int64)
    first[inverse[::-1]] = np.arange(table.num_rows)[::-1]
    levels = [tuple(words[index[i]] for words, index in parts) for i in first]
    order = sorted(range(len(levels)), key=levels.__getitem__)
    rank = np.empty(len(levels), np.int64)
    rank[order] = np.arange(len(levels))
    return tuple(levels[i] for i in order), rank[inverse]


def starts_of(stratum: Whole, strata: int) -> Ints:
    """Where each stratum begins in an ascending column of strata, and where the last one ends."""
    starts: Ints = np.searchsorted(stratum, np.arange(strata + 1))
    return starts


def of_strata(starts: Ints, mask: NDArray[np.bool_]) -> Ints:
    """The places that belong to the masked strata: a slice looks at its own entries and at no others."""
    first, length = starts[:-1][mask], np.diff(starts)[mask]
    ends = np.cumsum(length)
    places: Ints = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + length, length)
    return places
