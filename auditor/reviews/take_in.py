"""Take a returned sheet in: checked as a whole, recorded in one transaction, harmless to repeat."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from auditor.reviews.answer import fault_of
from auditor.reviews.questions import ReviewError
from auditor.reviews.readers import items_of, reader_of, record, said_by
from auditor.reviews.sheet import ReviewFileError, read_sheet
from auditor.store import tables as t
from auditor.store.ledger import Ledger

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
    if not 0 < len(" ".join(reviewer.split())) <= LONGEST_NAME:
        raise ReviewError(f"--reviewer must name the reader, in at most {LONGEST_NAME} characters.")
    reader = reader_of(key, reviewer)
    answers = read_sheet(path)
    with ledger.transaction(actor=actor, at=at) as tx:
        found = tx.read(sa.select(t.review_samples).where(t.review_samples.c.id == answers.sample))
        if not found:
            raise ReviewFileError(["The sample that the file names is not in this workspace's ledger."])
        sample = found[0]
        items = items_of(tx, sample["id"])
        faults = [(answer.row, fault_of(answer, sample["blinded"], items)) for answer in answers.given]
        if sentences := [f"Row {row}: {fault}." for row, fault in faults if fault]:
            raise ReviewFileError(sentences)
        before = said_by(tx, sample["id"], reader)
        changed = [answer for answer in answers.given if before.get(answer.item) != answer.recorded()]
        record(tx, sample["id"], reader, changed)
    corrected = sum(answer.item in before for answer in changed)
    return Imported(
        sample=sample["id"],
        system=sample["system"],
        reader=reader,
        new=len(changed) - corrected,
        corrected=corrected,
        unchanged=len(answers.given) - len(changed),
        skipped=sum(answer.verdict == "skip" for answer in answers.given),
        open=len(items) - len(before.keys() | {answer.item for answer in answers.given}),
    )
