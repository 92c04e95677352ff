"""Is a file what its name says? Told from its first bytes, before anything is parsed."""

from pathlib import Path
from typing import Final, Literal

from auditor.intake.faults import IntakeError

Format = Literal["jsonl", "csv", "parquet"]

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


def same_as_name(path: Path, head: bytes, kind: Format, gzipped: bool) -> None:
    is_parquet = head[:4] == _PARQUET
    if is_parquet and kind != "parquet":
        raise IntakeError(f"{path.name} holds Parquet; rename it to end in .parquet.")
    if kind == "parquet" and not is_parquet:
        raise IntakeError(f"{path.name} is named Parquet but is not.")
    if gzipped != (head[:2] == _GZIP):
        what = "is named .gz but is not compressed" if gzipped else "is compressed; rename it to end in .gz"
        raise IntakeError(f"{path.name} {what}.")


def text_only(path: Path, head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise IntakeError(f"{path.name} is {what}.")
    if head[128:132] == b"DICM":
        raise IntakeError(f"{path.name} is a DICOM file.")
    control = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    if control > 4 + len(head) // 10:  # a stray control character is the fault of its row
        raise IntakeError(f"{path.name} is a binary file or UTF-16 text; write it as UTF-8 text.")
