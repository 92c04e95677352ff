"""One error of a draft, and what the comparison knows about the patient."""

from dataclasses import dataclass, field
from typing import Any, Literal

Code = Literal["FAB", "OMI", "LAT", "LOC", "SEV", "CER", "TMP", "PRI", "NUM", "NUMFAB", "DEV", "CON", "REP", "OVR"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Error:
    """A code, what kind of it, how bad the mismatch is, how much the finding matters, and the proof."""

    code: Code
    kind: str
    finding: str
    significance: str
    severity: Literal["minor", "major"]
    draft_span: Span | None
    reference_span: Span | None
    copied: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON-ready values."""
        row = {name: getattr(self, name) for name in self.__slots__}
        for name in ("draft_span", "reference_span"):
            row[name] = list(row[name]) if row[name] is not None else None
        if not self.copied:
            del row["copied"]
        return row


@dataclass(frozen=True, slots=True)
class Context:
    """Age in years, words and findings of the indication, and whether an earlier examination exists."""

    age: float | None = None
    words: frozenset[str] = frozenset()
    indicated: frozenset[str] = field(default_factory=frozenset)
    numbers: frozenset[float] = frozenset()
    has_prior: bool | None = None
