"""The desk: samples that wait for a reader, one item at a time, and answers saved as they are given.

What another reader said of an item, and what the reviews of a sample show, stays hidden from a reader whose own
answers it could sway. Readers are pseudonyms (`readers.reader_of`), in the journal too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.in_force import system_names
from auditor.reviews.answer import answer_of, fault_of
from auditor.reviews.correct import Correction, Sample, correct, readings, samples
from auditor.reviews.questions import QUESTIONS, ReviewError
from auditor.reviews.readers import items_of, record, said_by
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors.reviewed import AdjudicationError
from monitors.threshold import SUPPRESS_BELOW

_VERDICT: Final = {1: "yes", 0: "no", None: "skip"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one reader is with a sample; a skipped item is answered too."""

    items: int
    answered: int
    skipped: int
    open: tuple[int, ...]  # numbers, in the order of the sample

    @property
    def next(self) -> int | None:
        """The first open item."""
        return self.open[0] if self.open else None

    def after(self, number: int) -> int | None:
        """The open item to go to from this one: the next one there is, else the first."""
        others = [one for one in self.open if one != number]
        return next((one for one in others if one > number), others[0] if others else None)


@dataclass(frozen=True, slots=True)
class Queued:
    """A sample as it waits for one reader."""

    sample: Sample
    drawn: datetime
    progress: Progress
    readers: int  # who answered any of it, this one included
    newest: int  # the last review's number, whoever gave it; 0 for none


@dataclass(frozen=True, slots=True)
class SoFar:
    """What the reviews of a sample show, by question, or else in one word why nothing is shown.

    `open`: this reader has items left, and would learn of other answers, or of the judge; `none`: nobody has
    answered; `few`: fewer patients than may be shown.
    """

    corrections: Mapping[str, Correction]
    hidden: str  # "" | open | none | few


def queue(ledger: Ledger, reader: str) -> list[Queued]:
    """Every sample of every system, the newest first."""
    drawn = (sample for system in system_names(ledger) for sample in samples(ledger, system))
    found = [queued(ledger, sample, reader) for sample in drawn]
    return sorted(found, key=lambda one: one.drawn, reverse=True)


def queued(ledger: Ledger, sample: Sample, reader: str) -> Queued:
    """One sample as it waits for a reader."""
    (about,) = ledger.read(sa.select(t.review_samples.c.drawn_at).where(t.review_samples.c.id == sample.id))
    counts = (sa.func.count(sa.distinct(t.reviews.c.reader)), sa.func.coalesce(sa.func.max(t.reviews.c.id), 0))
    query = sa.select(counts[0].label("readers"), counts[1].label("newest"))
    (said,) = ledger.read(query.where(t.reviews.c.sample == sample.id))
    mine = progress(ledger, sample.id, reader)
    return Queued(sample, about["drawn_at"], mine, said["readers"], said["newest"])


def progress(ledger: Ledger, sample: str, reader: str) -> Progress:
    """How far a reader is with a sample."""
    numbers = sorted(items_of(ledger, sample))
    said = said_by(ledger, sample, reader)
    skipped = sum(one["verdict"] == "skip" for one in said.values())
    return Progress(len(numbers), len(said), skipped, tuple(one for one in numbers if one not in said))


def save(ledger: Ledger, sample: str, number: int, given: Mapping[str, Any], *, reader: str, at: datetime) -> bool:
    """Record one reader's answer of one item; says whether it is another than they gave before.

    `given` has the fields of a sheet (`answer.ANSWERS`) and is held to the same rules; the same answer again adds
    nothing. The journal names the reader by pseudonym alone, as it does for a sheet.

    Raises ReviewError with what is wrong, in the words of a sheet: without a capital and a full stop.
    """
    answer = answer_of({**given, "item": str(number)})
    if answer is None:
        raise ReviewError("fabrication is empty; answer yes, no or skip")
    with ledger.transaction(actor=reader, at=at) as tx:
        about = tx.read(sa.select(t.review_samples.c.blinded).where(t.review_samples.c.id == sample))
        if not about:
            raise ReviewError(f"there is no review sample {sample!r} in this workspace")
        if fault := fault_of(answer, about[0]["blinded"], items_of(tx, sample)):
            raise ReviewError(fault)
        if said_by(tx, sample, reader).get(number) == answer.recorded():
            return False
        record(tx, sample, reader, [answer])
    return True


def others(ledger: Ledger, sample: Sample, number: int, reader: str) -> list[str]:
    """The verdicts of other readers on an item; none before this reader has answered yes or no."""
    said = {one.reader: one.answers["fabrication"] for one in readings(ledger, sample) if one.item == number}
    if said.pop(reader, None) is None:
        return []
    return [_VERDICT[answer] for _, answer in sorted(said.items())]


def so_far(ledger: Ledger, sample: Sample, reader: str) -> SoFar:
    """What the reviews of a sample show to this reader.

    Rates and agreement come from `correct`. While items are open they are shown only where they rest on nothing
    but what this reader has said and seen: their own answers, with the judge's finding in view.
    """
    said = readings(ledger, sample)
    alone = {one.reader for one in said} <= {reader} and not sample.blinded
    if progress(ledger, sample.id, reader).open and not alone:
        return SoFar({}, "open")
    found: dict[str, Correction] = {}
    for question in QUESTIONS:
        try:
            found[question] = correct(ledger, sample, question)
        except AdjudicationError:  # nobody has answered it
            continue
    if not found:
        return SoFar({}, "none")
    enough = {name: one for name, one in found.items() if one.process.patients >= SUPPRESS_BELOW}
    return SoFar(enough, "" if enough else "few")
