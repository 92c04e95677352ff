"""Take a returned sheet in: checked as a whole, recorded in one transaction, harmless to repeat."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.intake.pseudonyms import Pseudonyms
from auditor.reviews.questions import ReviewError
from auditor.reviews.sheet import Answer, ReviewFileError, read_sheet
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction

LONGEST_NAME = 200


@dataclass(frozen=True)
class Imported:
    """What a sheet added. `open` counts the items of the sample that this reader has not answered yet."""

    sample: str
    system: str
    reader: str  # a pseudonym
    new: int
    corrected: int  # other than this reader said before; both are kept, the later counts
    unchanged: int
    skipped: int  # among all answers of the sheet
    open: int


def import_reviews(ledger: Ledger, path: Path, *, reviewer: str, key: bytes, at: datetime, actor: str) -> Imported:
    """Record the answers of one reader. Nothing is recorded when any row is at fault.

    The reviewer becomes a pseudonym under the workspace's key, as authors of references do; another name is
    another reader, whose reviews stand beside the first one's.

    Raises ReviewFileError with a sentence for each fault, ReviewError for a reviewer without a name, and
    IntakeError for a file that cannot be read.
    """
    name = " ".join(reviewer.split())
    if not name or len(name) > LONGEST_NAME:
        raise ReviewError(f"--reviewer must name the reader, in at most {LONGEST_NAME} characters.")
    reader = Pseudonyms(key).of("author", name)
    answers = read_sheet(path)
    with ledger.transaction(actor=actor, at=at) as tx:
        sample = _sample(tx, answers.sample)
        items = _items(tx, sample["id"])
        if faults := [fault for answer in answers.given for fault in _faults(answer, sample, items)]:
            raise ReviewFileError(faults)
        before = _before(tx, sample["id"], reader)
        rows = [(answer.item, _row(answer)) for answer in answers.given]
        changed = [(item, row) for item, row in rows if before.get(item) != row]
        about = {"sample": sample["id"], "reader": reader, "at": at, "actor": actor}
        numbered = enumerate(changed, start=tx.next(t.reviews))
        tx.insert(t.reviews, [about | row | {"id": number, "item": item} for number, (item, row) in numbered])
    corrected = sum(item in before for item, _ in changed)
    return Imported(
        sample=sample["id"],
        system=sample["system"],
        reader=reader,
        new=len(changed) - corrected,
        corrected=corrected,
        unchanged=len(rows) - len(changed),
        skipped=sum(answer.verdict == "skip" for answer in answers.given),
        open=len(items) - len(before.keys() | {item for item, _ in rows}),
    )


def _sample(tx: Transaction, name: str) -> Any:
    found = tx.read(sa.select(t.review_samples).where(t.review_samples.c.id == name))
    if not found:
        raise ReviewFileError(["The sample that the file names is not in this workspace's ledger."])
    return found[0]


def _items(tx: Transaction, sample: str) -> dict[int, Any]:
    rows = tx.read(sa.select(t.review_items).where(t.review_items.c.sample == sample))
    return {row["number"]: row for row in rows}


def _faults(answer: Answer, sample: Any, items: dict[int, Any]) -> list[str]:
    """What is wrong with an answer in the light of its sample."""
    if answer.item not in items:
        return [f"Row {answer.row}: the sample has no item {answer.item}."]
    compared = [kind for kind, said in answer.kinds.items() if said in ("agree", "disagree")]
    if compared and sample["blinded"]:
        return [f"Row {answer.row}: {compared[0]} must be yes or no, since the reviewer did not see the judge."]
    if compared and items[answer.item]["found"] is None:
        return [f"Row {answer.row}: {compared[0]} must be yes or no, since the judge has no judgement here."]
    return []


def _before(tx: Transaction, sample: str, reader: str) -> dict[int, dict[str, Any]]:
    """What this reader said of each item last."""
    query = sa.select(t.reviews).where(t.reviews.c.sample == sample, t.reviews.c.reader == reader)
    names = ("verdict", "kinds", "significance", "note")
    rows = tx.read(query.order_by(t.reviews.c.id))
    return {row["item"]: {name: row[name] for name in names} for row in rows}


def _row(answer: Answer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "kinds": answer.kinds,
        "significance": answer.significance,
        "note": answer.note,
    }
