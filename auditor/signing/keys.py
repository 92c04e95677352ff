"""Which keys have signed for a workspace: their public halves in the ledger."""

from datetime import datetime

import sqlalchemy as sa

from auditor.signing_key import SigningKey
from auditor.store import tables as t
from auditor.store.ledger import Ledger


def known(ledger: Ledger, key: SigningKey, actor: str, at: datetime) -> str:
    """Note the public half in the ledger, unless it is there; its id."""
    if not ledger.read(sa.select(t.signing_keys.c.id).where(t.signing_keys.c.id == key.id)):
        with ledger.transaction(actor, at) as tx:
            row = {"id": key.id, "public": key.public.hex(), "made_at": at, "actor": actor}
            tx.insert_new(t.signing_keys, [row])
    return key.id
