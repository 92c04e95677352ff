"""What `make bench-tally` measures, each in a process of its own: prints the seconds of every run as JSON.

python -m benchmarks.tally_work WORK FILE RUNS
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.audit.spans import Span, pieces_of, spans_of
from benchmarks.judged_rows import SLICES, STRATA, parts
from monitors import frame
from monitors.catalogue import monitors_of
from monitors.error_codes import ERROR_CODES
from monitors.groups import poisson_replicates
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Slice, Window
from monitors.monitor import Monitor
from monitors.performance import PERFORMANCE
from monitors.runs import starts_of_runs
from monitors.selection import select
from monitors.simultaneous import against_rest
from monitors.tally import Tally

REPLICATES = 1_000
VERSION = "v2"
#: Parts of a file whose tallies wait for each other before they are added up.
_TOGETHER = 10

Made = dict[str, Any]


def streamed(monitors: list[Monitor], path: Path) -> list[Tally]:
    """The tally of each monitor of a whole file, of which no more than one part is held at a time."""
    sums = [[Tally.zero(monitor, STRATA)] for monitor in monitors]
    for number, part in enumerate(parts(path), start=1):
        for held, one in zip(sums, Tally.of_each(monitors, part, STRATA), strict=True):
            held.append(one)
        if number % _TOGETHER == 0:
            for held in sums:
                held[:] = [Tally.merge(held)]
    for held in sums:  # one after the other: the parts of all of them are twice what is left
        held[:] = [Tally.merge(held)]
    return [one for (one,) in sums]


def tally(monitors: list[Monitor], path: Path, runs: int) -> Made:
    """Parquet file → tallies."""
    seconds, sums = [], 0
    for _ in range(runs):
        began = time.perf_counter()
        made = streamed(monitors, path)
        seconds.append(time.perf_counter() - began)
        sums = sum(len(one.sums.value) for one in made)
        del made  # or the next run would hold two
    rows = sum(part.num_rows for part in parts(path))
    cells = sum(len(monitor.cells) for monitor in monitors)
    return {"seconds": seconds, "rows": rows, "cells": cells, "sums": sums}


def read(monitors: list[Monitor], path: Path, runs: int) -> Made:
    """Tallies → every level, gap and joint gap of every slice, and replicates of every measure in each."""
    tallies = streamed(monitors, path)
    counts, measured, replicated = np.zeros(3, int), [], []
    slices, values = frame.slices_of(tallies[0], SLICES, version=VERSION), 0
    for _ in range(runs):
        at = [time.perf_counter()]
        both = list(zip(monitors, tallies, strict=True))
        counts = np.sum([_measurements(monitor, one, slices, [""]) for monitor, one in both], axis=0)
        at.append(time.perf_counter())
        values = sum(replicates(monitor, one, where).size for monitor, one in both for where in slices)
        at.append(time.perf_counter())
        measured.append(at[1] - at[0])
        replicated.append(at[2] - at[1])
    found = {"slices": len(slices) - 1, "counts": counts.tolist(), "replicates": values}
    return {**found, "measured": measured, "replicated": replicated}


def findings(monitor: Monitor, path: Path, runs: int) -> Made:
    """The same of every finding in the slices of single attributes, as the audit does, without replicates."""
    (tally,) = streamed([monitor], path)
    slices = [one for one in frame.slices_of(tally, SLICES, version=VERSION) if len(one.where) < 2]
    items, counts, seconds = tally.values("item"), [0, 0, 0], []
    for _ in range(runs):
        began = time.perf_counter()
        counts = _measurements(monitor, tally, slices, items)
        seconds.append(time.perf_counter() - began)
    return {"slices": len(slices) - 1, "items": len(items), "counts": counts, "measured": seconds}


def _measurements(monitor: Monitor, tally: Tally, slices: Sequence[Slice], items: Sequence[str]) -> list[int]:
    """How many levels, gaps and joint gaps were made."""
    desk, counts = Desk(monitor, tally, VERSION), np.zeros(3, int)
    for item in items:  # as the audit does: the desk remembers the cuts of one item
        counts += (
            len(frame.measure(desk, slices, items=[item], window=Window())),
            len(frame.gaps(desk, slices, items=[item], window=Window(), at_once=len(slices) - 1)),
            len(against_rest(desk, slices, items=[item])),
        )
    return counts.tolist()


def replicates(monitor: Monitor, tally: Tally, where: Slice) -> np.ndarray:
    """Every measure of a slice in each replicate over patient groups: (replicates, measures)."""
    totals = tally.group_totals(select(tally, where, version=VERSION))
    return monitor.read(poisson_replicates(totals, REPLICATES, seed=0))


def keep(monitors: list[Monitor], path: Path, _: int) -> Made:
    """Before the clock: what the lake keeps of all days but the last, and the rows of the last.

    Kept are the tally of every day, and the pieces that an audit on the last day puts a year together from.
    """
    table = pa.concat_tables(parts(path)).unify_dictionaries()
    day = table["day"].cast(pa.int32()).to_numpy()
    starts = starts_of_runs(day)
    *old, new = (table.slice(a, b - a) for a, b in zip(starts, [*starts[1:], len(day)], strict=True))
    made = {rows["day"][0].as_py(): Tally.of_each(monitors, rows, STRATA) for rows in old}
    spans = spans_of([*made, new["day"][0].as_py()])
    pieces = [
        [made[day] for day in (spans[piece] if isinstance(piece, Span) else (piece,))]
        for piece in pieces_of(sorted(made), spans)
    ]
    summed = [[Tally.merge(of) for of in zip(*days, strict=True)] for days in pieces]
    for suffix, tallies in ((".days", list(made.values())), (".pieces", summed)):
        columns = zip(*([one.to_bytes() for one in of] for of in tallies), strict=True)
        kept = {one.name: column for one, column in zip(monitors, columns, strict=True)}
        pq.write_table(pa.table(kept), path.with_suffix(suffix))
    pq.write_table(new, path.with_suffix(".new"))
    return {"days": len(old)}


def day(monitors: list[Monitor], path: Path, runs: int) -> Made:
    """One day more: its tally, the kept sums of the days before it → the year → every level.

    Beside it the same year from the tally of every day, which must be the same to the bit.
    """
    names = ("tallied", "fetched", "merged", "levels", "by_days")
    made: dict[str, list[float]] = {name: [] for name in names}
    kept, new = pq.read_table(path.with_suffix(".pieces")), pq.read_table(path.with_suffix(".new"))
    days = pq.read_table(path.with_suffix(".days"))
    for _ in range(runs):
        at = [time.perf_counter()]
        today = Tally.of_each(monitors, new, STRATA)
        at.append(time.perf_counter())
        before = _fetched(kept)
        at.append(time.perf_counter())
        year = [Tally.merge([*pieces, one]) for pieces, one in zip(before, today, strict=True)]
        at.append(time.perf_counter())
        for monitor, one in zip(monitors, year, strict=True):
            slices = frame.slices_of(one, SLICES, version=VERSION)
            frame.measure(Desk(monitor, one, VERSION), slices, items=[""], window=Window())
        at.append(time.perf_counter())
        again = [Tally.merge([*each, one]) for each, one in zip(_fetched(days), today, strict=True)]
        at.append(time.perf_counter())
        if again != year:
            raise RuntimeError("A year from its sums differs from its days; their times would mean nothing.")
        del before, year, again  # or the next run would hold two years
        for name, seconds in zip(names, np.diff(at).tolist(), strict=True):
            made[name].append(seconds)
    return {"days": days.num_rows + 1, "pieces": kept.num_rows, "rows": new.num_rows, **made}


def _fetched(kept: pa.Table) -> list[list[Tally]]:
    """The tallies of each monitor from their bytes."""
    return [[Tally.from_bytes(data.as_py()) for data in column] for column in kept.columns]


ERRORS: list[Monitor] = [ERROR_CODES]
WORK: dict[str, Callable[[Path, int], Made]] = {
    "tally-report": lambda path, runs: tally(ERRORS, path, runs),
    "tally-report-all": lambda path, runs: tally(list(monitors_of("report")), path, runs),
    "tally-classification": lambda path, runs: tally([PERFORMANCE], path, runs),
    "tally-classification-all": lambda path, runs: tally(list(monitors_of("classification")), path, runs),
    "read-report": lambda path, runs: read([HALLUCINATION, ERROR_CODES], path, runs),
    "read-classification": lambda path, runs: read([PERFORMANCE], path, runs),
    "read-findings": lambda path, runs: findings(PERFORMANCE, path, runs),
    "keep-days": lambda path, runs: keep([HALLUCINATION], path, runs),
    "day": lambda path, runs: day([HALLUCINATION], path, runs),
}

if __name__ == "__main__":
    print(json.dumps(WORK[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
