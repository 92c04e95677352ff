"""The file that a radiologist fills in: what is asked, how it is written, and how answers are read back.

A sheet holds report texts, because a reviewer needs them; it is written with mode 0600 and nothing else that
this package makes holds any.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditor.intake.faults import IntakeError, unknown_column
from auditor.intake.readers import read
from auditor.reviews.answer import ANSWERS, Answer, answer_of, word_of
from auditor.reviews.correct import Sample
from auditor.reviews.item import Shown
from auditor.reviews.questions import ReviewError

_SHOWN: Final = ("sample", "item", "case", "images", "indication", "reference", "draft")
_FINDING: Final = "judge_finding"
_MOST_FAULTS: Final = 20
#: A cell that begins so is a formula to a spreadsheet; a draft is untrusted text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class ReviewFileError(ValueError):
    """A file of reviews that cannot be taken in; every fault is a sentence of its own, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        more = len(faults) - _MOST_FAULTS
        rest = [f"… and {more} more faults of this kind; mend these first."] if more > 0 else []
        super().__init__("\n".join([*faults[:_MOST_FAULTS], *rest, "Nothing was taken in."]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that a returned sheet says; rows without any answer are counted in `blank`."""

    sample: str
    given: tuple[Answer, ...]
    blank: int


def sheet_format(path: Path) -> str:
    """csv or jsonl, by the name. Raises ReviewError for another."""
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in ("csv", "jsonl"):
        raise ReviewError(f"{path.name}: the name of a review sheet must end in .csv or .jsonl.")
    return suffix


def write_sheet(handle: int, form: str, sample: Sample, items: Iterable[Shown]) -> None:
    """Write the items to an open file descriptor, which is closed; the answer columns are empty."""
    records = [_record(sample, item) for item in items]
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        if form == "jsonl":
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)
        file.write("\ufeff" + text.getvalue())  # spreadsheets take UTF-8 for UTF-8 only with this mark


def read_sheet(path: Path) -> Answers:
    """The answers of a returned sheet; texts in it are not looked at.

    Raises ReviewFileError naming every row that cannot be used, and IntakeError for a file that cannot be read.
    """
    faults: list[str] = []
    answers: list[Answer] = []
    samples: set[str] = set()
    blank = 0
    for decoded, _ in read(path):
        faults += [f"Row {fault.row}: {fault.reason}." for fault in decoded.faults]
        for number, record in zip(decoded.rows, decoded.records, strict=True):
            try:
                answer = _answer(number, record)
            except ReviewError as fault:
                faults.append(f"Row {number}: {fault}.")
                continue
            samples.add(word_of(record, "sample"))
            answers += [answer] if answer else []
            blank += answer is None
    seen: dict[int, int] = {}
    for answer in answers:
        if answer.item in seen:
            faults.append(f"Row {answer.row}: item {answer.item} was answered in row {seen[answer.item]} already.")
        seen.setdefault(answer.item, answer.row)
    if len(samples) > 1:
        faults.append("The file mixes rows of several samples; import one file a sample.")
    if faults:
        raise ReviewFileError(faults)
    if not answers:
        raise IntakeError(f"{path.name} holds no answer: fill in the column fabrication with yes, no or skip.")
    return Answers(samples.pop(), tuple(answers), blank)


def _record(sample: Sample, item: Shown) -> dict[str, Any]:
    texts = ("\n".join(item.images), item.indication, item.reference, item.draft)
    record: dict[str, Any] = dict(zip(_SHOWN, (sample.id, item.number, item.case, *texts), strict=True))
    if not sample.blinded:
        record[_FINDING] = _finding(item)
    return record | dict.fromkeys(ANSWERS, "")


def _finding(item: Shown) -> str:
    """What the judge says of a report, one error a line, with the words it points at."""
    if item.findings is None:
        return "no judgement"
    lines = []
    for one in item.findings:
        about = ", ".join(filter(None, [one.finding, one.significance])).replace("_", " ")
        words = _words(item.draft, one.draft) or _words(item.reference, one.reference)
        lines.append(f"{one.kind or one.code}: {about}" + (f": “{words}”" if words else ""))
    return "\n".join(lines) or "no error found"


def _words(text: str, span: tuple[int, int] | None) -> str:
    return text[slice(*span)] if span else ""


def _cell(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _answer(number: int, record: Mapping[str, Any]) -> Answer | None:
    """The answer of one row; None where nothing is filled in. Raises ReviewError with what is wrong."""
    known = (*_SHOWN, _FINDING, *ANSWERS)
    for position, name in enumerate(record, start=1):
        if name not in known:
            raise ReviewError(unknown_column(position, name, known).replace("; map it or leave it out", ""))
    if not word_of(record, "sample"):
        raise ReviewError("sample is missing; fill in the sheet as it was written")
    return answer_of(record, number)
