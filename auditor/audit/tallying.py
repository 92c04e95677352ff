"""Tallies: exact sums of each monitor over each day and over spans of days, kept in the lake.

Each is named by the hash of what it is made of: a day by its rows, a span by its days.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.kept_tallies import KeptTallies
from auditor.audit.spans import LENGTHS, Piece, Span, pieces_of, spans_of
from auditor.settings import AuditSettings
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors.measurement import Window
from monitors.monitor import Monitor
from monitors.packing import FORMAT
from monitors.tally import Tally

Spans = Mapping[Span, tuple[date, ...]]


@dataclass(frozen=True)
class DailyTallies:
    """The sums of one monitor by day and by span of days, which are read when a window needs them.

    `days` holds every day, and None where there are undated rows.
    """

    monitor: Monitor
    zero: Tally
    days: tuple[date | None, ...]
    spans: Spans
    keys: Mapping[Piece, str]
    kept: KeptTallies
    _whole: list[Tally] = field(default_factory=list, init=False, repr=False)

    def over(self, window: Window) -> Tally:
        """The sums over a window. Undated rows lie in the open window only."""
        if window != Window():
            return self._over(window)
        if not self._whole:  # remembered: every window is held against it
            self._whole.append(self._over(window))
        return self._whole[0]

    def _over(self, window: Window) -> Tally:
        inside = [day for day in self.days if within(day, window)]
        dated = sorted(day for day in inside if day is not None)
        pieces: list[Piece] = [*pieces_of(dated, self.spans), *([None] if None in inside else [])]
        return Tally.merge([self.zero, *self.kept.read([self.keys[piece] for piece in pieces])])


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
    """The sums of every monitor of a task by day and span; what the lake has not is made and kept."""
    monitors = tuple(monitors)
    order, bounds = _by_day(judged["day"])
    spans = spans_of(bounds)
    keys = _keys(monitors, judged["digest"].take(order), bounds, spans, task, settings)
    wanted = {key for of in keys.values() for key in of.values()}
    kept = KeptTallies(ledger, lake, system, transaction, wanted)
    _make_days(kept, monitors, keys, judged, order, bounds, settings)
    for length in LENGTHS:
        longer = [span for span in spans if span.length == length]
        shorter = {span: inside for span, inside in spans.items() if span.length < length}
        for span in longer:
            parts = pieces_of(spans[span], shorter)
            for of in keys.values():
                if of[span] not in kept:
                    kept.put(of[span], Tally.merge(kept.read([of[piece] for piece in parts])))
        kept.keep()  # by itself: who reads the long spans does not read the weeks
    return {
        one.name: DailyTallies(one, _zero(one, settings), tuple(bounds), spans, keys[one.name], kept)
        for one in monitors
    }


def _make_days(
    kept: KeptTallies,
    monitors: Sequence[Monitor],
    keys: Mapping[str, Mapping[Piece, str]],
    judged: pa.Table,
    order: np.ndarray[Any, Any],
    bounds: Mapping[date | None, tuple[int, int]],
    settings: AuditSettings,
) -> None:
    """Make and keep the tallies of those days that the lake does not have."""
    missing = {day: [one for one in monitors if keys[one.name][day] not in kept] for day in bounds}
    missing = {day: some for day, some in missing.items() if some}
    at = [order[slice(*bounds[day])] for day in missing]
    rows = judged.take(np.concatenate(at)) if at else judged.slice(0, 0)
    first = 0
    for day, some in missing.items():
        start, end = bounds[day]
        # the monitors of a day stand side by side: where its rows belong is found once for all of them
        tallies = Tally.of_each(some, rows.slice(first, end - start), strata_of(settings), settings.seed)
        first += end - start
        for one, tally in zip(some, tallies, strict=True):
            kept.put(keys[one.name][day], tally)
    kept.keep()


def _zero(monitor: Monitor, settings: AuditSettings) -> Tally:
    return Tally.zero(monitor, strata_of(settings), settings.seed)


def _by_day(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], dict[date | None, tuple[int, int]]]:
    """The places of the rows in the order of their days, and where each day begins and ends among them.

    All rows of an output share its day, so no output is torn apart.
    """
    days = column.combine_chunks()
    number = np.asarray(pc.fill_null(days.cast(pa.int32()), np.iinfo(np.int32).min))
    order = np.argsort(number, kind="stable")
    bounds = [0, *(np.flatnonzero(np.diff(number[order])) + 1).tolist(), len(order)] if len(order) else []
    return order, {days[int(order[start])].as_py(): (start, end) for start, end in pairwise(bounds)}


def _keys(
    monitors: Sequence[Monitor],
    digests: pa.ChunkedArray,
    bounds: Mapping[date | None, tuple[int, int]],
    spans: Spans,
    task: str,
    settings: AuditSettings,
) -> dict[str, dict[Piece, str]]:
    """The key of every day and span of each monitor, by its name."""
    rows = {day: _hashed(digests.slice(start, end - start)) for day, (start, end) in bounds.items()}
    found: dict[str, dict[Piece, str]] = {}
    for one in monitors:
        about = _about(one, task, settings)
        of: dict[Piece, str] = {day: "tally:" + digest_of(about | {"rows": held}) for day, held in rows.items()}
        for span, inside in spans.items():
            of[span] = "tally:" + digest_of({"sum of": [of[day] for day in inside]})
        found[one.name] = of
    return found


def _hashed(digests: pa.ChunkedArray) -> str:
    return hashlib.sha256(b"".join(sorted(digests.to_pylist()))).hexdigest()


def _about(monitor: Monitor, task: str, settings: AuditSettings) -> dict[str, Any]:
    """What a tally depends on beside its rows."""
    return {
        "format": FORMAT,
        "monitor": [monitor.name, monitor.version],
        "strata": list(strata_of(settings)),
        # how the judge is checked changes nothing of what it says
        "task": [task, settings.tasks[task].model_dump(mode="json") | {"check": None}],  # type: ignore[index]
        "seed": settings.seed,
    }
