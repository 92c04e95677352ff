"""Who looked at which case: written into the journal before anything of the case is shown."""

from datetime import datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.ledger import Ledger

What = Literal["case", "image", "review"]

#: Several looks of one person at the same thing within this time are one look.
ONE_LOOK: Final = timedelta(minutes=10)


def view(ledger: Ledger, user: str, system: str, case_id: str, what: What, at: datetime) -> None:
    """Record that `user` sees text or image of a case; call it before the answer is given.

    Several looks of one user at the same case and `what` within ten minutes are one row, counted from the look
    that was recorded, so somebody who looks all day has a row every ten minutes.
    """
    seen = t.case_views
    mine = sa.select(seen.c.id).where(
        seen.c.user == user,
        seen.c.case_id == case_id,
        seen.c.what == what,
        seen.c.system == system,
        seen.c.at > at - ONE_LOOK,
        seen.c.at <= at,
    )
    if ledger.read(mine.limit(1)):  # most looks need no writer's turn
        return
    with ledger.transaction(user, at) as tx:
        if tx.read(mine.limit(1)):
            return
        row = {"id": tx.next(seen), "user": user, "system": system, "case_id": case_id, "what": what, "at": at}
        tx.insert(seen, [row])
