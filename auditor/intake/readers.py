"""Files to rows, in blocks of bounded size: JSON Lines and CSV (also .gz) and Parquet.

Reading is split in two so that the costly half can run in other processes: `Source.blocks` cuts the file into
blocks (cheap, in order), `decode` turns a block into records. A fault of the whole file raises IntakeError; a
fault of one row becomes a Fault and the rest goes on. Row numbers are what a person sees: the line of a JSON
Lines file, the record of a CSV file where the header is row 1, the row of a Parquet file counted from 1.
"""

import csv
import gzip
import io
import math
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from auditor.intake.faults import Fault, IntakeError

Format = Literal["jsonl", "csv", "parquet"]

#: Longest row in bytes: above every field's own limit together; anything longer is a mistake.
MAX_ROW: Final = 16 << 20
#: A block ends at this many rows or bytes, whichever comes first: what bounds memory.
BLOCK_ROWS: Final = 50_000
BLOCK_BYTES: Final = 32 << 20
#: After so many quotes that never close, the file is not CSV as we know it.
MAX_RECOVERIES: Final = 100

_SUFFIXES: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
#: First bytes of files that people hand in by mistake.
_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; export it as CSV"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file; export it as CSV"),
    (b"%PDF", "a PDF; export the data as CSV"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3", "a SQLite database; export the data as CSV"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
)
_BOM: Final = b"\xef\xbb\xbf"

NOT_UTF8: Final = "the row is not UTF-8 text; save the file as UTF-8"
NUL: Final = "the row holds a NUL character; export the file again as plain text"
TOO_LONG: Final = f"the row is longer than {MAX_ROW >> 20} MB"
CUT_OFF: Final = (
    "the row is not one complete JSON object; the line may be cut off or hold a value JSON has not (NaN)"
)
NOT_OBJECT: Final = "the row is JSON but not an object; write one object a line, {…}"
OPEN_QUOTE: Final = "a quote opened in this row is never closed; double the quotes inside a field"


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


