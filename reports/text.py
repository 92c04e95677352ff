"""Every word that a reader of a report sees, read from one file a language."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import yaml

#: The file in `reports/language`.
LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class StatusWords:
    """How a status is said. `icon` is the shape that stands for it without any colour."""

    word: str
    meaning: str
    icon: str
    answer: str  # the one-sentence answer on page one; fields: system, named, asked, count


def _catalogue() -> dict[str, Any]:
    file = resources.files("reports").joinpath(f"language/{LANGUAGE}.yaml")
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


_ALL: Final = _catalogue()

MONTHS: Final[tuple[str, ...]] = tuple(_ALL["months"])

#: In order of severity, the gravest first; "" is a number without a verdict.
STATUSES: Final[Mapping[str, StatusWords]] = {
    "" if name == "none" else name: StatusWords(**words) for name, words in _ALL["statuses"].items()
}

TASKS: Final[Mapping[str, str]] = {"" if name == "audit" else name: said for name, said in _ALL["tasks"].items()}

#: What one output of a task is called: (one, many).
OUTPUTS: Final[Mapping[str, tuple[str, str]]] = {
    name: (one, many) for name, (one, many) in _ALL["outputs"].items()
}

ERROR_CODES: Final[Mapping[str, str]] = _ALL["error_codes"]
KINDS: Final[Mapping[str, str]] = _ALL["kinds"]
SIGNIFICANCE: Final[Mapping[str, str]] = _ALL["significance"]
SHIFT_READINGS: Final[Mapping[str, str]] = _ALL["shift_readings"]  # of what changed in scores
WORDS: Final[Mapping[str, str]] = _ALL["words"]

COMPARISON: Final[Mapping[str, Any]] = _ALL["comparison"]  # two versions side by side
MARKDOWN: Final[Mapping[str, str]] = _ALL["markdown"]
CHAI: Final[Mapping[str, str]] = _ALL["chai"]  # the model card
CHAI_ASK: Final[str] = CHAI["ask"]  # what only the developer knows; the auditor never guesses
CHAI_POINTS: Final[str] = CHAI["points"]  # the unit of a difference between two shares

#: Labels of the provenance table, in order: (field of Provenance, label).
PROVENANCE: Final[tuple[tuple[str, str], ...]] = tuple(_ALL["provenance"].items())


def severity(status: str) -> int:
    """0 for the gravest status; an unknown status counts as grave, never as fine.

    >>> severity("act") < severity("ok") < severity("")
    True
    """
    order = list(STATUSES)
    return order.index(status) if status in order else 0


def words_of(status: str) -> StatusWords:
    """The words of a status; one that is not known is said as it is written, with the gravest icon."""
    return STATUSES.get(status) or StatusWords(status, "not a known status", "square-cross", "{named}.")
