"""Columns of whole numbers and a header as bytes: what the lake keeps of a tally."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: Raised with the layout: what was kept in another one is made anew.
FORMAT: Final = 4
_MAGIC: Final = b"auditor-tally-%d\n" % FORMAT
_LARGEST_BYTES: Final = 1 << 30  # 60 million sums: no damaged header may claim more

#: Value, distinct hashes of subjects; stratum, cell; stratum, rank of the hash and kinds of each subject; group.
#: Little-endian, wide columns first, so that each begins where a processor reads it without a copy.
_LAYOUT: Final = ("<i8", "<u8", "<i4", "<i4", "<i4", "<i4", "<u4", "u1")


class PackingError(ValueError):
    """Bytes that `packed` did not write; `damaged` where they begin as though it had."""

    def __init__(self, damaged: bool) -> None:
        super().__init__("damaged" if damaged else "other bytes")
        self.damaged = damaged


def packed(header: Mapping[str, object], columns: Sequence[NDArray[Any]]) -> bytes:
    """Canonical bytes: equal headers and columns give equal bytes."""
    arrays = [column.astype(dtype, copy=False) for column, dtype in zip(columns, _LAYOUT, strict=True)]
    about = {**header, "lengths": [len(array) for array in arrays]}
    text = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays)
    return _MAGIC + len(body).to_bytes(8, "little") + bytes(pa.compress(body, codec="zstd", asbytes=True))


def unpacked(data: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The header and columns that `packed` was given. Raises PackingError for anything else."""
    start = len(_MAGIC) + 8
    size = int.from_bytes(data[len(_MAGIC) : start], "little")
    if not data.startswith(_MAGIC) or len(data) <= start or size > _LARGEST_BYTES:
        raise PackingError(damaged=False)
    try:
        body = pa.decompress(pa.py_buffer(data).slice(start), decompressed_size=size, codec="zstd")
        split = 8 + int.from_bytes(body[:8].to_pybytes(), "little")
        header = json.loads(body[8:split].to_pybytes())
        lengths = [int(length) for length in header.pop("lengths")]
        ends = split + np.cumsum([n * np.dtype(d).itemsize for n, d in zip(lengths, _LAYOUT, strict=True)])
        starts = [split, *(int(end) for end in ends[:-1])]
        if min(lengths) < 0 or int(ends[-1]) != size:
            raise PackingError(damaged=True)
        columns = [
            np.frombuffer(body, dtype, count=n, offset=at)
            for n, dtype, at in zip(lengths, _LAYOUT, starts, strict=True)
        ]
    except (ValueError, KeyError, TypeError, OSError, AttributeError, RecursionError, OverflowError) as error:
        raise PackingError(damaged=True) from error
    return header, columns
