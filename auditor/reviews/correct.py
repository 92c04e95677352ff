"""Rates corrected by the reviews of one sample: what the ledger holds, as the mathematics wants it."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from auditor.reviews import notes
from auditor.reviews.questions import COUNTS, KINDS, QUESTIONS, ReviewError
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors.adjudication import Corrected, corrected_rate
from monitors.judge_accuracy import UNKNOWN, JudgeAccuracy, JudgeAnswers, judge_accuracy
from monitors.measurement import Window
from monitors.prediction_powered import prediction_powered
from monitors.readers import ReaderAgreement, reader_agreement
from monitors.reviewed import AdjudicationError, Frame, FrameStratum, Reviewed


@dataclass(frozen=True)
class Sample:
    """A drawn sample and the window it stands for.

    `yes` is how many of the window's reports the judge answers with yes: (rows, weight) by question and stratum. A
    sample that was drawn before this was kept has none.
    """

    id: str
    system: str
    audit: str
    task: str
    version: str
    judge: str  # the whole digest
    window: Window
    as_of: datetime
    blinded: bool
    frame: Frame
    yes: Mapping[str, Mapping[str, tuple[int, float]]]


@dataclass(frozen=True)
class Reading:
    """What one reader last said of one item: 1 the error is there, 0 it is not, None skipped or not said."""

    item: int
    output_id: str
    subject_id: str
    stratum: str
    reader: str
    at: datetime
    answers: Mapping[str, int | None]  # by question
    judge: Mapping[str, int | None]  # … and what the judge did; None: no judgement


@dataclass(frozen=True)
class Correction:
    """One question's rate in the window of a sample, corrected, with all that must be said beside it.

    `process` is the rate of the system that made the window, `window` the share of its own reports; `powered` is
    PPI++ where there are enough reviews. `judge_rate` is the uncorrected share that the judge flags, by
    which the sample is stratified; `accuracy` is how well its answer to this question tells what reviewers find.
    """

    sample: Sample
    question: str
    process: Corrected
    window: Corrected
    powered: Corrected | None
    accuracy: JudgeAccuracy
    judge_rate: float
    drawn: int
    open: int  # drawn and not answered, nor skipped, by anybody
    newest: datetime  # when the last review was taken in
    readers: int
    twice: int  # items that two readers or more answered
    split: int  # … and answered differently
    between: ReaderAgreement | None  # of those; None for too few
    notes: tuple[str, ...]


def samples(ledger: Ledger, system: str) -> list[Sample]:
    """Every sample of a system, the newest first."""
    query = sa.select(t.review_samples).where(t.review_samples.c.system == system)
    return [_sample(row) for row in ledger.read(query.order_by(t.review_samples.c.seq.desc()))]


def sample_named(ledger: Ledger, name: str) -> Sample:
    """One sample by its id. Raises ReviewError where there is none."""
    rows = ledger.read(sa.select(t.review_samples).where(t.review_samples.c.id == name))
    if not rows:
        raise ReviewError(f"There is no review sample {name!r} in this workspace.")
    return _sample(rows[0])


def correct(
    ledger: Ledger,
    sample: Sample,
    question: str = "fabrication",
    seed: int = 0,
    as_of: datetime | None = None,
) -> Correction:
    """The corrected rate of one question from the reviews of a sample (those imported by `as_of`).

    An item that several readers answered counts by the share of them who found the error; one that all skipped,
    or of which nobody answered the question, is skipped. Items that nobody returned yet are left out, and the
    inclusion probabilities of the others fall accordingly.

    Raises ReviewError for an unknown question and AdjudicationError where nothing was answered.
    """
    if question not in QUESTIONS:
        raise ReviewError(f"There is no question {question!r}; choose one of {', '.join(QUESTIONS)}.")
    items = _items(ledger, sample)
    said = _readings(ledger, sample, items, as_of)
    reviewed, answered = _reviewed(sample, said, question, items)
    if not answered:
        raise AdjudicationError("No review of this sample has been answered yet; import reviews first.")
    frame = sample.frame
    process, window = (corrected_rate(frame, reviewed, target=to, seed=seed) for to in ("process", "window"))
    try:
        powered = prediction_powered(frame, reviewed)
    except AdjudicationError:  # too few reviews for its normal interval
        powered = None
    by_item = defaultdict(list)
    for reading in said:
        if (answer := reading.answers[question]) is not None:
            by_item[reading.item].append(answer)
    several = [answers for answers in by_item.values() if len(answers) > 1]
    split = sum(len(set(answers)) > 1 for answers in several)
    left = len(items) - len(reviewed.positive)
    accuracy = _accuracy(sample, said, reviewed, question, seed)
    return Correction(
        sample=sample,
        question=question,
        process=process,
        window=window,
        powered=powered,
        accuracy=accuracy,
        judge_rate=sum(one.share for one in process.strata if one.judge_class in frame.flagged),
        drawn=len(items),
        open=left,
        newest=max(reading.at for reading in said),
        readers=len({reading.reader for reading in said}),
        twice=len(several),
        split=split,
        between=_between(said, question, seed),
        notes=(
            *notes.of_rates(sample.blinded, process, left, _lone(said, by_item, question)),
            *notes.of_judge(accuracy, question in sample.yes),
        ),
    )


def readings(ledger: Ledger, sample: Sample, as_of: datetime | None = None) -> list[Reading]:
    """The last word (by `as_of`) of every reader on every item, by item and reader."""
    return _readings(ledger, sample, _items(ledger, sample), as_of)


def _readings(ledger: Ledger, sample: Sample, items: Mapping[int, Any], as_of: datetime | None) -> list[Reading]:
    query = sa.select(t.reviews).where(t.reviews.c.sample == sample.id).order_by(t.reviews.c.id)
    if as_of is not None:
        query = query.where(t.reviews.c.at <= as_of)
    last = {(row["item"], row["reader"]): row for row in ledger.read(query)}
    return [_reading(items[item], row) for (item, _), row in sorted(last.items())]


def _items(ledger: Ledger, sample: Sample) -> dict[int, Any]:
    query = sa.select(t.review_items).where(t.review_items.c.sample == sample.id).order_by(t.review_items.c.number)
    return {row["number"]: row for row in ledger.read(query)}


def _reading(item: Any, review: Any) -> Reading:
    judge = {one: _judge_found(item["found"], one) for one in QUESTIONS}
    answers: dict[str, int | None] = {"fabrication": {"yes": 1, "no": 0}.get(review["verdict"])}
    for kind in KINDS:
        answers[kind] = _kind_truth(review["kinds"].get(kind), judge[kind])
    return Reading(
        item=item["number"],
        output_id=item["output_id"],
        subject_id=item["subject_id"],
        stratum=item["stratum"],
        reader=review["reader"],
        at=review["at"],
        answers=answers,
        judge=judge,
    )


def _judge_found(found: Mapping[str, Any] | None, question: str) -> int | None:
    """The judge's answer; None where it has no judgement, or its count of this was not kept with the sample."""
    if found is None or not found.keys() >= set(COUNTS[question]):
        return None
    return int(any(found[count] for count in COUNTS[question]))


