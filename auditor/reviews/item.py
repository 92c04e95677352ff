"""An item as a reviewer is shown it, on a sheet or on the screen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One error that the judge found, with the places in both texts that prove it."""

    question: str  # the kind that reviewers are asked about; empty where they are not asked
    code: str
    kind: str
    finding: str
    significance: str
    draft: tuple[int, int] | None
    reference: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One item. `findings` is None where the reviewer is blinded to the judge, or it has no judgement.

    `case` is empty where the report is no longer kept: its patient was erased, or its time was over.
    """

    number: int
    case: str
    images: tuple[str, ...]
    indication: str
    reference: str
    draft: str
    findings: tuple[Finding, ...] | None
