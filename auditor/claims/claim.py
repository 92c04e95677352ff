"""What one statement of a report says: a finding, whether it is there, and everything said about it."""

from dataclasses import dataclass
from typing import Any, Literal

Side = Literal["left", "right", "bilateral"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One finding, device or normal statement at one place of a report.

    `span` and `sentence` are half-open character ranges of the text. `sites` are ids of the lexicon's
    structures. `qualified` marks a denial that leaves a lesser finding open ("no large effusion").
    `context` marks what is not said about this image: indication, comparison, advice, history.
    """

    finding: str
    kind: Literal["finding", "device", "normal", "technique"]
    status: Literal["present", "absent"]
    certainty: Literal["definite", "hedged"]
    side: Side | None
    sites: tuple[str, ...]
    severity: str | None
    sizes_mm: tuple[float, ...]
    count: int | None
    trajectory: Literal["new", "worse", "improved", "resolved", "stable"] | None
    tip: str | None
    qualified: bool
    section: str
    context: bool
    interpreted: bool  # says what another finding of the sentence is taken for ("opacity, likely pneumonia")
    span: tuple[int, int]
    sentence: tuple[int, int]
    significance: str
    rule: str

    def as_dict(self, *, explain: bool = False) -> dict[str, Any]:
        """The claim as JSON-ready values; with the rule that fired when `explain` is true."""
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "rule"}
        for name in ("span", "sentence", "sites", "sizes_mm"):
            row[name] = list(row[name])
        if explain:
            row["rule"] = self.rule
        return row
