"""One block of a file to rows of the lake: decode, map, validate, convert. Other processes can do it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from auditor.intake.blocks import Block, decode
from auditor.intake.convert import Converter, gate_table, lake_table
from auditor.intake.faults import Fault, RowError, fault_of
from auditor.intake.images import Images
from auditor.intake.mapping import ColumnMapping
from auditor.intake.masking import masked
from auditor.intake.pseudonyms import Pseudonyms
from auditor.intake.times import time_text
from auditor.records import RECORDS, Case, Kind, Output, Record, Reference

#: Rows validated at once; a fault sends only its own group through the slow way, row by row.
_GROUP: Final = 500
_ADAPTERS: Final[dict[Kind, TypeAdapter[Any]]] = {
    "outputs": TypeAdapter(list[Output]),
    "references": TypeAdapter(list[Reference]),
    "cases": TypeAdapter(list[Case]),
}
_TIMES: Final[dict[Kind, str]] = {
    "outputs": "produced_at",
    "references": "finalised_at",
    "cases": "studied_at",
}


@dataclass(frozen=True)
class Context:
    """All that parsing depends on besides the file."""

    kind: Kind
    system: str
    timezone: str
    key: bytes
    received_at: datetime
    folder: Path  # images with relative addresses are beside the file
    mapping: ColumnMapping | None
    numeric: tuple[str, ...] = ()
    check_images: bool = False
    image_statistics: bool = False


@dataclass(frozen=True)
class Parsed:
    """Rows that are records, with their row numbers and what the gate sees of them; and the others."""

    rows: list[int]
    data: pa.Table
    gate: pa.Table
    faults: list[Fault]
    consumed: int
    columns_seen: frozenset[str]  # those the mapping names and some row had
    unopened: int = 0  # cases without image statistics, since an image cannot be opened


def parse(context: Context, block: Block, only: frozenset[int] | None = None) -> Parsed:
    """Parse one block; with `only`, just these row numbers (for another try after quarantine)."""
    worker = _Worker(context)
    rows: list[int] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    parts: list[tuple[pa.Table, pa.Table]] = []
    with _cycles_uncollected():
        # in small groups: a row is dozens of Python objects until it is a row of a table
        for piece in block.pieces(_GROUP):
            decoded = decode(piece)
            numbered = zip(decoded.rows, decoded.records, strict=True)
            faults += [f for f in decoded.faults if only is None or f.row in only]
            group = [(number, raw) for number, raw in numbered if only is None or number in only]
            parts.append(worker.tables(group, rows, faults))
            seen |= _columns_seen(context.mapping, decoded.records, seen)
    return Parsed(
        rows,
        pa.concat_tables([data for data, _ in parts]).combine_chunks(),
        pa.concat_tables([gate for _, gate in parts]).combine_chunks(),
        sorted(faults, key=lambda fault: fault.row),
        block.consumed,
        frozenset(seen),
        worker.unopened,
    )


@contextmanager
def _cycles_uncollected() -> Iterator[None]:
    """Pause the search for reference cycles: rows have none, and looking for them costs a third of the time."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


class _Worker:
    """Takes groups of raw rows through mapping, validation and conversion, with one memory of pseudonyms."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kind = context.kind
        self._pseudonyms = Pseudonyms(context.key)
        self._shape = _shaper(context)
        self._converter = Converter(
            context.system,
            ZoneInfo(context.timezone),
            self._pseudonyms,
            context.received_at,
            Images(context.folder),
            context.check_images,
            context.numeric,
            context.image_statistics,
        )

    @property
    def unopened(self) -> int:
        return len(self._converter.unopened)

    def tables(
        self, group: list[tuple[int, dict[str, Any]]], rows: list[int], faults: list[Fault]
    ) -> tuple[pa.Table, pa.Table]:
        """(rows of the lake, rows of the gate) of a group; adds to the row numbers and the faults."""
        shaped = []
        for number, raw in group:
            try:
                shaped.append((number, self._shape(raw)))
            except RowError as error:
                faults.append(self._fault(number, error.field, error.reason, raw))
        lake_rows, gate_rows = [], []
        for number, record, raw in self._valid(shaped, faults):
            try:
                lake_row, gate_row = self._converter.row(record)
            except RowError as error:
                faults.append(self._fault(number, error.field, error.reason, raw))
                continue
            rows.append(number)
            lake_rows.append(lake_row)
            gate_rows.append(gate_row)
        return lake_table(self._kind, lake_rows), gate_table(self._kind, gate_rows, self._context.numeric)

    def _valid(
        self, shaped: list[tuple[int, dict[str, Any]]], faults: list[Fault]
    ) -> Iterator[tuple[int, Record, dict[str, Any]]]:
        """(row number, record, what it was made of) of every valid row; the others are added to `faults`."""
        try:
            records = _ADAPTERS[self._kind].validate_python([raw for _, raw in shaped])
        except ValidationError:
            records = None  # some row is bad: find out which
        if records is not None:
            for (number, raw), record in zip(shaped, records, strict=True):
                yield number, record, raw
            return
        model = RECORDS[self._kind]
        for number, raw in shaped:
            try:
                record = model.model_validate(raw)
            except ValidationError as error:
                name, reason = fault_of(error, model.model_fields, list(raw))
                faults.append(self._fault(number, name, reason, raw))
                continue
            yield number, record, raw

    def _fault(self, number: int, field: str | None, reason: str, raw: dict[str, Any]) -> Fault:
        return Fault(number, field, reason, masked(raw, self._kind, self._pseudonyms))


def _shaper(context: Context) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """From a row of the file to what pydantic validates: the mapping, images as objects, times as text."""
    apply = context.mapping.compiled() if context.mapping else None
    time = _TIMES[context.kind]

    def shape(raw: dict[str, Any]) -> dict[str, Any]:
        record = apply(raw) if apply else raw
        images = record.get("images")
        if images is not None:
            listed = [images] if isinstance(images, str | dict) else images
            if isinstance(listed, list):
                listed = [{"uri": i.strip()} if isinstance(i, str) else i for i in listed]
            record = {**record, "images": listed}
        if time in record:
            record = {**record, time: time_text(record[time], time)}
        return record

    return shape


def _columns_seen(mapping: ColumnMapping | None, records: list[dict[str, Any]], known: set[str]) -> set[str]:
    if mapping is None:
        return set()
    return {
        column
        for column in mapping.columns()
        if column not in known and any(column in record or column.split(".", 1)[0] in record for record in records)
    }
