"""What a reader may answer about an item: one set of rules for a row of a sheet and for the form on the screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.reviews.questions import KINDS, QUESTIONS, ReviewError

VERDICTS: Final = ("yes", "no", "skip")
KIND_ANSWERS: Final = ("agree", "disagree", "yes", "no")
SIGNIFICANCES: Final = ("urgent", "actionable", "not_actionable", "benign")
#: Of a fabrication that is clinically significant.
SIGNIFICANT: Final = ("urgent", "actionable")
LONGEST_NOTE: Final = 2_000
#: The fields that a reader fills in.
ANSWERS: Final = (*QUESTIONS, "significance", "note")


@dataclass(frozen=True, slots=True)
class Answer:
    """One reader's answer about one item."""

    row: int  # of the file, as a person sees it; 0 from the screen
    item: int
    verdict: str  # yes | no | skip
    kinds: dict[str, str] = field(default_factory=dict)
    significance: str | None = None
    note: str = ""

    def recorded(self) -> dict[str, Any]:
        """The answer as the ledger keeps it."""
        names = ("verdict", "kinds", "significance", "note")
        return {name: getattr(self, name) for name in names}


def answer_of(record: Mapping[str, Any], row: int = 0) -> Answer | None:
    """The answer in a record of `item` and the fields `ANSWERS`; None where none of these is filled in.

    Raises ReviewError with what is wrong, which never quotes a value.
    """
    item = word_of(record, "item")
    if not (item.isascii() and item.isdigit() and len(item) < 10):
        raise ReviewError("item must be the whole number that the sheet gave")
    kinds = {kind: _one_of(record, kind, KIND_ANSWERS) for kind in KINDS}
    given = {kind: answer for kind, answer in kinds.items() if answer}
    significance = _one_of(record, "significance", SIGNIFICANCES)
    note = _note(record)
    verdict = _one_of(record, "fabrication", VERDICTS)
    if not verdict:
        if given or significance or note:
            raise ReviewError("fabrication is empty beside other answers; write yes, no or skip")
        return None
    if verdict == "yes" and significance and significance not in SIGNIFICANT:
        raise ReviewError(
            "a fabrication that is clinically significant is urgent or actionable; "
            "change either the verdict or the significance"
        )
    return Answer(row, int(item), verdict, given, significance or None, note)


def fault_of(answer: Answer, blinded: bool, items: Mapping[int, Any]) -> str | None:
    """What is wrong with an answer in the light of its sample and the rows of its items, by number."""
    if answer.item not in items:
        return f"the sample has no item {answer.item}"
    compared = [kind for kind, said in answer.kinds.items() if said in ("agree", "disagree")]
    if compared and blinded:
        return f"{compared[0]} must be yes or no, since the reviewer did not see the judge"
    if compared and items[answer.item]["found"] is None:
        return f"{compared[0]} must be yes or no, since the judge has no judgement here"
    return None


def word_of(record: Mapping[str, Any], name: str) -> str:
    """A field as text without space around it; empty where it is missing. Raises ReviewError."""
    value = record.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ReviewError(f"{name} must be text")
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text.strip()


def _note(record: Mapping[str, Any]) -> str:
    """The note, with line ends of one sort: a browser writes them otherwise than a spreadsheet."""
    note = word_of(record, "note")
    if len(note) > LONGEST_NOTE:
        raise ReviewError(f"note is longer than {LONGEST_NOTE:,} characters; shorten it")
    if "\0" in note or any("\ud800" <= sign <= "\udfff" for sign in note):
        raise ReviewError("note holds a character that cannot be kept; type it again")
    return note.replace("\r\n", "\n").replace("\r", "\n")


def _one_of(record: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
    """An answer from a closed list, however it is capitalised; empty where none was given."""
    word = word_of(record, name).lower()
    if word and word not in allowed:
        raise ReviewError(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}")
    return word
