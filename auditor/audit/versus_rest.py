"""Gaps of all groups at once, and ratios of rates: what is said of a gap beside the interval of its verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from monitors.levels import Desk
from monitors.measurement import Measurement, Slice
from monitors.simultaneous import against_rest
from reports.dossier import VersusRest

#: Measure, task, version, finding and slice: which gap it is.
Name = tuple[str, ...]
_NAME: Final = ("measure", "task", "version", "item", "slice")


def versus_rest(
    desk: Desk, slices: Sequence[Slice], *, item: str, measures: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """The joint interval and ratio of gaps, as the audit keeps them; the groups of a measure are a family.

    Of all measures for the task as a whole (item ""); for a finding, of `measures`: those that somebody asked for.
    """
    found = against_rest(desk, slices, items=[item], measures=measures if item else None, seed=seed)
    rows = []
    for one in found:
        beside = VersusRest(
            groups=one.slices,
            max_t=one.max_t,
            alone_low=one.alone[0],
            alone_high=one.alone[1],
            joint_low=one.joint[0],
            joint_high=one.joint[1],
            ratio=_known(one.ratio),
            ratio_low=_known(one.ratio_low),
            ratio_high=_known(one.ratio_high),
        )
        name = (one.measure, desk.monitor.task, desk.version, one.item, one.slice)
        rows.append({**dict(zip(_NAME, name, strict=True)), **asdict(beside)})
    return rows


def recorded_versus_rest(rows: Sequence[Mapping[str, Any]]) -> dict[Name, VersusRest]:
    """What the audit kept, by the gap it is said of."""
    return {
        tuple(row[name] for name in _NAME): VersusRest(**{k: v for k, v in row.items() if k not in _NAME})
        for row in rows
    }


def name_of(m: Measurement) -> Name:
    """Which gap a measurement is."""
    return m.measure, m.task, m.version, m.item, m.slice


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
