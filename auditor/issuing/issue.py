"""Issuing a report: its content is frozen, its files are written once, and it is never changed afterwards.

The same audit in the same circumstances is the same report. What came later (a new audit, an answered alert) makes
a new report that names the one before it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from auditor import __version__
from auditor.alerts.trouble import settings_in_force
from auditor.audit.dossier import dossier_of
from auditor.issuing.briefing import briefing_of
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments
from reports import export_chai, export_markdown, export_report, html, pdf
from reports.briefing import Briefing
from reports.changes import changes
from reports.dossier import Dossier
from reports.fleet import fleet
from reports.weekly import weekly

FLEET: Final = "fleet"

#: What a report can be asked for as, and the file that it then is.
FILES: Final[Mapping[str, str]] = {
    "html": "report.html",
    "pdf": "report.pdf",
    "json": "report.json",
    "md": "summary.md",
    "xml": "model-card.xml",
}


class IssueError(ValueError):
    """One clear sentence about a report that cannot be issued or found."""


@dataclass(frozen=True)
class Issued:
    """A report: its name, its files by name, and whether it was there already."""

    report: str
    system: str | None
    audit: str | None
    files: Mapping[str, bytes]
    hashes: Mapping[str, str]
    known: bool


def issue_weekly(
    ledger: Ledger,
    lake: Lake,
    system: str,
    *,
    audit: str | None = None,
    at: datetime,
    actor: str,
    alarms_a_year: float,
    key: str = "",
) -> Issued:
    """The weekly report of a system: of its newest audit, or of the one named, which has one report for ever."""
    dossier = dossier_of(ledger, system, audit)
    if audit is not None and (made := _newest(ledger, "weekly", system, audit)) is not None:
        return stored(ledger, lake, made["id"])  # what has happened since belongs to newer audits
    before = _newest(ledger, "weekly", system)
    content = briefing_of(
        ledger,
        [system],
        report=_next(ledger),
        previous=before["id"] if before else "",
        at=at,
        timezone=dossier.timezone,
        alarms_a_year=alarms_a_year,
        key=key,
    )
    return _issue(ledger, lake, "weekly", system, [dossier], content, before, at, actor)


def issue_fleet(
    ledger: Ledger, lake: Lake, *, at: datetime, actor: str, alarms_a_year: float, key: str = ""
) -> Issued:
    """The weekly report of every system that has been audited. Raises IssueError where none has."""
    systems = [
        row["system"] for row in ledger.read(sa.select(t.audits.c.system).distinct().order_by(t.audits.c.system))
    ]
    if not systems:
        raise IssueError("No system has been audited yet; run 'auditor audit SYSTEM' first.")
    dossiers = [dossier_of(ledger, system) for system in systems]
    before = _newest(ledger, FLEET, None)
    content = briefing_of(
        ledger,
        systems,
        report=_next(ledger),
        previous=before["id"] if before else "",
        at=at,
        timezone=dossiers[0].timezone,
        alarms_a_year=alarms_a_year,
        key=key,
    )
    return _issue(ledger, lake, FLEET, None, dossiers, content, before, at, actor)


def _issue(
    ledger: Ledger,
    lake: Lake,
    kind: str,
    system: str | None,
    dossiers: Sequence[Dossier],
    content: Briefing,
    before: Any,
    at: datetime,
    actor: str,
) -> Issued:
    if before is not None:
        known = stored(ledger, lake, before["id"])
        told, audits = export_report.briefing_from(known.files["report.json"].decode())
        then = [dossier_of(ledger, name, audit) for name, audit in audits]
        if export_report.substance(told, then) == export_report.substance(content, dossiers):
            return known
        content = replace(content, changes=changes((told, then), (content, dossiers)))
    files = files_of(kind, content, dossiers, _paper(ledger, system))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    rows = pa.table({"name": list(files), "content": list(files.values())}, schema=schemas.PAGES)
    segment = lake.write(rows, "reports")
    audit = dossiers[0].provenance.audit if system else None
    with ledger.transaction(actor, at) as tx:
        register_segments(tx, [segment], system or dossiers[0].system)
        row = {"id": content.report, "seq": tx.next(t.reports), "kind": kind, "system": system, "audit": audit}
        about = {"segment": segment.sha256, "files": hashes, "code": __version__, "at": at, "actor": actor}
        tx.insert(t.reports, [row | about | {"replaces": before["id"] if before else None}])
    return Issued(content.report, system, audit, files, hashes, known=False)


def files_of(kind: str, content: Briefing, dossiers: Sequence[Dossier], paper: pdf.Paper) -> dict[str, bytes]:
    """Every file of a report: the same content gives the same bytes."""
    numbers = export_report.dumps(content, dossiers)
    shown, around = html.printable(tuple(dossiers)), html.printable(content)
    document = fleet(shown, around) if kind == FLEET else weekly(shown[0], around)
    made = {
        "report.html": html.page(document).encode(),
        "report.pdf": pdf.render(document, {"report.json": numbers}, paper=paper),
        "report.json": numbers.encode(),
        "summary.md": "\n".join(export_markdown.summary(one) for one in dossiers).encode(),
    }
    for one in dossiers:
        name = "model-card.xml" if len(dossiers) == 1 else f"model-card-{one.system}.xml"
        made[name] = export_chai.render(one).encode()
    return made


def stored(ledger: Ledger, lake: Lake, report: str) -> Issued:
    """A report as it was issued. Raises IssueError where there is none of that name, or its files were changed."""
    row = report_named(ledger, report)
    table = lake.read(row["segment"], verify=True)
    files = dict(zip(table["name"].to_pylist(), table["content"].to_pylist(), strict=True))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    if hashes != dict(row["files"]):
        raise IssueError(f"The files of {report} are not those that were issued; run 'auditor verify'.")
    return Issued(row["id"], row["system"], row["audit"], files, hashes, known=True)


def report_named(ledger: Ledger, report: str) -> Any:
    """The row of a report. Raises IssueError."""
    rows = ledger.read(sa.select(t.reports).where(t.reports.c.id == report))
    if not rows:
        raise IssueError(f"There is no report {report}; 'auditor reports' lists those there are.")
    return rows[0]


def _newest(ledger: Ledger, kind: str, system: str | None, audit: str | None = None) -> Any:
    query = sa.select(t.reports).where(t.reports.c.kind == kind).order_by(t.reports.c.seq.desc()).limit(1)
    if system is not None:
        query = query.where(t.reports.c.system == system)
    if audit is not None:
        query = query.where(t.reports.c.audit == audit)
    rows = ledger.read(query)
    return rows[0] if rows else None


def _next(ledger: Ledger) -> str:
    last = ledger.read(sa.select(sa.func.coalesce(sa.func.max(t.reports.c.seq), 0).label("n")))[0]["n"]
    return f"report-{last + 1}"


def _paper(ledger: Ledger, system: str | None) -> pdf.Paper:
    if system is None:
        return "a4"
    return settings_in_force(ledger, system).paper