@dataclass(frozen=True)
class Source:
    """A file that has been looked at: its format is what its name says."""

    path: Path
    format: Format
    gzipped: bool
    size: int

    def columns(self) -> tuple[str, ...] | None:
        """The header of a CSV or the schema of a Parquet file; None for JSON Lines, where rows name them."""
        if self.format == "jsonl":
            return None
        if self.format == "parquet":
            with _parquet(self.path) as file:
                return _unique(self.path, list(file.schema_arrow.names))
        with self._open() as stream:
            return _header(self.path, _Lines(stream.text))[0]

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Block]:
        """The file in blocks of at most `rows` rows. Raises IntakeError for a fault of the whole file."""
        cut = {"jsonl": self._json_blocks, "csv": self._csv_blocks, "parquet": self._parquet_blocks}
        found = False
        try:
            for block in cut[self.format](rows):
                found = found or bool(block.rows or block.faults)
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise IntakeError(
                f"{self.path.name} ends early or is damaged inside its gzip compression; copy it again."
            ) from None
        except OSError as error:
            raise IntakeError(f"{self.path.name} cannot be read: {error.strerror or 'a read error'}.") from None
        if not found:
            raise IntakeError(f"{self.path.name} holds no rows.")

    def _open(self) -> "_Stream":
        return _Stream(self.path, self.gzipped)

    def _json_blocks(self, limit: int) -> Iterator[Block]:
        with self._open() as stream:
            pile: list[bytes] = []
            rows: list[int] = []
            faults: list[Fault] = []
            size = 0
            for number, line in enumerate(_byte_lines(stream.text), start=1):
                if line is None:
                    faults.append(Fault(number, None, TOO_LONG))
                    continue
                if number == 1 and line[:3] == _BOM:
                    line = line[3:]
                if line.isspace() or not line:
                    continue
                if not rows and not faults and number == 1 and line.lstrip()[:1] == b"[":
                    raise IntakeError(f"{self.path.name} is one JSON array; write one object a line (JSON Lines).")
                pile.append(line)
                rows.append(number)
                size += len(line)
                if len(rows) + len(faults) >= limit or size >= BLOCK_BYTES:
                    yield Block(rows, pile, stream.consumed(), faults=faults)
                    pile, rows, faults, size = [], [], [], 0
            yield Block(rows, pile, self.size, faults=faults)

    def _csv_blocks(self, limit: int) -> Iterator[Block]:
        with self._open() as stream:
            lines = _Lines(stream.text)
            columns, delimiter = _header(self.path, lines)
            pile: list[list[str]] = []
            rows: list[int] = []
            faults: list[Fault] = []
            size = 0
            for number, values, reason in _csv_rows(self.path, lines, delimiter):
                size += lines.size
                if reason is None and len(values) != len(columns):
                    reason = f"the row has {len(values)} fields, the header {len(columns)}"
                if reason is not None:
                    faults.append(Fault(number, None, reason, {"fields": len(values)}))
                else:
                    pile.append(values)
                    rows.append(number)
                if len(rows) + len(faults) >= limit or size >= BLOCK_BYTES:
                    yield Block(rows, pile, stream.consumed(), columns, faults)
                    pile, rows, faults, size = [], [], [], 0
            yield Block(rows, pile, self.size, columns, faults)

    def _parquet_blocks(self, limit: int) -> Iterator[Block]:
        with _parquet(self.path) as file:
            columns = _unique(self.path, list(file.schema_arrow.names))
            total = max(file.metadata.num_rows, 1)
            pile: list[pa.RecordBatch] = []
            done = held = size = 0

            def block() -> Block:
                table = pa.Table.from_batches(pile).combine_chunks()
                rows = list(range(done - held + 1, done + 1))
                return Block(rows, table, self.size * done // total, columns)

            try:
                # small batches, since a batch of huge fields must not be read as one
                for batch in file.iter_batches(batch_size=min(limit, 4096)):
                    pile.append(batch)
                    done, held, size = done + len(batch), held + len(batch), size + batch.nbytes
                    if held >= limit or size >= BLOCK_BYTES:
                        yield block()
                        pile, held, size = [], 0, 0
                if pile:
                    yield block()
            except (pa.ArrowException, OSError):
                raise IntakeError(f"{self.path.name} is damaged Parquet; export it again.") from None


def open_source(path: Path) -> Source:
    """Look at a file: is it there, not empty, and what its name says? Raises IntakeError otherwise."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    gzipped = bool(suffixes) and suffixes[-1] == ".gz"
    ending = (suffixes[:-1] if gzipped else suffixes)[-1:]
    kind = _SUFFIXES.get(ending[0]) if ending else None
    if kind is None or (gzipped and kind == "parquet"):
        raise IntakeError(f"{path.name}: the name must end in .jsonl, .csv (also with .gz) or .parquet.")
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        raise IntakeError("The file's name is not UTF-8; rename it.") from None
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            head = raw.read(4096)
    except OSError as error:
        raise IntakeError(f"{path} cannot be read: {error.strerror or 'a read error'}.") from None
    if not size:
        raise IntakeError(f"{path.name} is empty.")
    _same_as_name(path, head, kind, gzipped)
    source = Source(path, kind, gzipped, size)
    if gzipped:
        with source._open() as stream:
            try:
                head = stream.text.read(4096)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise IntakeError(f"{path.name} is damaged inside its gzip compression; copy it again.") from None
    if kind != "parquet":
        _text_only(path, head)
    return source


def decode(block: Block) -> Decoded:
    """The records of a block. Empty CSV cells and Parquet nulls are absent keys: missing is never a value."""
    if isinstance(block.payload, pa.Table):
        return _decode_parquet(block)
    if block.columns:
        pairs = block.columns
        records = [{k: v for k, v in zip(pairs, row, strict=True) if v != ""} for row in block.payload]
        return Decoded(block.rows, records, list(block.faults))
    return _decode_json(block)


def read(path: Path, rows: int = BLOCK_ROWS) -> Iterator[tuple[Decoded, int]]:
    """(decoded block, bytes of the file consumed so far), in order, in constant memory."""
    for block in open_source(path).blocks(rows):
        yield decode(block), block.consumed


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


class _Stream:
    """A file opened for reading text bytes, unpacked on the way; knows how far into the file it is."""

    def __init__(self, path: Path, gzipped: bool) -> None:
        self._raw = path.open("rb")
        self.text: IO[bytes] = self._raw
        if gzipped:
            self.text = io.BufferedReader(gzip.GzipFile(fileobj=self._raw), 1 << 20)

    def consumed(self) -> int:
        return self._raw.tell()

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.text.close()
        self._raw.close()


def _byte_lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Lines without their end; None for one over the limit, which is skipped without being held."""
    while line := stream.readline(MAX_ROW + 1):
        if len(line) > MAX_ROW and line[-1:] != b"\n":
            del line
            while (rest := stream.readline(1 << 20)) and rest[-1:] != b"\n":
                continue
            yield None
        else:
            yield line.rstrip(b"\r\n")


class _Runaway(Exception):  # noqa: N818 - not an error of the program: a signal through csv.reader
    pass


class _Lines:
    """Lines of text for csv.reader; holds those of the record being read, so that one open quote costs one row.

    What is wrong with a line (encoding, NUL, length) is kept in `problem` and told once its record is whole.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = _byte_lines(stream)
        self._again: deque[str] = deque()
        self._first = True
        self.start()

    def start(self) -> None:
        """A new record begins."""
        self.held: list[str] = []
        self.size = 0
        self.problem: str | None = None

    def rewind(self) -> None:
        """Read the lines of this record again, save the first."""
        self._again.extendleft(reversed(self.held[1:]))

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._fresh(next(self._lines))
        if "\ufffd" in line:
            self.problem = self.problem or NOT_UTF8
        if "\0" in line:
            self.problem = NUL
        self.held.append(line)
        self.size += len(line)
        if self.size > MAX_ROW:
            raise _Runaway
        return line

    def _fresh(self, raw: bytes | None) -> str:
        if raw is None:
            self.problem = TOO_LONG
            return "\n"
        if self._first:
            self._first = False
            raw = raw.removeprefix(_BOM)
        # a replacement character in the file itself is also lost text: the same fault
        return raw.decode("utf-8", errors="replace") + "\n"


def _csv_rows(path: Path, lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(row number, fields, what is wrong) of every record after the header; blank lines are no records."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))  # the module's own limit is 128 kB
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, recoveries = 1, 0
    while True:
        lines.start()
        try:
            values = next(reader)
            problem = lines.problem
        except StopIteration:
            return
        except (csv.Error, _Runaway):
            values, problem = [], lines.problem or OPEN_QUOTE
            if len(lines.held) > 1:
                recoveries += 1
                lines.rewind()
        if not values and problem is None:
            continue
        number += 1
        if recoveries > MAX_RECOVERIES:
            raise IntakeError(
                f"{path.name}: more than {MAX_RECOVERIES} quotes are opened and never closed; "
                "export it as CSV with doubled quotes."
            )
        yield number, values, problem


def _header(path: Path, lines: _Lines) -> tuple[tuple[str, ...], str]:
    first = next(lines, None)
    if first is None or not first.strip():
        raise IntakeError(f"{path.name} has no header line.")
    if lines.problem:
        raise IntakeError(f"{path.name}: the header is not plain UTF-8 text; save the file as UTF-8.")
    delimiter = max(",;\t", key=first.count)
    try:
        names = next(csv.reader([first], delimiter=delimiter, strict=True))
    except csv.Error:
        raise IntakeError(f"{path.name}: the header has a quote that is not closed.") from None
    return _unique(path, [name.strip() for name in names]), delimiter


def _unique(path: Path, names: list[str]) -> tuple[str, ...]:
    named = [name or f"(column {i})" for i, name in enumerate(names, start=1)]
    seen: dict[str, int] = {}
    for i, name in enumerate(named, start=1):
        if name in seen:
            raise IntakeError(f"{path.name}: columns {seen[name]} and {i} have the same name; rename one.")
        seen[name] = i
    return tuple(named)


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise IntakeError(f"{path.name} is damaged Parquet; export it again.") from None


def _same_as_name(path: Path, head: bytes, kind: Format, gzipped: bool) -> None:
    is_parquet = head[:4] == _PARQUET
    if is_parquet and kind != "parquet":
        raise IntakeError(f"{path.name} holds Parquet; rename it to end in .parquet.")
    if kind == "parquet" and not is_parquet:
        raise IntakeError(f"{path.name} is named Parquet but is not.")
    if gzipped != (head[:2] == _GZIP):
        what = "is named .gz but is not compressed" if gzipped else "is compressed; rename it to end in .gz"
        raise IntakeError(f"{path.name} {what}.")


def _text_only(path: Path, head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise IntakeError(f"{path.name} is {what}.")
    if head[128:132] == b"DICM":
        raise IntakeError(f"{path.name} is a DICOM file.")
    control = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    if control > 4 + len(head) // 10:  # a stray control character is the fault of its row
        raise IntakeError(f"{path.name} is a binary file or UTF-16 text; write it as UTF-8 text.")
