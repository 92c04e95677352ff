"""The tally: exact additive sums by patient group and stratum, the only state a monitor has.

A tally is a sparse table (stratum, group, cell) → int64 in canonical order, and per stratum the
smallest subject hashes. Adding is concatenating and summing equal keys, so any partition of the rows, in any
order, in one process or many, gives the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.adding import Entries, added, merged
from monitors.groups import GROUPS, Floats
from monitors.judged import GRID
from monitors.measurement import Interval
from monitors.monitor import Contributions, Monitor
from monitors.packing import PackingError, packed, unpacked
from monitors.sketch import SKETCH, Subjects, count, smallest, united
from monitors.strata import Ints, Rows, TallyError, of_strata, starts_of

__all__ = ["SKETCH", "Tally", "TallyError", "people_cells"]

#: Cells in which a monitor may count its patients: each is a bit beside that of everybody.
_MOST_PEOPLE: Final = 15


def people_cells(monitor: Monitor) -> list[int]:
    """The cells in which a measure counts its patients: every denominator, and both sides of an AUROC."""
    names = {measure.denominator for measure in monitor.measures}
    names |= {m.numerator for m in monitor.measures if m.interval is Interval.LOGIT}
    return [i for i, cell in enumerate(monitor.cells) if cell in names]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Exact sums of one monitor. Arrays are never written to after construction.

    `levels[i]` are the values of the strata columns of stratum i, ascending. `subjects` are at most `SKETCH` a
    stratum and kind, and no hash is there that belongs to none. Their kind 0 are all subjects of the stratum, kind
    1 + i those who have a value in cell `people[i]`.
    """

    monitor: str
    monitor_version: int
    cells: int
    people: tuple[int, ...]
    strata: tuple[str, ...]
    seed: int
    levels: tuple[tuple[str, ...], ...]
    sums: Entries
    subjects: Subjects
    _masks: dict[tuple[str, str], NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)
    _whole: list[Floats] = field(default_factory=list, init=False, repr=False)
    _begins: list[Ints] = field(default_factory=list, init=False, repr=False)
    _people_begin: list[Ints] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def zero(cls, monitor: Monitor, strata: Sequence[str], seed: int = 0) -> "Tally":
        """The tally of no rows: the identity of addition."""
        names = tuple(strata)
        if "version" not in names or "item" not in names:
            raise TallyError(
                "The strata of a tally must name 'version' and 'item'; measurements never pool versions."
            )
        people = tuple(people_cells(monitor))
        if len(people) > _MOST_PEOPLE:
            raise TallyError(f"Monitor {monitor.name} counts its patients in more than {_MOST_PEOPLE} cells.")
        kind = (monitor.name, monitor.version, len(monitor.cells), people, names, seed)
        return cls(*kind, (), Entries.room(0), Subjects.none())

    @classmethod
    def of(cls, monitor: Monitor, table: pa.Table, strata: Sequence[str], seed: int = 0) -> "Tally":
        """Tally the rows of `table` (schema `monitors.judged`).

        All rows of an output must be in the same table: some monitors judge an output over its findings.
        """
        return cls.of_each([monitor], table, strata, seed)[0]

    @classmethod
    def of_each(
        cls, monitors: Sequence[Monitor], table: pa.Table, strata: Sequence[str], seed: int = 0
    ) -> list["Tally"]:
        """The tally of each monitor of the same rows: whose they are and where they belong is found once."""
        zeros = [cls.zero(monitor, strata, seed) for monitor in monitors]
        missing = [name for name in (*strata, "subject_id", "weight") if name not in table.column_names]
        if missing and monitors:
            raise TallyError(
                f"The judged table has no column {missing[0]!r}; it is needed to tally {monitors[0].name}."
            )
        if not table.num_rows or not monitors:
            return zeros
        rows = Rows.of(table, zeros[0].strata, seed)
        return [_tallied(zero, monitor, rows) for zero, monitor in zip(zeros, monitors, strict=True)]

    @classmethod
    def merge(cls, tallies: Sequence["Tally"]) -> "Tally":
        """The sum of one or more tallies of the same monitor, strata and seed."""
        if not tallies:
            raise TallyError("Merging needs at least one tally; use Tally.zero for none.")
        first = tallies[0]
        for other in tallies[1:]:
            first._check_same_kind(other)
        if len(tallies) == 1:
            return first
        levels = tuple(sorted(set().union(*(t.levels for t in tallies))))
        place = {level: i for i, level in enumerate(levels)}
        moves = [np.array([place[level] for level in t.levels], np.int64) for t in tallies]
        sums = merged([t.sums for t in tallies], moves, len(levels), first.cells)
        subjects = united([t.subjects for t in tallies], moves, len(levels), len(first.people) + 1)
        return replace(first, levels=levels, sums=sums, subjects=subjects)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally.merge([self, other])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return self._header() == other._header() and all(
            np.array_equal(a, b) for a, b in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # equal by content, and the content is large

    def values(self, name: str) -> tuple[str, ...]:
        """The values seen in one strata column, ascending."""
        return tuple(sorted({level[self._column(name)] for level in self.levels}))

    def where(self, **conditions: str) -> NDArray[np.bool_]:
        """Which strata have the given values, as a mask over `levels`."""
        mask = np.ones(len(self.levels), dtype=bool)
        for name, value in conditions.items():
            mask &= self._is(name, value)
        return mask

    def _is(self, name: str, value: str) -> NDArray[np.bool_]:
        """Mask of the strata whose `name` is `value`; remembered, since every slice asks for the same few."""
        if (name, value) not in self._masks:
            column = self._column(name)
            self._masks[name, value] = np.array([level[column] == value for level in self.levels], dtype=bool)
        return self._masks[name, value]

    def only(self, mask: NDArray[np.bool_]) -> "Tally":
        """The tally of the masked strata alone."""
        move = np.cumsum(mask) - 1
        stratum, group, cell, value = self.sums
        subjects = self.subjects
        kept, here = mask[stratum], mask[subjects.stratum]
        return replace(
            self,
            levels=tuple(level for level, keep in zip(self.levels, mask, strict=True) if keep),
            sums=Entries(move[stratum[kept]], group[kept], cell[kept], value[kept]),
            subjects=Subjects(
                move[subjects.stratum[here]], subjects.rank[here], subjects.kinds[here], subjects.distinct
            ).compact(),
        )

    def group_totals(self, mask: NDArray[np.bool_] | None = None) -> Floats:
        """Totals by patient group over the masked strata, in units, of shape (256, cells)."""
        totals: Floats = self._sums(mask).reshape(GROUPS, self.cells) / GRID
        return totals

    def _sums(self, mask: NDArray[np.bool_] | None) -> Floats:
        """Group totals on the grid, flat. What is more than half is the whole without the other part: exactly,
        since sums below 2**53 of integers are exact in float64."""
        if not self._begins:
            self._begins.append(starts_of(self.sums.stratum, len(self.levels)))
        starts = self._begins[0]
        if mask is None or mask.all():
            if not self._whole:
                self._whole.append(self._summed(slice(None)))
            return self._whole[0]
        if 2 * int(np.diff(starts)[mask].sum()) > len(self.sums.value):
            return self._sums(None) - self._summed(of_strata(starts, ~mask))
        return self._summed(of_strata(starts, mask))

    def _summed(self, kept: Ints | slice) -> Floats:
        keys = self.sums.group[kept].astype(np.int64) * self.cells + self.sums.cell[kept]
        weights = self.sums.value[kept].astype(np.float64)
        sums: Floats = np.bincount(keys, weights=weights, minlength=GROUPS * self.cells).astype(np.float64)
        return sums

    def patients(self, mask: NDArray[np.bool_] | None = None, cells: tuple[int, ...] = ()) -> tuple[int, bool]:
        """Distinct patients over the masked strata, and whether the count is exact.

        With `cells` (indices of cells, each among `people`), those with a value in any of them.

        Exact below `SKETCH`, else an estimate (`monitors.sketch.count`).
        """
        stratum, rank, kinds, distinct = self.subjects
        asked = np.uint32(sum(1 << (1 + self.people.index(cell)) for cell in set(cells)) or 1)
        if mask is not None:
            if not self._people_begin:
                self._people_begin.append(starts_of(stratum, len(self.levels)))
            here = of_strata(self._people_begin[0], mask)
            rank, kinds = rank[here], kinds[here]
        return count(rank[kinds & asked != 0], distinct)

    def to_bytes(self) -> bytes:
        """Canonical bytes: equal tallies give equal bytes."""
        stratum, group, cell, value = self.sums
        where, rank, kinds, distinct = self.subjects
        return packed(self._header(), (value, distinct, stratum, cell, where, rank, kinds, group))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Tally":
        """Read what `to_bytes` wrote. Raises TallyError for anything else."""
        try:
            header, (value, distinct, stratum, cell, where, rank, kinds, group) = unpacked(data)
            tally = cls(
                str(header["monitor"]),
                int(header["monitor_version"]),
                int(header["cells"]),
                tuple(map(int, header["people"])),
                tuple(header["strata"]),
                int(header["seed"]),
                tuple(map(tuple, header["levels"])),
                Entries(stratum, group, cell, value),
                Subjects(where, rank, kinds, distinct),
            )
            tally._check_sound()
        except PackingError as error:
            if error.damaged:
                raise TallyError("A stored tally is damaged; make it anew.") from error
            raise TallyError("These bytes are not a tally; make the tally anew.") from error
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise TallyError("A stored tally is damaged; make it anew.") from error
        return tally

    def _column(self, name: str) -> int:
        if name not in self.strata:
            raise TallyError(f"This tally has no stratum {name!r}; it has {', '.join(self.strata)}.")
        return self.strata.index(name)

    def _arrays(self) -> tuple[NDArray[np.generic], ...]:
        return (*self.sums, *self.subjects)

    def _header(self) -> dict[str, object]:
        return {
            "monitor": self.monitor,
            "monitor_version": self.monitor_version,
            "cells": self.cells,
            "people": list(self.people),
            "strata": list(self.strata),
            "seed": self.seed,
            "levels": [list(level) for level in self.levels],
        }

    def _check_same_kind(self, other: "Tally") -> None:
        mine, theirs = self._header(), other._header()
        for key in ("monitor", "monitor_version", "people", "strata", "seed"):
            if mine[key] != theirs[key]:
                raise TallyError(
                    f"Tallies of a different {key.replace('_', ' ')} cannot be added; make one of them anew."
                )

    def _check_sound(self) -> None:
        """Refuse damaged bytes that happened to parse."""
        stratum, group, cell, _ = self.sums
        where, rank, kinds, distinct = self.subjects
        tops = (len(self.levels), GROUPS, self.cells, len(self.levels), len(distinct), 2 << len(self.people))
        inside = all(
            bool(((row >= 0) & (row < top)).all())
            for row, top in zip((stratum, group, cell, where, rank, kinds), tops, strict=True)
        )
        inside = inside and set(self.people) <= set(range(self.cells))
        ordered = self.levels == tuple(sorted(set(self.levels)))
        shaped = set(map(len, self.levels)) <= {len(self.strata)} and len(where) == len(rank) == len(kinds)
        key = (stratum.astype(np.int64) * GROUPS + group) * self.cells + cell
        whose = where.astype(np.int64) * len(distinct) + rank
        ascending = all(bool((one[1:] > one[:-1]).all()) for one in (key, distinct, whose))
        if not (inside and ordered and shaped and ascending):
            raise TallyError("A stored tally is damaged; make it anew.")


def _tallied(zero: Tally, monitor: Monitor, rows: Rows) -> Tally:
    """What one monitor counts in rows whose place is known."""
    made = monitor.contributions(rows.batch)
    value = _weighted(made, rows.weight, monitor.name)
    place = (rows.stratum * GROUPS + rows.group) * len(monitor.cells)
    sums = added(place[made.row] + made.cell, value, len(rows.levels), len(monitor.cells))
    kinds = _kinds(made, zero, len(rows.stratum))
    chosen = Subjects(*smallest(rows.stratum, rows.rank, kinds, len(zero.people) + 1), rows.subjects)
    return replace(zero, levels=rows.levels, sums=sums, subjects=chosen.compact())


def _kinds(made: Contributions, tally: Tally, rows: int) -> NDArray[np.uint32]:
    """What the patient of each row counts as, a bit a kind (`Tally`)."""
    kinds = np.ones(rows, np.uint32)
    if not tally.people:
        return kinds
    counting = np.zeros(tally.cells, bool)
    counting[list(tally.people)] = True
    found = np.flatnonzero(counting[made.cell] & (made.value != 0))
    row, cell = made.row[found], made.cell[found]
    for kind, one in enumerate(tally.people, start=1):
        kinds[row[cell == one]] |= np.uint32(1 << kind)
    return kinds


def _weighted(made: Contributions, weight: Ints, monitor: str) -> Ints:
    """Contributions times their row's weight, rounded half up on the grid; exact for weight 1."""
    if not len(made.value):
        return np.empty(0, np.int64)
    if (weight < 0).any():
        raise TallyError("A weight in the judged table is negative; weights are 1/k of a case.")
    if int(np.abs(made.value).max()) * int(weight.max()) >= 1 << 62:
        raise TallyError(f"A contribution of monitor {monitor} is too large for exact sums.")
    if (weight == GRID).all():
        return made.value
    scaled: Ints = (made.value * weight[made.row] + GRID // 2) >> 20
    return scaled
