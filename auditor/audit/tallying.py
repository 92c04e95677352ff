"""Tallies: exact sums of each monitor over each day, kept in the lake under the hash of what they are made of."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.settings import AuditSettings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments, retired
from monitors.measurement import Window
from monitors.monitor import Monitor
from monitors.tally import Tally

#: Days that are tallied between two commits: what a crash can cost.
BLOCK = 2_000


@dataclass(frozen=True)
class DailyTallies:
    """The sums of one monitor by day; the day None holds the undated rows."""

    monitor: Monitor
    zero: Tally
    days: Mapping[date | None, Tally]

    def over(self, window: Window) -> Tally:
        """The sums over a window. Undated rows lie in the open window only."""
        return Tally.merge([self.zero, *(tally for day, tally in self.days.items() if within(day, window))])


def within(day: date | None, window: Window) -> bool:
    """Whether a day lies in a window (both ends included)."""
    if day is None:
        return window.start is None and window.end is None
    return (window.start is None or window.start <= day) and (window.end is None or day <= window.end)


def rows_within(days: pa.ChunkedArray, window: Window) -> pa.ChunkedArray:
    """`within` for a whole column of days, as a mask without nulls."""
    if window.start is None and window.end is None:
        return pc.or_kleene(pc.is_null(days), True)
    inside = pc.is_valid(days)
    if window.start is not None:
        inside = pc.and_(inside, pc.fill_null(pc.greater_equal(days, window.start), False))
    if window.end is not None:
        inside = pc.and_(inside, pc.fill_null(pc.less_equal(days, window.end), False))
    return inside


def strata_of(settings: AuditSettings) -> tuple[str, ...]:
    """The columns whose combinations are the strata of every tally of a system."""
    return ("version", "draft_seen", "item", *settings.slice_attributes)


def tally_days(
    ledger: Ledger,
    lake: Lake,
    system: str,
    task: str,
    monitors: Iterable[Monitor],
    judged: pa.Table,
    settings: AuditSettings,
    transaction: Callable[[], Any],
) -> dict[str, DailyTallies]:
    """The daily sums of every monitor of a task; what the lake has already is read, the rest is made and kept."""
    monitors = tuple(monitors)
    days = list(_by_day(judged))
    wanted = {
        _key(monitor, rows, task, settings): (monitor, day, rows) for day, rows in days for monitor in monitors
    }
    found, lost = _stored(ledger, lake, wanted)
    missing = [key for key in wanted if key not in found]
    strata = strata_of(settings)
    for start in range(0, len(missing), BLOCK):
        made: dict[str, Tally] = {}
        # the monitors of a day stand side by side: where its rows belong is found once for all of them
        for _, keys in groupby(missing[start : start + BLOCK], key=lambda key: wanted[key][1]):
            same = list(keys)
            rows = wanted[same[0]][2]
            tallies = Tally.of_each([wanted[key][0] for key in same], rows, strata, settings.seed)
            made |= zip(same, tallies, strict=True)
        _keep(lake, system, made, lost, transaction)
        found |= made
    return {
        monitor.name: DailyTallies(
            monitor,
            Tally.zero(monitor, strata, settings.seed),
            {day: found[key] for key, (of, day, _) in wanted.items() if of is monitor},
        )
        for monitor in monitors
    }


def _by_day(judged: pa.Table) -> Iterator[tuple[date | None, pa.Table]]:
    """The rows of each day; all rows of an output share its day, so no output is torn apart."""
    days = judged["day"].combine_chunks()
    number = np.asarray(pc.fill_null(days.cast(pa.int32()), np.iinfo(np.int32).min))
    order = np.argsort(number, kind="stable")
    ordered = judged.take(order)
    starts = np.flatnonzero(np.r_[True, np.diff(number[order]) != 0]) if len(order) else np.zeros(0, int)
    for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        yield ordered["day"][int(start)].as_py(), ordered.slice(start, end - start)


def _key(monitor: Monitor, rows: pa.Table, task: str, settings: AuditSettings) -> str:
    digests = sorted(rows["digest"].to_pylist())
    return "tally:" + digest_of(
        {
            "monitor": [monitor.name, monitor.version],
            "strata": list(strata_of(settings)),
            # how the judge is checked changes nothing of what it says
            "task": [task, settings.tasks[task].model_dump(mode="json") | {"check": None}],  # type: ignore[index]
            "seed": settings.seed,
            "rows": hashlib.sha256(b"".join(digests)).hexdigest(),
        }
    )


def _stored(ledger: Ledger, lake: Lake, wanted: Mapping[str, Any]) -> tuple[dict[str, Tally], frozenset[str]]:
    """The tallies that the lake has, and the keys of those that an erasure retired."""
    rows = ledger.read(sa.select(t.artifacts.c.key, t.artifacts.c.segment).where(t.artifacts.c.kind == "tally"))
    gone = retired(ledger)
    asked = [row for row in rows if row["key"] in wanted]
    segments = sorted({row["segment"] for row in asked if row["segment"] not in gone})
    table = lake.read_many(segments, schema=schemas.TALLIES)
    kept = table.filter(pc.is_in(table["key"], value_set=pa.array(list(wanted), pa.string())))
    found = {
        key: Tally.from_bytes(content)
        for key, content in zip(kept["key"].to_pylist(), kept["tally"].to_pylist(), strict=True)
    }
    return found, frozenset(row["key"] for row in asked if row["segment"] in gone)


def _keep(
    lake: Lake, system: str, made: Mapping[str, Tally], lost: frozenset[str], transaction: Callable[[], Any]
) -> None:
    """Put tallies into the lake; those of `lost` have a row already, which is led to the new segment."""
    table = pa.table(
        {"key": list(made), "tally": [tally.to_bytes() for tally in made.values()]}, schema=schemas.TALLIES
    )
    segment = lake.write(table, "tallies")
    with transaction() as tx:
        register_segments(tx, [segment], system)
        about = {"kind": "tally", "system": system, "segment": segment.sha256, "created_at": tx.at}
        tx.insert_new(t.artifacts, [{"key": key, **about} for key in made if key not in lost])
        for key in sorted(lost & made.keys()):
            tx.update(t.artifacts, key, about)
