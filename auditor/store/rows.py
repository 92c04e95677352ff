"""Rows on their way into a table: every column present, each value of its column's own type.

A value is brought into the form in which the database will give it back, so that a row, its journal entry
and the row read again agree to the last bit.
"""

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Date, Float, Integer, Table
from sqlalchemy.types import TypeEngine

from auditor.store.chain import canonical
from auditor.store.errors import StoreError
from auditor.store.tables import CanonicalJson, Moment

_LARGEST = 2**63


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    if "\x00" in value:
        raise ValueError  # PostgreSQL cannot store it
    if not value.isascii():
        value.encode()  # a lone surrogate is no text
    return str(value)


def _whole(value: Any) -> int:
    number = operator.index(value)
    if isinstance(value, bool) or not -_LARGEST <= number < _LARGEST:
        raise ValueError
    return number


def _real(value: Any) -> float | None:
    number = float(value) + 0.0  # SQLite keeps no negative zero
    if isinstance(value, str) or math.isinf(number):
        raise ValueError
    return None if math.isnan(number) else number


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError
    return value.astimezone(UTC)


def _day(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value


def _converter(kind: TypeEngine[Any]) -> tuple[Callable[[Any], Any], str]:
    """How a value becomes one of this column type, and what to call the type when it does not."""
    if isinstance(kind, Moment):
        return _moment, "a time with a zone"
    if isinstance(kind, CanonicalJson):
        return lambda value: value, "plain JSON"
    if isinstance(kind, Boolean):
        return _truth, "true or false"
    if isinstance(kind, Integer):
        return _whole, "a whole number of 64 bits"
    if isinstance(kind, Float):
        return _real, "a finite number, or NaN for none"
    if isinstance(kind, Date):
        return _day, "a date"
    return _text, "text without NUL characters"


@lru_cache(maxsize=64)
def _converters(table: Table) -> tuple[tuple[str, bool, Callable[[Any], Any], str], ...]:
    return tuple((c.name, bool(c.nullable), *_converter(c.type)) for c in table.columns)


def normalised(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The whole row as the database will give it back; absent nullable columns are None.

    Raises StoreError naming table and column (never the value) for a missing or unknown column or a value of
    the wrong type.
    """
    whole: dict[str, Any] = {}
    for name, nullable, convert, wanted in _converters(table):
        value = row.get(name)
        if value is not None:
            try:
                value = convert(value)
            except StoreError:
                raise
            except (TypeError, ValueError, OverflowError):
                raise StoreError(
                    f"Column {name} of {table.name} takes {wanted}; it was given another value."
                ) from None
        if value is None and not nullable:
            raise StoreError(f"Column {name} of {table.name} must have a value; it was given none.")
        whole[name] = value
    if unknown := sorted(set(row) - set(whole)):
        raise StoreError(f"Table {table.name} has no column {unknown[0]}.")
    return whole


def record_of(row: Mapping[str, Any]) -> str:
    """A whole row as the journal keeps it."""
    return canonical(dict(row))


def from_record(table: Table, record: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the journal, read from JSON, as its table takes it; columns that came later are None."""
    row = dict(record)
    for column in table.columns:
        value = row.get(column.name)
        if isinstance(value, str) and isinstance(column.type, Moment):
            row[column.name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(column.type, Date):
            row[column.name] = date.fromisoformat(value)
    return normalised(table, row)
