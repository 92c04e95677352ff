"""Cases that a reader is still to judge without knowing what the judge found in them."""

import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.ledger import Ledger


def waits_blinded(ledger: Ledger, output_id: str, reader: str) -> bool:
    """Whether an output is an item of a blinded sample that this reader (a pseudonym) has not answered."""
    items, samples, said = t.review_items.c, t.review_samples.c, t.reviews.c
    answered = sa.exists().where(said.sample == items.sample, said.item == items.number, said.reader == reader)
    query = (
        sa.select(items.sample)
        .join(t.review_samples, samples.id == items.sample)
        .where(items.output_id == output_id, samples.blinded, sa.not_(answered))
    )
    return bool(ledger.read(query.limit(1)))
