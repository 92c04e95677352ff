"""Taking rows out of a lake whose segments never change: a segment is written again without them, and takes over.

Three steps, in an order that a crash cannot turn into a loss. New files are written first; one transaction leads
the ledger to them and says so (an `erasures` row, old and new hash of every segment); then the old files are
deleted. A crash before the transaction leaves new files, one after it old files, that nobody registered: `verify`
names them, and the next erasure of the system deletes the old ones.

Sums over patients (tallies) cannot be divided again. They are retired: the row of the segment stays, empty, and
the next audit makes them again from what is left.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.keeping.errors import KeepingError
from auditor.keeping.rows import KINDS, SUMS, Chosen, live_segments
from auditor.store import tables as t
from auditor.store.lake import Lake, Segment
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import LIVE, Readable, Registered

#: How often others may register segments before we give up.
_TRIES: Final = 5
#: A rewritten segment says which one it stands for, so that no two are the same file whatever rows are left.
_STANDS_FOR: Final = b"auditor.rewritten_from"


@dataclass(frozen=True)
class Erased:
    """What an erasure did: rows by kind of record, segments rewritten and retired, leftover files deleted."""

    rows: dict[str, int] = field(default_factory=dict)
    rewritten: int = 0
    retired: int = 0
    deleted: int = 0
    lost_judges: tuple[str, ...] = ()  # whose judgements can no longer be told to be of anybody

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class _Rewritten:
    rows: Counter[str]
    new: list[tuple[Registered, Segment]]
    retired: list[Registered]

    @property
    def replaced(self) -> list[list[str | None]]:
        pairs: list[list[str | None]] = [[old.sha256, new.sha256] for old, new in self.new]
        return pairs + [[old.sha256, None] for old in self.retired]


@dataclass(frozen=True)
class Order:
    """Why rows go: on whose request or by retention, of which system, by whom and when."""

    system: str
    kind: str  # request | retention
    subject: str | None
    reason: str
    actor: str
    at: datetime


def erase(
    ledger: Ledger,
    lake: Lake,
    order: Order,
    choose: Callable[[Sequence[Registered]], Chosen],
    guard: Callable[[Readable], None],
) -> Erased:
    """Erase what `choose` finds in the segments of a system; `rows` is empty where it finds nothing.

    `guard` raises where nothing may be erased; it is asked again inside the transaction. Where others register
    segments meanwhile, all is chosen again. Raises KeepingError where they never stop.
    """
    for _ in range(_TRIES):
        guard(ledger)
        segments = live_segments(ledger, order.system)
        made = _rewrite(lake, segments, choose(segments))
        if not made.rows:
            return Erased()
        written = [new.sha256 for _, new in made.new]
        try:
            with ledger.transaction(order.actor, order.at) as tx:
                guard(tx)
                settled = live_segments(tx, order.system) == segments
                if settled:
                    _record(tx, order, made)
        except BaseException:
            _delete_unregistered(ledger, lake, written)
            raise
        if settled:
            deleted = sweep(ledger, lake, order.system)
            return Erased(dict(made.rows), len(made.new), len(made.retired), deleted)
        _delete_unregistered(ledger, lake, written)
    raise KeepingError("Other processes keep writing to this system; nothing was erased, try again later.")


def count(lake: Lake, segments: Iterable[Registered], chosen: Chosen) -> dict[str, int]:
    """How many rows of each kind would go."""
    found: Counter[str] = Counter()
    for segment in segments:
        if segment.kind in KINDS:
            found[segment.kind] += pc.sum(chosen.of(lake.read(segment.sha256), segment.kind)).as_py() or 0
    return {kind: found[kind] for kind in KINDS if found[kind]}


def sweep(ledger: Ledger, lake: Lake, system: str) -> int:
    """Delete the files that erasures of a system replaced and that still lie in the lake; says how many."""
    query = sa.select(t.erasures.c.replaced).where(t.erasures.c.system == system)
    return _delete_unregistered(ledger, lake, [old for row in ledger.read(query) for old, _ in row["replaced"]])


def _rewrite(lake: Lake, segments: Sequence[Registered], chosen: Chosen) -> _Rewritten:
    """Write every segment that holds chosen rows again without them; registers nothing.

    A damaged segment is refused (StoreError): rewriting would hide the damage behind a new hash.
    """
    rows: Counter[str] = Counter()
    new = []
    for segment in segments:
        if segment.kind not in KINDS:
            continue
        table = lake.read(segment.sha256, verify=True)
        gone = chosen.of(table, segment.kind)
        if going := pc.sum(gone).as_py():
            about = {**(table.schema.metadata or {}), _STANDS_FOR: segment.sha256.encode()}
            left = table.filter(pc.invert(gone)).replace_schema_metadata(about)
            new.append((segment, lake.write(left, segment.kind)))
            rows[segment.kind] += going
    retired = [segment for segment in segments if segment.kind == SUMS] if rows else []
    return _Rewritten(rows, new, retired)


def _record(tx: Transaction, order: Order, made: _Rewritten) -> None:
    """Lead the ledger from the old segments to the new, and say what was done."""
    for old, new in made.new:
        tx.update(t.segments, old.seq, {"sha256": new.sha256, "rows": new.rows, "bytes": new.bytes})
        named = (t.artifacts.c.system == order.system, t.artifacts.c.segment == old.sha256)
        for artifact in tx.read(sa.select(t.artifacts.c.key).where(*named)):
            tx.update(t.artifacts, artifact["key"], {"segment": new.sha256})
    for old in made.retired:
        tx.update(t.segments, old.seq, {"rows": 0, "bytes": 0})
    row: dict[str, Any] = {"id": tx.next(t.erasures), "rows": dict(made.rows), "replaced": made.replaced}
    tx.insert(t.erasures, [row | asdict(order)])


def _delete_unregistered(ledger: Ledger, lake: Lake, sha256s: Iterable[str]) -> int:
    """Delete those of these files that no segment of any system names; says how many there were."""
    live = {row["sha256"] for row in ledger.read(sa.select(t.segments.c.sha256).where(LIVE))}
    lying = [name for name in dict.fromkeys(sha256s) if name not in live and lake.exists(name)]
    for name in lying:
        lake.delete(name)
    return len(lying)
