"""Files to rows, in blocks of bounded size: JSON Lines and CSV (also .gz) and Parquet.

Reading is split in two so that the costly half can run in other processes: `Source.blocks` cuts the file into
blocks (cheap, in order), `decode` turns a block into records. A fault of the whole file raises IntakeError; a
fault of one row becomes a Fault and the rest goes on. Row numbers are what a person sees: the line of a JSON
Lines file, the record of a CSV file where the header is row 1, the row of a Parquet file counted from 1.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.intake.blocks import Block, Decoded, decode
from auditor.intake.faults import Fault, IntakeError
from auditor.intake.lines import TOO_LONG, Lines, byte_lines, csv_rows, header, unique
from auditor.intake.sniff import Format, same_as_name, text_only

#: A block ends at this many rows or bytes, whichever comes first: what bounds memory.
BLOCK_ROWS: Final = 50_000
BLOCK_BYTES: Final = 32 << 20

_SUFFIXES: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_BOM: Final = b"\xef\xbb\xbf"


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
                return unique(self.path, list(file.schema_arrow.names))
        with self._open() as stream:
            return header(self.path, Lines(stream.text))[0]

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
            for number, line in enumerate(byte_lines(stream.text), start=1):
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
            lines = Lines(stream.text)
            columns, delimiter = header(self.path, lines)
            pile: list[list[str]] = []
            rows: list[int] = []
            faults: list[Fault] = []
            size = 0
            for number, values, reason in csv_rows(self.path, lines, delimiter):
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
            columns = unique(self.path, list(file.schema_arrow.names))
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
    same_as_name(path, head, kind, gzipped)
    source = Source(path, kind, gzipped, size)
    if gzipped:
        with source._open() as stream:
            try:
                head = stream.text.read(4096)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise IntakeError(f"{path.name} is damaged inside its gzip compression; copy it again.") from None
    if kind != "parquet":
        text_only(path, head)
    return source


def read(path: Path, rows: int = BLOCK_ROWS) -> Iterator[tuple[Decoded, int]]:
    """(decoded block, bytes of the file consumed so far), in order, in constant memory."""
    for block in open_source(path).blocks(rows):
        yield decode(block), block.consumed


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


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise IntakeError(f"{path.name} is damaged Parquet; export it again.") from None
