"""Lines of text files under limits, and CSV records out of them."""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from auditor.intake.faults import IntakeError

#: Longest row in bytes: above every field's own limit together; anything longer is a mistake.
MAX_ROW: Final = 16 << 20
#: After so many quotes that never close, the file is not CSV as we know it.
MAX_RECOVERIES: Final = 100
_BOM: Final = b"\xef\xbb\xbf"


NOT_UTF8: Final = "the row is not UTF-8 text; save the file as UTF-8"
NUL: Final = "the row holds a NUL character; export the file again as plain text"
TOO_LONG: Final = f"the row is longer than {MAX_ROW >> 20} MB"
CUT_OFF: Final = (
    "the row is not one complete JSON object; the line may be cut off or hold a value JSON has not (NaN)"
)
NOT_OBJECT: Final = "the row is JSON but not an object; write one object a line, {…}"
OPEN_QUOTE: Final = "a quote opened in this row is never closed; double the quotes inside a field"


def byte_lines(stream: IO[bytes]) -> Iterator[bytes | None]:
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


class Lines:
    """Lines of text for csv.reader; holds those of the record being read, so that one open quote costs one row.

    What is wrong with a line (encoding, NUL, length) is kept in `problem` and told once its record is whole.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = byte_lines(stream)
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

    def __iter__(self) -> "Lines":
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


def csv_rows(path: Path, lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
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


def header(path: Path, lines: Lines) -> tuple[tuple[str, ...], str]:
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
    return unique(path, [name.strip() for name in names]), delimiter


def unique(path: Path, names: list[str]) -> tuple[str, ...]:
    named = [name or f"(column {i})" for i, name in enumerate(names, start=1)]
    seen: dict[str, int] = {}
    for i, name in enumerate(named, start=1):
        if name in seen:
            raise IntakeError(f"{path.name}: columns {seen[name]} and {i} have the same name; rename one.")
        seen[name] = i
    return tuple(named)
