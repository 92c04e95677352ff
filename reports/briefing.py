"""What a committee needs beside one audit: the fleet, what it is asked, what it decided, alerts, people, evidence.

Everything is as it was when the report was issued, so that the same report can be made again.
"""

from dataclasses import dataclass
from datetime import date, datetime

from reports.controls import ControlLine, EvidenceState
from reports.dossier import Estimate, Row


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that nobody has resolved. `asks` is what its rule asks of the committee, where it asks for more."""

    system: str
    title: str  # of the system
    alert: str
    severity: str  # act | failed | stale | watch
    state: str  # open | acknowledged | investigating
    what: str
    reason: str
    cause: str
    asks: str  # "" | restrict | pause
    opened: datetime
    owner: str
    due: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of the committee and what became of it."""

    system: str
    incident: str
    title: str
    decision: str  # continue | restrict | pause | re-validate
    owner: str
    due: date | None
    state: str  # open | overdue | closed
    follow_up: str  # the audit that showed how it ended
    note: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One system of the fleet, by its newest audit; where it has none, `as_of` is None."""

    system: str
    title: str
    tasks: tuple[str, ...]
    version: str
    status: str
    as_of: datetime | None
    judged: int
    outputs: int
    primary: Row | None  # the gravest question with a bound on the whole system
    errors: Row | None  # clinically significant contradicted findings per report
    sites: tuple[tuple[str, str], ...]  # site and its gravest verdict, where sites are a slice
    alerts: int  # open ones
    gaps: int | None  # controls whose evidence is missing, stale or failed
    signed: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was in the report before; `about` fills the sentence of its kind."""

    kind: str
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """How good the alerts of one severity were; times are medians in hours."""

    severity: str
    opened: int
    resolved: int
    true: int
    false: int
    precision: Estimate | None
    hours_to_acknowledge: float | None
    hours_to_resolve: float | None


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """A sample drawn for radiologists, and how far they are."""

    sample: str
    drawn: datetime
    items: int
    answered: int
    readers: int
    blinded: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """A sign-off of an earlier report."""

    report: str
    full_name: str
    meaning: str
    decision: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule as it came into force, or went."""

    name: str
    version: int
    tier: str
    since: datetime
    actor: str
    reason: str
    after_seeing: bool


@dataclass(frozen=True, slots=True)
class Briefing:
    """What stands in one report beside its audits."""

    report: str
    issued: datetime
    timezone: str
    previous: str  # the report before this one, or ""
    alerts: tuple[OpenAlert, ...]
    decided: tuple[Decided, ...]
    fleet: tuple[Deployment, ...]
    changes: tuple[Change, ...]
    figures: tuple[AlertFigures, ...]
    alarms_a_year: float  # false ones that chance may raise over all systems
    queues: tuple[ReviewQueue, ...]
    rules: tuple[RuleChange, ...]
    controls: tuple[ControlLine, ...]
    evidence: tuple[EvidenceState, ...]
    signed: tuple[Signed, ...]
    entry: int  # newest entry of the journal when the report was issued
    head: str  # … and its hash
    key: str  # fingerprint of the key that signs
