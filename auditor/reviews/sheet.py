"""The file that a radiologist fills in: what is asked, how it is written, and how answers are read back.

A sheet holds report texts, because a reviewer needs them; it is written with mode 0600 and nothing else that
this package makes holds any.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from auditor.intake.faults import IntakeError, unknown_column
from auditor.intake.readers import read
from auditor.reviews.questions import KINDS, QUESTIONS, ReviewError

VERDICTS: Final = ("yes", "no", "skip")
KIND_ANSWERS: Final = ("agree", "disagree", "yes", "no")
SIGNIFICANCES: Final = ("urgent", "actionable", "not_actionable", "benign")
#: Of a fabrication that is clinically significant.
SIGNIFICANT: Final = ("urgent", "actionable")
LONGEST_NOTE: Final = 2_000

_SHOWN: Final = ("sample", "item", "case", "images", "indication", "reference", "draft")
_FINDING: Final = "judge_finding"
_ANSWERS: Final = (*QUESTIONS, "significance", "note")
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
class SheetRow:
    """One report to review. `finding` is None where the reviewer is blinded to the judge."""

    item: int
    case: str
    images: str
    indication: str
    reference: str
    draft: str
    finding: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One filled-in row of a sheet."""

    row: int  # of the file, as a person sees it
    item: int
    verdict: str  # yes | no | skip
    kinds: dict[str, str] = field(default_factory=dict)
    significance: str | None = None
    note: str = ""


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


def write_sheet(handle: int, form: str, sample: str, rows: Iterable[SheetRow]) -> None:
    """Write the rows to an open file descriptor, which is closed; the answer columns are empty."""
    records = [_record(sample, row) for row in rows]
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
            samples.add(_word(record, "sample"))
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


def _record(sample: str, row: SheetRow) -> dict[str, Any]:
    shown = (sample, row.item, row.case, row.images, row.indication, row.reference, row.draft)
    record: dict[str, Any] = dict(zip(_SHOWN, shown, strict=True))
    if row.finding is not None:
        record[_FINDING] = row.finding
    return record | dict.fromkeys(_ANSWERS, "")


def _cell(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _answer(number: int, record: Mapping[str, Any]) -> Answer | None:
    """The answer of one row; None where nothing is filled in. Raises ReviewError with what is wrong."""
    known = (*_SHOWN, _FINDING, *_ANSWERS)
    for position, name in enumerate(record, start=1):
        if name not in known:
            raise ReviewError(unknown_column(position, name, known).replace("; map it or leave it out", ""))
    if not _word(record, "sample"):
        raise ReviewError("sample is missing; fill in the sheet as it was written")
    item = _word(record, "item")
    if not (item.isascii() and item.isdigit() and len(item) < 10):
        raise ReviewError("item must be the whole number that the sheet gave")
    kinds = {kind: _one_of(record, kind, KIND_ANSWERS) for kind in KINDS}
    given = {kind: answer for kind, answer in kinds.items() if answer}
    significance = _one_of(record, "significance", SIGNIFICANCES)
    note = _text(record, "note").strip()
    if len(note) > LONGEST_NOTE:
        raise ReviewError(f"note is longer than {LONGEST_NOTE:,} characters; shorten it")
    verdict = _one_of(record, "fabrication", VERDICTS)
    if not verdict:
        if given or significance or note:
            raise ReviewError("fabrication is empty beside other answers; write yes, no or skip")
        return None
    if verdict == "yes" and significance and significance not in SIGNIFICANT:
        raise ReviewError(
            "fabrication asks for a clinically significant one, which is urgent or actionable; "
            "change either the verdict or the significance"
        )
    return Answer(number, int(item), verdict, given, significance or None, note)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ReviewError(f"{name} must be text")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _word(record: Mapping[str, Any], name: str) -> str:
    return _text(record, name).strip()


def _one_of(record: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
    """An answer from a closed list, however it is capitalised; empty where none was given."""
    word = _word(record, name).lower()
    if word and word not in allowed:
        raise ReviewError(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}")
    return word
