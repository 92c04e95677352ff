"""Blocks of a file and how they become records; a fault of one row never touches its neighbours."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic_core import from_json

from auditor.intake.faults import Fault
from auditor.intake.lines import CUT_OFF, NOT_OBJECT, NOT_UTF8, NUL


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a file, not yet decoded; `consumed` is how far into the file (bytes) it reaches."""

    rows: list[int]
    payload: Any  # list[bytes] (JSON), list[list[str]] (CSV) or pa.RecordBatch (Parquet)
    consumed: int
    columns: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)

    def pieces(self, size: int) -> Iterator["Block"]:
        """The block in pieces of at most `size` rows; the faults come with the first."""
        for start in range(0, max(len(self.rows), 1), size):
            end = start + size
            payload = (
                self.payload[start:end] if isinstance(self.payload, list) else self.payload.slice(start, size)
            )
            faults = [] if start else self.faults
            yield Block(self.rows[start:end], payload, self.consumed, self.columns, faults)


@dataclass(frozen=True)
class Decoded:
    """The records of a block with their row numbers, and the rows that are no records."""

    rows: list[int]
    records: list[dict[str, Any]]
    faults: list[Fault]


def decode(block: Block) -> Decoded:
    """The records of a block. Empty CSV cells and Parquet nulls are absent keys: missing is never a value."""
    if isinstance(block.payload, pa.Table):
        return _decode_parquet(block)
    if block.columns:
        pairs = block.columns
        records = [{k: v for k, v in zip(pairs, row, strict=True) if v != ""} for row in block.payload]
        return Decoded(block.rows, records, list(block.faults))
    return _decode_json(block)


def _decode_json(block: Block) -> Decoded:
    rows, records, faults = [], [], list(block.faults)
    for number, line in zip(block.rows, block.payload, strict=True):
        try:
            record = from_json(line, allow_inf_nan=False, cache_strings="keys")
        except ValueError:
            faults.append(Fault(number, None, _json_reason(line), {"bytes": len(line)}))
            continue
        if not isinstance(record, dict):
            faults.append(Fault(number, None, NOT_OBJECT, {"bytes": len(line)}))
        elif b"\\u0000" in line and _holds_nul(record):
            faults.append(Fault(number, None, NUL, {"bytes": len(line)}))
        else:
            rows.append(number)
            records.append(record)
    return Decoded(rows, records, faults)


def _json_reason(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return NOT_UTF8
    return NUL if b"\0" in line else CUT_OFF


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in k or _holds_nul(v) for k, v in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _decode_parquet(block: Block) -> Decoded:
    table = block.payload
    try:
        table.validate(full=True)
        return _parquet_rows(table, block.rows)
    except (pa.ArrowException, UnicodeDecodeError):
        pass  # some row holds text that is not UTF-8: find out which, row by row
    rows, records, faults = [], [], list(block.faults)
    for i, number in enumerate(block.rows):
        try:
            one = _parquet_rows(table.slice(i, 1), [number])
        except (pa.ArrowException, UnicodeDecodeError):
            faults.append(Fault(number, None, NOT_UTF8))
            continue
        rows += one.rows
        records += one.records
        faults += one.faults
    return Decoded(rows, records, faults)


def _parquet_rows(table: pa.Table, numbers: list[int]) -> Decoded:
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type):  # nanoseconds would need pandas to become Python values
            column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        columns[name] = [_plain(value) for value in column.to_pylist()]
    names = list(columns)
    rows, records, faults = [], [], []
    for number, row in zip(numbers, zip(*columns.values(), strict=True), strict=True):
        record = {k: v for k, v in zip(names, row, strict=True) if v is not None}
        if _holds_nul(record):
            faults.append(Fault(number, None, NUL))
        else:
            rows.append(number)
            records.append(record)
    return Decoded(rows, records, faults)


def _plain(value: Any) -> Any:
    """A Parquet value in plain Python; NaN at the top is how pandas writes a missing value."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list) and value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
        return dict(value)  # a map column
    return value
