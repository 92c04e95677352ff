"""The demo: live through the simulated hospital day by day by its own schedule, and say what was found."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from auditor.alerts.outbox import what
from auditor.audit.dossier import dossier_of
from auditor.audit.pages import pages_of
from auditor.clock.children import here
from auditor.clock.clock import Clock
from auditor.demo.faults import Fault
from auditor.demo.hospital import Hospital, simulate, write
from auditor.intake.ingest import ingest
from auditor.issuing.issue import FILES, issue_weekly
from auditor.issuing.write import wanted_files, write_files
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.settings import Environment, parse_settings
from auditor.signing.anchors import signing_key
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.workspace import Workspace, WorkspaceError, create
from reports.dossier import Dossier, Row

Progress = Callable[[str, int, int], None]
ACTOR = "demo"
KINDS: tuple[Kind, ...] = ("cases", "references", "outputs")
#: How long after the night's files the clock makes its rounds.
ROUNDS = timedelta(hours=1, minutes=5)


@dataclass(frozen=True)
class Found:
    """One planted fault, and the first audit that saw it."""

    fault: str
    found: bool
    since: str  # the week it was planted in
    detected: str | None  # the last day of the window of the first audit whose verdict shows it
    by: str | None  # the verdict that shows it


@dataclass(frozen=True)
class Opened:
    """One alert of the half year."""

    alert: str
    opened: str
    severity: str
    about: str
    reason: str
    cause: str


@dataclass(frozen=True)
class DemoResult:
    planted: tuple[Found, ...]
    alerts: tuple[Opened, ...]
    workspace: str
    report: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def run_demo(path: Path, seed: int, progress: Progress) -> DemoResult:
    """Simulate, hand in, audit weekly, and compare what was found with what was planted.

    Raises WorkspaceError when `path` holds something else than an earlier demo, or when no audit could end.
    """
    hospital = simulate(seed)
    workspace, audits = live_through(hospital, path, progress)
    if not audits:
        raise WorkspaceError(
            "No audit of the simulated hospital came to its end. "
            f"'AUDITOR_WORKSPACE={workspace.path} auditor schedule runs' says why."
        )
    last = audits[-1]
    written = _report(workspace, hospital.received_at(hospital.weeks), last)
    found = tuple(_search(fault, hospital, audits) for fault in hospital.planted)
    return DemoResult(found, alerts_of(workspace.ledger()), str(workspace.path), str(written[0]))


def _report(workspace: Workspace, at: datetime, last: Dossier) -> list[Path]:
    """The committee's report of the newest audit, in the morning after it."""
    ledger, lake = workspace.ledger(), workspace.lake()
    key = signing_key(workspace, ledger, ACTOR, at)
    issued = issue_weekly(ledger, lake, last.system, at=at, actor=ACTOR, alarms_a_year=2.0, key=key)
    pages = pages_of(ledger, lake, last.provenance.audit)
    return write_files(wanted_files(issued, list(FILES.values()), pages), workspace.path / "report")


def live_through(hospital: Hospital, path: Path, progress: Progress) -> tuple[Workspace, list[Dossier]]:
    """Every morning of half a year: take in what arrived, do what is due; the dossier of each audit."""
    workspace = prepare(hospital, path)
    time = SimulatedTime(hospital.received_at(0))
    clock = Clock(workspace.ledger(), here(workspace, time.now, ACTOR), "demo", ACTOR)
    for week, morning in mornings(hospital):
        if morning.weekday() == 0:
            hand_in(workspace, week, morning)
        time.at = morning + ROUNDS
        clock.step(time.at)
        progress("weeks received and audited", week, hospital.weeks)
    return workspace, dossiers_of(workspace.ledger())


@dataclass
class SimulatedTime:
    """A clock that stands where it is put."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def prepare(hospital: Hospital, path: Path) -> Workspace:
    """A new workspace with the hospital's settings in force; what the hospital will hand in lies beside it."""
    workspace = _fresh_workspace(path, hospital.received_at(0))
    write(hospital, workspace.path / "incoming")
    yaml = (workspace.path / "incoming" / "audit.yaml").read_text()
    apply_settings(workspace.ledger(), yaml, "audit.yaml", ACTOR, hospital.received_at(0))
    return workspace


