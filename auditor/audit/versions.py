"""Which version of a system is deployed, and since when each one was."""

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
    firsts = outputs.group_by("version").aggregate([("day", "min")]).to_pylist()
    dated = sorted((row["day_min"], row["version"]) for row in firsts if row["day_min"] is not None)
    return dated[1:]
