"""Tallies in the lake by their keys: read when they are asked for, kept in blocks, each in one transaction."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments, retired
from monitors.tally import Tally

#: Tallies between two commits, and their bytes: what a crash can cost, and what is held of them.
BLOCK: Final = 2_000
BLOCK_BYTES: Final = 1 << 26
#: Bytes of tallies that stay in memory once their segment was read.
HELD_BYTES: Final = 1 << 28


class KeptTallies:
    """The tallies of the `wanted` keys that the lake has, and those that were made and are to be kept."""

    def __init__(
        self, ledger: Ledger, lake: Lake, system: str, transaction: Callable[[], Any], wanted: Collection[str]
    ) -> None:
        query = sa.select(t.artifacts.c.key, t.artifacts.c.segment).where(t.artifacts.c.kind == "tally")
        segments = {row["key"]: row["segment"] for row in ledger.read(query) if row["key"] in wanted}
        gone = retired(ledger)
        self._lake, self._system, self._transaction = lake, system, transaction
        self._segments = {key: segment for key, segment in segments.items() if segment not in gone}
        self._lost = segments.keys() - self._segments.keys()  # an erasure retired them; their rows are still there
        self._held: dict[str, dict[str, bytes]] = {}  # by segment, the one used last at the end
        self._unkept: dict[str, bytes] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._segments or key in self._unkept

    def read(self, keys: Sequence[str]) -> list[Tally]:
        """The tallies of these keys, in their order."""
        found = {key: self._unkept[key] for key in keys if key in self._unkept}
        for segment in sorted({self._segments[key] for key in keys if key not in found}):
            found |= self._of(segment)
        return [Tally.from_bytes(found[key]) for key in keys]

    def _of(self, segment: str) -> dict[str, bytes]:
        """The bytes of those tallies of a segment that are wanted."""
        held = self._held.pop(segment, None)
        if held is None:
            table = self._lake.read_many([segment], schema=schemas.TALLIES)
            table = table.filter(pc.is_in(table["key"], value_set=pa.array(list(self._segments), pa.string())))
            held = dict(zip(table["key"].to_pylist(), table["tally"].to_pylist(), strict=True))
        self._hold(segment, held)
        return held

    def _hold(self, segment: str, tallies: dict[str, bytes]) -> None:
        """Remember the tallies of a segment, and forget those that were used longest ago where it is too much."""
        self._held[segment] = tallies
        size = sum(_size(one) for one in self._held.values())
        while size > HELD_BYTES and len(self._held) > 1:
            size -= _size(self._held.pop(next(iter(self._held))))

    def put(self, key: str, tally: Tally) -> None:
        """Take a tally that was made; it is kept with the others of its block."""
        self._unkept[key] = tally.to_bytes()
        if len(self._unkept) >= BLOCK or _size(self._unkept) >= BLOCK_BYTES:
            self.keep()

    def keep(self) -> None:
        """Write what was put to the lake and register it; a row that was lost is led to the new segment."""
        made, self._unkept = self._unkept, {}
        if not made:
            return
        table = pa.table({"key": list(made), "tally": list(made.values())}, schema=schemas.TALLIES)
        segment = self._lake.write(table, "tallies")
        with self._transaction() as tx:
            register_segments(tx, [segment], self._system)
            about = {"kind": "tally", "system": self._system, "segment": segment.sha256, "created_at": tx.at}
            tx.insert_new(t.artifacts, [{"key": key, **about} for key in made if key not in self._lost])
            for key in sorted(self._lost & made.keys()):
                tx.update(t.artifacts, key, about)
        self._lost -= made.keys()
        self._segments |= dict.fromkeys(made, segment.sha256)
        self._hold(segment.sha256, made)


def _size(tallies: dict[str, bytes]) -> int:
    return sum(map(len, tallies.values()))
