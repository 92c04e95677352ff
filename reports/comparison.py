"""Two versions of a system on the same cases: what a change-control committee is shown before go-live."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One measure of both versions on the shared cases; `value` and its interval are new minus old.

    `status` is `worse`, `not worse`, `better`, `undecided` or `insufficient`, or empty where neither audit.yaml
    nor the command names the measure: those are shown and decide nothing. Suppressed rows have no numbers.
    """

    task: str
    measure: str
    title: str
    unit: str
    direction: str
    item: str
    slice: str
    old: float | None
    new: float | None
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    counted: str
    patients: int | None
    interval: str
    margin: float | None  # the largest loss that is accepted
    status: str
    reason: str
    suppressed: bool


@dataclass(frozen=True, slots=True)
class ChangedCases:
    """Cases whose error of one kind went away (`fixed`) or came (`broken`); ids are pseudonyms."""

    task: str
    error: str
    both: int  # cases with the error in both versions
    fixed: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedCases:
    """How much of each version the comparison rests on."""

    task: str
    shared: int  # questions that both versions answered
    cases: int
    patients: int
    only_old: int
    only_new: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of one system on the same cases."""

    system: str
    title: str
    old: str
    new: str
    as_of: str
    simulated: bool
    status: str  # worse > insufficient > undecided > ok
    shared: tuple[SharedCases, ...]
    measures: tuple[ComparedMeasure, ...]
    changed: tuple[ChangedCases, ...]
    settings: str  # id of the settings in the ledger
    inputs: str  # digest of the shared rows' judgements
    code: str  # version of the product