def _kind_truth(answer: str | None, judge: int | None) -> int | None:
    """Whether there is an error of a kind, from yes or no, or from agreement with what the judge found."""
    if answer in ("yes", "no"):
        return int(answer == "yes")
    if answer is None or judge is None:
        return None
    return judge if answer == "agree" else 1 - judge


def _reviewed(
    sample: Sample, said: list[Reading], question: str, items: Mapping[int, Any]
) -> tuple[Reviewed, int]:
    """The reviewed rows of one question by number of their item, and how many of them are answered."""
    answers: dict[int, list[int]] = {reading.item: [] for reading in said}
    for reading in said:
        if (answer := reading.answers[question]) is not None:
            answers[reading.item].append(answer)
    numbers = sorted(answers)
    stratum = np.array([items[number]["stratum"] for number in numbers], np.str_)
    drawn = [item["stratum"] for item in items.values()]
    # sheets are in the order of the draw, so what came back of a stratum is a random part of it
    returned = {name: float((stratum == name).sum()) / drawn.count(name) for name in set(stratum.tolist())}
    reviewed = Reviewed(
        judge=sample.judge,
        stratum=stratum,
        positive=np.array([np.mean(answers[n]) if answers[n] else np.nan for n in numbers], np.float64),
        probability=np.array(
            [items[n]["probability"] * returned[items[n]["stratum"]] for n in numbers], np.float64
        ),
        weight=np.array([items[n]["weight"] for n in numbers], np.float64),
        subject=np.array([items[n]["subject_id"] for n in numbers], np.str_),
    )
    return reviewed, int(np.isfinite(reviewed.positive).sum())


def _accuracy(sample: Sample, said: list[Reading], reviewed: Reviewed, question: str, seed: int) -> JudgeAccuracy:
    """How well the judge's own answer to the question does; not told where the sample does not keep it."""
    if question not in sample.yes:
        return JudgeAccuracy(UNKNOWN, UNKNOWN, UNKNOWN)
    judge = {reading.item: reading.judge[question] for reading in said}
    yes = sample.yes[question]
    answers = JudgeAnswers(
        rows={name: rows for name, (rows, _) in yes.items()},
        weight={name: weight for name, (_, weight) in yes.items()},
        reviewed=np.array([judge[item] for item in sorted(judge)], np.float64),  # None becomes NaN
    )
    return judge_accuracy(sample.frame, reviewed, answers, seed=seed)


def _between(said: list[Reading], question: str, seed: int) -> ReaderAgreement | None:
    given = [(one, answer) for one in said if (answer := one.answers[question]) is not None]
    items, subjects = [one.item for one, _ in given], [one.subject_id for one, _ in given]
    readers, answers = [one.reader for one, _ in given], [answer for _, answer in given]
    return reader_agreement(items, subjects, readers, answers, seed)


def _lone(said: list[Reading], answers: Mapping[int, list[int]], question: str) -> int:
    """Positive items that the judge did not flag and only one reader has answered."""
    unflagged = {reading.item for reading in said if reading.stratum == "unflagged" and reading.answers[question]}
    return sum(len(answers[item]) == 1 for item in unflagged)


def _sample(row: Any) -> Sample:
    frame = row["frame"]
    strata = tuple(FrameStratum(one["name"], one["name"], one["rows"], one["weight"]) for one in frame["strata"])
    asked = frame["strata"][0].get("yes", {})
    yes = {
        question: {
            one["name"]: (one["yes"][question]["rows"], one["yes"][question]["weight"]) for one in frame["strata"]
        }
        for question in asked
    }
    rho = math.nan if frame["flag_rho"] is None else frame["flag_rho"]
    start: date | None = row["window_start"]
    return Sample(
        id=row["id"],
        system=row["system"],
        audit=row["audit"],
        task=row["task"],
        version=row["version"],
        judge=row["judge"],
        window=Window(start, row["window_end"]),
        as_of=row["as_of"],
        blinded=row["blinded"],
        frame=Frame(row["judge"], strata, frame["cluster_size"], rho, tuple(frame["flagged"])),
        yes=yes,
    )