def mornings(hospital: Hospital) -> Iterator[tuple[int, datetime]]:
    """Six o'clock of every day, and the week (from 1) that has been over since the last Monday."""
    first = hospital.received_at(1)
    for day in range(7 * (hospital.weeks - 1) + 1):
        yield 1 + day // 7, first + timedelta(days=day)


def hand_in(workspace: Workspace, week: int, at: datetime) -> None:
    """Take in what arrived in a week."""
    incoming = workspace.path / "incoming"
    settings = parse_settings((incoming / "audit.yaml").read_text())
    for kind in KINDS:
        ingest(
            incoming / f"{kind}-w{week:02d}.jsonl",
            kind,
            settings=settings,
            mapping=None,
            ledger=workspace.ledger(),
            lake=workspace.lake(),
            key=workspace.key(),
            received_at=at,
            actor=ACTOR,
        )


def dossiers_of(ledger: Ledger) -> list[Dossier]:
    """Every audit, oldest first."""
    rows = ledger.read(sa.select(t.audits.c.id, t.audits.c.system).order_by(t.audits.c.seq))
    return [dossier_of(ledger, row["system"], row["id"]) for row in rows]


def alerts_of(ledger: Ledger) -> tuple[Opened, ...]:
    """Every alert, oldest first."""
    rows = ledger.read(sa.select(t.alerts).order_by(t.alerts.c.opened_at, t.alerts.c.id))
    return tuple(
        Opened(row["id"], f"{row['opened_at']:%Y-%m-%d}", row["severity"], what(row), row["reason"], row["cause"])
        for row in rows
    )


def _search(fault: Fault, hospital: Hospital, audits: Sequence[Dossier]) -> Found:
    """The first audit, from the week of the fault on, whose number lies wholly beyond its bound."""
    since = hospital.start + timedelta(weeks=fault.since_week - 1)
    for dossier in audits:
        assert dossier.end is not None
        if dossier.end < since:
            continue
        for row in dossier.rows:
            if _shows(row, fault) and row.version == dossier.current_version and beyond_watch(row):
                by = f"{row.status}: {row.title}"
                return Found(fault.name, True, _week(since), dossier.end.isoformat(), by)
    return Found(fault.name, False, _week(since), None, None)


def _shows(row: Row, fault: Fault) -> bool:
    return (row.measure, row.slice, row.item, row.contrast) == (
        fault.measure,
        fault.slice,
        fault.item,
        fault.contrast,
    )


def beyond_watch(row: Row) -> bool:
    """Whether the verdict rests on evidence of harm: the whole interval lies beyond the watch bound.

    `watch` alone is also said when the data cannot tell, and that is no discovery.
    """
    if row.status not in ("act", "watch") or row.watch is None or row.value is None:
        return False
    if row.unit == "distance":
        return row.status == "watch" and row.value > row.watch
    if row.low is None or row.high is None:
        return False
    if row.direction == "away from zero is worse":
        return max(row.low, -row.high) > row.watch
    if row.contrast:
        return (row.low if row.direction == "higher is worse" else -row.high) > row.watch
    return row.low > row.watch if row.direction == "higher is worse" else row.high < row.watch


def is_demo(path: Path) -> bool:
    """Whether a folder is the workspace of an earlier demo."""
    return (path / "workspace.json").exists() and (path / "incoming" / "audit.yaml").exists()


def _fresh_workspace(path: Path, at: datetime) -> Workspace:
    """A new workspace in `path`; an earlier demo there is moved aside, anything else is refused."""
    if (path / "workspace.json").exists():
        if not (path / "incoming").is_dir():
            raise WorkspaceError(f"{path} is a workspace but no demo; name another folder with --workspace.")
        number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.{n}").exists())
        path.rename(path.with_name(f"{path.name}.{number}"))
    elif path.exists() and any(path.iterdir()):
        raise WorkspaceError(f"{path} is not empty; name another folder with --workspace.")
    # the stores of a demo are its own, whatever the environment says of a real workspace
    made = create(Environment.model_construct(workspace=path, ledger=None, lake=None, key_file=None), path, at)
    # the key decides which patients share a group and which report stands for a week: with a key that everybody
    # has, every demo finds the same; nobody is behind its pseudonyms
    made.key_file.write_text(hashlib.sha256(b"the simulated hospital").hexdigest() + "\n")
    return made


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
