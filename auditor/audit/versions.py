"""Which version of a system is deployed, and since when each one was."""

from collections.abc import Collection, Sequence
from datetime import date

import pyarrow as pa

from auditor.audit.tallying import within
from monitors.measurement import Window


def current_version(outputs: pa.Table, window: Window) -> str:
    """The version deployed now: that of the newest output in the window (by day, then by arrival)."""
    days = outputs["day"].to_pylist()
    inside = [i for i, day in enumerate(days) if within(day, window)] or list(range(len(days)))
    newest = max(inside, key=lambda i: (days[i] or date.min, i))
    return str(outputs["version"][newest].as_py())


def version_changes(outputs: pa.Table) -> list[tuple[date, str]]:
    """The first day of each version after the first, in order of time."""
    return [(day, version) for day, version in _firsts(outputs) if day is not None][1:]


def in_order(outputs: pa.Table) -> tuple[str, ...]:
    """The versions in the order in which they came into use; names would put 1.10 before 1.9."""
    return tuple(version for _, version in _firsts(outputs))


def baseline_of(known: Collection[str], version: str, order: Sequence[str]) -> str | None:
    """Which version of the reference window (`known`) a version is held against, None where there is none.

    The same one, or, after a change of version, the one that came into use last.

    >>> baseline_of({"1.9", "1.10"}, "2.0", ["1.9", "1.10", "2.0"])
    '1.10'
    """
    return version if version in known else max(known, key=order.index, default=None)


def _firsts(outputs: pa.Table) -> list[tuple[date | None, str]]:
    """Each version and its first day, undated versions first."""
    firsts = outputs.group_by("version").aggregate([("day", "min")]).to_pylist()
    days = [(row["day_min"], str(row["version"])) for row in firsts]
    return sorted(days, key=lambda one: (one[0] or date.min, one[1]))
