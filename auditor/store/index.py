"""Which rows the lake holds already: the identity index that intake asks before it writes.

The same identifier with the same content is a no-op; the same identifier with other content is a conflict,
unless the kind of record may be amended. Identifiers are held as 128-bit hashes in sorted arrays (32 bytes a
row, content included), so a million of them load in about a second and are looked up together.
"""

from collections import defaultdict
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.segments import Readable, segments_of

#: What `IdIndex.decide` says about a row.
NEW: Final = 0
SAME: Final = 1  # held already: a no-op
CONFLICT: Final = 2  # its identifier is held with other content

#: The column that identifies a row of each kind.
ID_COLUMNS: Final = {"outputs": "output_id", "references": "reference_id", "cases": "case_id"}

Bools = NDArray[np.bool_]
_Words = NDArray[np.uint64]
_DIGEST_BYTES = 16


class Seen(NamedTuple):
    """For each row asked about: is its identifier held, and is it held with this very content?"""

    id: Bools
    content: Bools


def _id_words(ids: pa.Array | pa.ChunkedArray) -> _Words:
    """Identifiers as (n, 2) words: 128 bits of Python's keyed hash of bytes (SipHash), in two halves.

    The key is this process's own and the index never leaves it, so the fastest good hash at hand will do.
    """
    values = ids.cast(pa.binary()).to_pylist()
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = np.fromiter(map(hash, values), np.int64, len(values))
    words[:, 1] = np.fromiter((hash(value + b"\0") for value in values), np.int64, len(values))
    return words.view(np.uint64)


def _digest_words(digests: pa.Array | pa.ChunkedArray) -> _Words:
    """Digests of 16 bytes as (n, 2) words."""
    chunks = digests.chunks if isinstance(digests, pa.ChunkedArray) else [digests]
    parts = [np.zeros((0, 2), np.uint64)]
    for chunk in chunks:
        if len(chunk):
            start = chunk.offset * _DIGEST_BYTES
            data = chunk.buffers()[1].slice(start, len(chunk) * _DIGEST_BYTES)
            parts.append(np.frombuffer(data, np.uint64).reshape(-1, 2))
    return np.concatenate(parts)


class IdIndex:
    """Identifiers and content digests of the rows of one kind and system.

    `last_seq` is the newest segment that the index knows: hand it to `register_segments`, which refuses if
    another writer was faster.
    """

    def __init__(self, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self._rows = np.zeros((0, 4), np.uint64)  # id, id, digest, digest; sorted by the first word
        self._first = np.zeros(0, np.uint64)  # the first word by itself, for binary search

    @classmethod
    def load(cls, source: Readable, lake: Lake, kind: str, system: str) -> "IdIndex":
        """The index of everything registered so far. `kind` is outputs, references or cases."""
        if kind not in ID_COLUMNS:
            raise StoreError(f"Records of kind {kind} have no identifier to index.")
        known = segments_of(source, system, kind)
        index = cls(known[-1].seq if known else 0)
        if known:
            rows = lake.read_many((segment.sha256 for segment in known), [ID_COLUMNS[kind], "digest"])
            index.add(rows[ID_COLUMNS[kind]], rows["digest"])
        return index

    def __len__(self) -> int:
        return len(self._first)

    def add(self, ids: pa.Array | pa.ChunkedArray, digests: pa.Array | pa.ChunkedArray) -> None:
        """Take rows into the index."""
        rows = np.concatenate([_id_words(ids), _digest_words(digests)], axis=1)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        places = np.searchsorted(self._first, rows[:, 0], side="right")
        self._rows = np.insert(self._rows, places, rows, axis=0)
        self._first = np.ascontiguousarray(self._rows[:, 0])

    def lookup(self, ids: pa.Array | pa.ChunkedArray, digests: pa.Array | pa.ChunkedArray) -> Seen:
        """What the index holds of these rows; rows asked about together do not know of each other."""
        return self._lookup(_id_words(ids), _digest_words(digests))

    def _lookup(self, ids: _Words, digests: _Words) -> Seen:
        seen = Seen(np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.bool_))
        place = np.searchsorted(self._first, ids[:, 0], side="left")
        end = np.searchsorted(self._first, ids[:, 0], side="right")
        rows = np.flatnonzero(place < end)
        while len(rows):  # one round for each row held under an identifier: one, but for amended records
            held = self._rows[place[rows]]
            same_id = held[:, 1] == ids[rows, 1]
            seen.id[rows] |= same_id
            seen.content[rows] |= same_id & (held[:, 2:] == digests[rows]).all(axis=1)
            place[rows] += 1
            rows = rows[place[rows] < end[rows]]
        return seen

    def decide(
        self,
        ids: pa.Array | pa.ChunkedArray,
        digests: pa.Array | pa.ChunkedArray,
        amendable: Bools | None = None,
    ) -> NDArray[np.int8]:
        """NEW, SAME or CONFLICT for each row, against the index and the rows before it: the first one wins.

        Where `amendable`, other content under a known identifier is NEW (an amendment), not a conflict.
        """
        id_words, digest_words = _id_words(ids), _digest_words(digests)
        may = np.zeros(len(id_words), np.bool_) if amendable is None else amendable
        seen = self._lookup(id_words, digest_words)
        codes = np.where(seen.content, SAME, np.where(seen.id & ~may, CONFLICT, NEW)).astype(np.int8)
        _, group, size = np.unique(id_words, axis=0, return_inverse=True, return_counts=True)
        accepted: dict[int, set[bytes]] = defaultdict(set)
        for row in np.flatnonzero((size[group] > 1) & (codes == NEW)):  # only identifiers given twice
            before, content = accepted[int(group[row])], digest_words[row].tobytes()
            if content in before:
                codes[row] = SAME
            elif before and not may[row]:
                codes[row] = CONFLICT
            else:
                before.add(content)
        return codes
