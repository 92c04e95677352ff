"""A bottom-k sample of judged rows: the k smallest by a hash of (seed, row digest). It merges, but is no sum.

Libraries that need rows (Evidently) read this sample; every row has the same chance to be in it, whatever the
order or partition in which rows arrive.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_HASH: Final = "_hash"


class SampleError(ValueError):
    """One clear sentence about a sample that cannot be made, merged or read."""


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The k rows of smallest hash, sorted by it; each digest once."""

    k: int
    seed: int
    rows: pa.Table  # the chosen columns, and the hash

    @classmethod
    def of(cls, table: pa.Table, columns: Sequence[str], k: int = 5000, seed: int = 0) -> "RowSample":
        """Sample `columns` of a judged table; the row is named by its `digest`."""
        missing = [name for name in ("digest", *columns) if name not in table.column_names]
        if missing:
            raise SampleError(f"The judged table has no column {missing[0]!r}; it is needed for the sample.")
        if k < 1:
            raise SampleError("A sample needs at least one row; give k ≥ 1.")
        chosen = table.select(list(columns))
        plain = [chosen[name].cast(_plain(chosen.schema.field(name).type)) for name in columns]
        hashes = _hashes(table["digest"], seed)
        return cls(k, seed, _smallest(pa.table([*plain, pa.array(hashes)], names=[*columns, _HASH]), k))

    @classmethod
    def merge(cls, samples: Sequence["RowSample"]) -> "RowSample":
        """The sample of all rows together."""
        if not samples:
            raise SampleError("Merging needs at least one sample.")
        first = samples[0]
        if any((s.k, s.seed, s.rows.schema) != (first.k, first.seed, first.rows.schema) for s in samples):
            raise SampleError(
                "Samples of different size, seed or columns cannot be merged; make one of them anew."
            )
        return cls(first.k, first.seed, _smallest(pa.concat_tables([s.rows for s in samples]), first.k))

    @property
    def table(self) -> pa.Table:
        """The sampled rows without their hash."""
        return self.rows.drop_columns([_HASH])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowSample):
            return NotImplemented
        return (self.k, self.seed) == (other.k, other.seed) and bool(self.rows.equals(other.rows))

    __hash__ = None  # type: ignore[assignment]  # equal by content

    def to_bytes(self) -> bytes:
        """An Arrow IPC stream, with size and seed in its metadata."""
        sink = io.BytesIO()
        rows = self.rows.replace_schema_metadata({"k": str(self.k), "seed": str(self.seed)}).combine_chunks()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "RowSample":
        """Read what `to_bytes` wrote. Raises SampleError for anything else."""
        try:
            rows = pa.ipc.open_stream(data).read_all()
            metadata = rows.schema.metadata or {}
            return cls(int(metadata[b"k"]), int(metadata[b"seed"]), rows.replace_schema_metadata(None))
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise SampleError("These bytes are not a row sample; make it anew.") from error


def _plain(kind: pa.DataType) -> pa.DataType:
    """Dictionaries differ between batches; their values do not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _hashes(digest: pa.ChunkedArray, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each 16-byte digest and the seed: splitmix64 over both words of a SHA-256 prefix."""
    raw = b"".join(digest.cast(pa.binary()).to_pylist())
    words = np.frombuffer(raw, "<u8").reshape(-1, 2)
    start = np.uint64(seed & (2**64 - 1))
    return _mix(_mix(words[:, 0] ^ _mix(np.array([start]))) ^ words[:, 1])


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _smallest(rows: pa.Table, k: int) -> pa.Table:
    """The k rows of smallest distinct hash."""
    hashes = rows[_HASH].to_numpy()
    _, first = np.unique(hashes, return_index=True)
    return rows.take(pa.array(first[:k])).combine_chunks()
