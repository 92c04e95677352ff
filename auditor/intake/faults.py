"""What can be wrong with a file or a row, in words that never quote what the file holds."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


class IntakeError(ValueError):
    """One clear sentence about a file, mapping or request that cannot be used as a whole."""


class RowError(ValueError):
    """One row cannot be used: which field, and why."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Fault:
    """A row that goes to quarantine: its number in the file, the field, the reason, the masked row."""

    row: int
    field: str | None
    reason: str
    record: dict[str, Any] | None = None


#: Parts of a place inside a record that are ours and may be named; everything else may be patient data.
_OURS = frozenset({"uri", "sha256", "id", "score"})


def fault_of(error: ValidationError, fields: Iterable[str], columns: list[str]) -> tuple[str | None, str]:
    """(field, reason) of a pydantic error: only names that are ours are printed.

    `fields` are the record's own fields; `columns` the row's keys in order, by which an unknown field is
    named by position, since a misplaced header line can make a patient's name a column's name.
    """
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    loc, kind = first["loc"], first["type"]
    head = str(loc[0]) if loc else None
    if kind == "extra_forbidden" and len(loc) == 1:
        return None, unknown_column(columns.index(str(head)) + 1 if head in columns else 0, str(head), fields)
    if kind == "missing" and len(loc) == 1:
        return head, f"{head} is missing"
    deeper = [str(p) for p in loc[1:] if isinstance(p, int) or p in _OURS]
    place = ".".join([head or "the row", *deeper])
    message = first["msg"].removeprefix("Value error, ")
    rest = error.error_count() - 1
    return head, f"{place}: {message[:1].lower()}{message[1:]}" + (f" (and {rest} more)" if rest else "")


def unknown_column(position: int, name: str, fields: Iterable[str]) -> str:
    """Says that a column is unknown, by position, with the field it may have been meant to be.

    >>> unknown_column(3, "pateint_id", ["case_id", "patient_id"])
    'column 3 is not a field of this kind; was patient_id meant?'
    """
    near = difflib.get_close_matches(name.lower(), list(fields), n=1, cutoff=0.75)
    hint = f"; was {near[0]} meant?" if near else "; map it or leave it out"
    return f"column {position} is not a field of this kind{hint}"
