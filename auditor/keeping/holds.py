"""Legal holds: while one stands, nothing that it covers may be erased, neither on request nor by retention."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from auditor.keeping.errors import KeepingError
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.segments import Readable


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that stands, on a whole system or on one patient by keyed hash."""

    id: int
    system: str
    subject: str | None  # None: the whole system
    reason: str
    placed_at: datetime
    actor: str


def place(ledger: Ledger, system: str, reason: str, actor: str, at: datetime, subject: str | None = None) -> int:
    """Forbid erasure of a system's rows, or of one patient's (by keyed hash); returns the number of the hold.

    A patient of whom nothing was received yet can be held too. Raises KeepingError for an unknown system and
    where no reason is given.
    """
    with ledger.transaction(actor, at) as tx:
        check_system(tx, system)
        number = tx.next(t.holds)
        row = {"id": number, "system": system, "subject": subject, "reason": said(reason), "placed_at": at}
        tx.insert(t.holds, [row | {"actor": actor, "lifted_at": None, "lifted_by": None}])
    return number


def lift(ledger: Ledger, number: int, actor: str, at: datetime) -> None:
    """End a hold. Raises KeepingError where there is none of that number or it was lifted before."""
    with ledger.transaction(actor, at) as tx:
        rows = tx.read(sa.select(t.holds).where(t.holds.c.id == number))
        if not rows:
            raise KeepingError(f"There is no hold {number}; 'auditor hold list' shows those that stand.")
        if rows[0]["lifted_at"] is not None:
            raise KeepingError(f"Hold {number} was lifted before.")
        tx.update(t.holds, number, {"lifted_at": at, "lifted_by": actor})


def standing(reader: Readable, system: str | None = None) -> list[Hold]:
    """The holds that stand on a system and on its patients, oldest first; of every system where none is named."""
    query = sa.select(t.holds).where(t.holds.c.lifted_at.is_(None)).order_by(t.holds.c.id)
    rows = reader.read(query if system is None else query.where(t.holds.c.system == system))
    return [
        Hold(row["id"], row["system"], row["subject"], row["reason"], row["placed_at"], row["actor"])
        for row in rows
    ]


def refuse_if_held(reader: Readable, system: str, subject: str | None = None) -> None:
    """Raises KeepingError where a hold stands on the system or, where one is named, on this patient."""
    for hold in standing(reader, system):
        if hold.subject is None:
            raise KeepingError(f"{system} is under hold {hold.id}, so nothing of it may be erased; lift it first.")
        if hold.subject == subject:
            raise KeepingError(
                f"The patient is under hold {hold.id} in {system}, so nothing was erased; lift it first."
            )


def held_patients(reader: Readable, system: str) -> frozenset[str]:
    """The keyed hashes of the patients of a system on whom a hold stands."""
    return frozenset(hold.subject for hold in standing(reader, system) if hold.subject is not None)


def check_system(reader: Readable, system: str) -> None:
    """Raises KeepingError for a system that this workspace does not know."""
    if not reader.read(sa.select(t.systems.c.name).where(t.systems.c.name == system)):
        raise KeepingError(f"There is no system {system!r} in this workspace.")


def said(reason: str) -> str:
    """A reason that says something. Raises KeepingError for an empty one."""
    if not reason.strip():
        raise KeepingError("Say why: a hold or an erasure without a reason cannot be answered for later.")
    return reason.strip()
