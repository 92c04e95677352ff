"""Who reads, what they said of a sample last, and how another word of theirs is added beside it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from auditor.intake.pseudonyms import Pseudonyms
from auditor.reviews.answer import Answer
from auditor.store import tables as t
from auditor.store.ledger import Transaction
from auditor.store.segments import Readable


def reader_of(key: bytes, name: str) -> str:
    """The pseudonym of a reader, as authors of references have one.

    At the screen the name is the one that the account logs in with. A sheet imported with --reviewer and the
    same name, spaces aside, is of the same reader; another spelling is another reader.
    """
    return Pseudonyms(key).of("author", " ".join(name.split()))


def items_of(source: Readable, sample: str) -> dict[int, Any]:
    """The items of a sample by number."""
    rows = source.read(sa.select(t.review_items).where(t.review_items.c.sample == sample))
    return {row["number"]: row for row in rows}


def said_by(source: Readable, sample: str, reader: str) -> dict[int, dict[str, Any]]:
    """What a reader said of each item last, as `Answer.recorded` gives it."""
    query = sa.select(t.reviews).where(t.reviews.c.sample == sample, t.reviews.c.reader == reader)
    names = ("verdict", "kinds", "significance", "note")
    rows = source.read(query.order_by(t.reviews.c.id))
    return {row["item"]: {name: row[name] for name in names} for row in rows}


def record(tx: Transaction, sample: str, reader: str, answers: Sequence[Answer]) -> None:
    """Add answers; what the reader said before stays where it is."""
    about = {"sample": sample, "reader": reader, "at": tx.at, "actor": tx.actor}
    numbered = enumerate(answers, start=tx.next(t.reviews))
    tx.insert(t.reviews, [about | one.recorded() | {"id": number, "item": one.item} for number, one in numbered])
