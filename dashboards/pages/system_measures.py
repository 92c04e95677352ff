"""Every measurement of an audit as rows of a table that sorts and filters."""

from typing import Final

from dashboards.listing import Column
from reports.dossier import Dossier, Row
from reports.headline import bounds_of, title_of
from reports.numbers import NONE, basis, item_name, result, slice_name
from reports.text import TASKS, severity, words_of


def rows_of(dossier: Dossier) -> list[Row]:
    """The rows of the version looked at, the gravest first, then as they were measured."""
    shown = [row for row in dossier.rows if row.version in (dossier.current_version, "")]
    return sorted(shown, key=lambda row: severity(row.status))


def _value(row: Row) -> float | None:
    """What a number is sorted by; a suppressed one has no place among the others."""
    return None if row.suppressed else row.value


def _counted(row: Row) -> float | None:
    return None if row.suppressed else row.n


def _verdict(row: Row) -> str:
    return words_of(row.status).word if row.status else NONE


COLUMNS: Final = (
    Column[Row]("verdict", "Verdict", _verdict, sort=lambda row: severity(row.status)),
    Column[Row]("measure", "Measure", title_of),
    Column[Row]("task", "Task", lambda row: TASKS.get(row.task, row.task)),
    Column[Row]("item", "Finding", lambda row: item_name(row.item) or NONE),
    Column[Row]("group", "Group", lambda row: slice_name(row.slice) if row.slice != "all" else "the whole"),
    Column[Row]("value", "Value [95 % interval]", result, numeric=True, sort=_value),
    Column[Row]("counted", "Measured on", basis, numeric=True, sort=_counted),
    Column[Row]("bounds", "Bounds", bounds_of),
)
