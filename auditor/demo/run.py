"""The demo: feed the simulated hospital week by week, audit it as a hospital would, and say what was found."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from auditor.audit.dossier import dossier_of
from auditor.audit.pages import pages_of
from auditor.audit.run import run_audit
from auditor.demo.faults import Fault
from auditor.demo.hospital import Hospital, simulate, write
from auditor.intake.ingest import ingest
from auditor.publish import write_report
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.settings import Environment, parse_settings
from auditor.tracking import mirror
from auditor.workspace import Workspace, WorkspaceError, create
from reports.dossier import Dossier, Row

Progress = Callable[[str, int, int], None]
ACTOR = "demo"
KINDS: tuple[Kind, ...] = ("cases", "references", "outputs")


@dataclass(frozen=True)
class Found:
    """One planted fault, and the first audit that saw it."""

    fault: str
    found: bool
    since: str  # the week it was planted in
    detected: str | None  # the last day of the window of the first audit whose verdict shows it
    by: str | None  # the verdict that shows it


@dataclass(frozen=True)
class DemoResult:
    planted: tuple[Found, ...]
    workspace: str
    report: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


#: The first thirteen weeks are the reference window; from the week after, the hospital audits
#: every four weeks, so that no two windows overlap.
FIRST_AUDIT = 14
AUDIT_EVERY = 4


def run_demo(path: Path, seed: int, progress: Progress) -> DemoResult:
    """Simulate, hand in, audit weekly, and compare what was found with what was planted.

    Raises WorkspaceError when `path` holds something else than an earlier demo.
    """
    hospital = simulate(seed)
    workspace, audits = live_through(hospital, path, progress)
    ledger, lake = workspace.ledger(), workspace.lake()
    settings = parse_settings((workspace.path / "incoming" / "audit.yaml").read_text())
    at = _frozen(hospital.received_at(hospital.weeks))
    mirror(ledger, lake, settings.system, settings, workspace.mlflow_uri, at, ACTOR)
    last = audits[-1]
    pages = pages_of(ledger, lake, last.provenance.audit)
    written = write_report(last, pages, workspace.path / "report", ["html", "json"])
    found = tuple(_search(fault, hospital, audits) for fault in hospital.planted)
    return DemoResult(found, str(workspace.path), str(written[0]))


def live_through(hospital: Hospital, path: Path, progress: Progress) -> tuple[Workspace, list[Dossier]]:
    """Hand in what the hospital made, week by week, and audit it as it would; the dossier of every audit."""
    workspace = _fresh_workspace(path, hospital.received_at(1))
    incoming = workspace.path / "incoming"
    write(hospital, incoming)
    ledger, lake, key = workspace.ledger(), workspace.lake(), workspace.key()
    yaml = (incoming / "audit.yaml").read_text()
    settings = parse_settings(yaml)
    apply_settings(ledger, yaml, "audit.yaml", ACTOR, hospital.received_at(0))

    audits = []
    for week in range(1, hospital.weeks + 1):
        at = hospital.received_at(week)
        for kind in KINDS:
            ingest(
                incoming / f"{kind}-w{week:02d}.jsonl",
                kind,
                settings=settings,
                mapping=None,
                ledger=ledger,
                lake=lake,
                key=key,
                received_at=at,
                actor=ACTOR,
            )
        progress("weeks received and audited", week, hospital.weeks)
        if week >= FIRST_AUDIT and (week - FIRST_AUDIT) % AUDIT_EVERY == 0:
            clock = _frozen(at)
            made = run_audit(ledger, lake, settings.system, as_of=at, clock=clock, actor=ACTOR)
            audits.append(dossier_of(ledger, settings.system, made.audit))
    return workspace, audits


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
    if row.measure == "drift_distance":
        return row.status == "watch" and row.value > row.watch
    if row.low is None or row.high is None:
        return False
    if row.direction == "away from zero is worse":
        return max(row.low, -row.high) > row.watch
    if row.contrast:
        return (row.low if row.direction == "higher is worse" else -row.high) > row.watch
    return row.low > row.watch if row.direction == "higher is worse" else row.high < row.watch


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
    return create(Environment.model_construct(workspace=path, ledger=None, lake=None, key_file=None), path, at)


def _frozen(at: datetime) -> Callable[[], datetime]:
    return lambda: at


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
