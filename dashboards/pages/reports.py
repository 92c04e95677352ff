"""Reports as they were issued: browse, read, download, check, sign."""

import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from auditor.alerts.incidents import DECISIONS
from auditor.issuing.bundle import write_bundle
from auditor.issuing.issue import FILES, Issued, IssueError, issue_fleet, issue_weekly, report_named, stored
from auditor.settings import Environment
from auditor.signing import signoff
from auditor.signing.anchors import anchor_now, append, signing_key
from auditor.signing.keys import known
from auditor.signing.people import PeopleError
from auditor.signing_key import read_key
from auditor.store import tables as t
from dashboards.access import NotAllowedError, Permission, Visitor, allowed
from dashboards.listing import Column, as_csv, listing, wants_csv
from dashboards.names import titles
from dashboards.place import Here, Place
from dashboards.rendering import day, page
from dashboards.sessions import proved
from reports.numbers import NONE, days

router = APIRouter(include_in_schema=False)
_Text = Annotated[str, Form(max_length=4_000)]

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".xml": "application/xml",
}
#: The files in which examples are quoted; the others hold numbers alone.
_EXAMPLES: Final = (".html", ".pdf", ".json")
_WITH_WORDS: Final = (
    "This report quotes words of cases, which your roles do not let you see; its summary and its model card hold "
    "numbers alone and are open to you."
)
#: A report is one self-contained page: it may style itself and do nothing else.
_SANDBOX: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-popups"
)

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    Column("report", "Report", lambda row: row["id"], sort=lambda row: row["seq"]),
    Column("of", "Of", lambda row: row["of"]),
    Column("issued", "Issued", lambda row: day(row["at"].date()), sort=lambda row: row["at"]),
    Column("signed", "Signed", lambda row: row["signed"] or "nobody"),
    Column("replaces", "Replaces", lambda row: row["replaces"] or NONE),
)


@router.get("/reports")
@allowed(Permission.SEE)
def reports(request: Request, place: Here, system: str = "") -> Response:
    query = sa.select(t.reports).order_by(t.reports.c.seq.desc())
    rows = place.ledger.read(query.where(t.reports.c.system == system) if system else query)
    signed = {
        name: "; ".join(f"{one['full_name']}: {one['meaning']}" for one in some)
        for name, some in signoff.by_report(place.ledger).items()
    }
    names = titles(place)
    shown = [{**row, "of": _of(row["system"], names), "signed": signed.get(row["id"], "")} for row in rows]
    if wants_csv(request):
        return as_csv(request, _COLUMNS, shown, "reports")
    systems = place.ledger.read(sa.select(t.audits.c.system).distinct().order_by(t.audits.c.system))
    return page(
        request,
        "reports.html",
        title="Reports",
        listing=listing(request, _COLUMNS, shown, "reports"),
        systems=[row["system"] for row in systems],
    )


@router.post("/reports")
@allowed(Permission.SIGN)
def issue(place: Here, who: Visitor, system: _Text = "") -> Response:
    """Issue the weekly report of a system, or of the fleet where none is named."""
    at = place.clock()
    key = signing_key(place.workspace, place.ledger, who.name, at)
    about: dict[str, Any] = {"at": at, "actor": who.name, "key": key, "alarms_a_year": Environment().alarms_a_year}
    made = (
        issue_weekly(place.ledger, place.lake, system, **about)
        if system
        else issue_fleet(place.ledger, place.lake, **about)
    )
    if not made.known:
        anchor_now(place.workspace, place.ledger, who.name, at)
    return RedirectResponse(f"/reports/{made.report}", 303)


@router.get("/reports/{report}")
@allowed(Permission.SEE)
def one_report(request: Request, place: Here, report: str, checked: bool = False) -> Response:
    row = _named(place, report)
    signatures = place.ledger.read(
        sa.select(t.signatures).where(t.signatures.c.report == report).order_by(t.signatures.c.id)
    )
    return page(
        request,
        "report.html",
        title=f"{report} on {_of(row['system'], titles(place))}",
        of=_of(row["system"], titles(place)),
        window=_window(place, row["audit"]),
        report=row,
        signatures=signatures,
        later=place.ledger.read(sa.select(t.reports.c.id).where(t.reports.c.replaces == report)),
        meanings=signoff.MEANINGS,
        decisions=DECISIONS,
        faults=_faults(place, report) if checked else None,
        readable=FILES["html"],
    )


@router.get("/reports/{report}/{name}")
@allowed(Permission.SEE)
def file(place: Here, who: Visitor, report: str, name: str, download: bool = False) -> Response:
    """A file of a report as it was issued; it is held against its hash before it leaves."""
    issued = _stored(place, report)
    if name not in issued.files:
        raise HTTPException(404, "The report has no such file.")
    reads = who.may(Permission.CASES) or who.may(Permission.SIGN)  # nobody signs what they may not read
    if name.endswith(_EXAMPLES) and not reads and _quotes(place, issued):
        raise NotAllowedError(_WITH_WORDS)
    headers = {"content-security-policy": _SANDBOX, "etag": f'"{issued.hashes[name]}"'}
    if download or not name.endswith((".html", ".pdf")):
        headers["content-disposition"] = f'attachment; filename="{report}-{name}"'
    return Response(issued.files[name], media_type=_TYPES[Path(name).suffix], headers=headers)


@router.post("/reports/{report}/sign")
@allowed(Permission.SIGN)
def sign(
    place: Here,
    who: Visitor,
    report: str,
    password: Annotated[str, Form(max_length=1_000)] = "",
    name: _Text = "",
    meaning: _Text = "reviewed",
    decision: _Text = "",
    note: _Text = "",
) -> Response:
    """Sign a report; the password is asked for again, whoever is logged in."""
    at = place.clock()
    signer = name.strip() if who.session == "local" else who.name
    try:
        person = proved(place, signer, password)
    except PeopleError:
        raise PeopleError("The password is not right, so nothing was signed; this attempt is on record.") from None
    key = read_key(place.workspace.signing_key_file)
    known(place.ledger, key, person["name"], at)
    about = {"meaning": meaning, "decision": decision, "note": note}
    signoff.sign(place.ledger, key, report, person, **about, at=at)
    anchor_now(place.workspace, place.ledger, person["name"], at)
    return RedirectResponse(f"/reports/{report}", 303)


@router.post("/reports/{report}/bundle")
@allowed(Permission.SIGN)
def bundle(place: Here, who: Visitor, report: str) -> Response:
    """The inspector's bundle; making it signs the journal's head."""
    at = place.clock()
    key = read_key(place.workspace.signing_key_file)
    known(place.ledger, key, who.name, at)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bundle.zip"
        _, anchor = write_bundle(place.ledger, place.lake, place.workspace.identity, report, key, target, at)
        content = io.BytesIO(target.read_bytes())
    append(place.workspace.anchor_file, anchor)
    headers = {"content-disposition": f'attachment; filename="{report}-bundle.zip"'}
    return Response(content.getvalue(), media_type="application/zip", headers=headers)


def _window(place: Place, audit: str | None) -> str:
    """The days that the audit of a report looked at."""
    rows = place.ledger.read(sa.select(t.audits).where(t.audits.c.id == audit)) if audit else []
    return days(rows[0]["window_start"], rows[0]["window_end"]) if rows else ""


def _of(system: str | None, names: Mapping[str, str]) -> str:
    return names.get(system, system) if system else "the fleet"


def _named(place: Place, report: str) -> Any:
    try:
        return report_named(place.ledger, report)
    except IssueError:
        raise HTTPException(404, "There is no such report.") from None


def _stored(place: Place, report: str) -> Issued:
    _named(place, report)
    return stored(place.ledger, place.lake, report)


def _quotes(place: Place, issued: Issued) -> bool:
    """Whether a report quotes texts of cases, as audit.yaml may allow."""

    def found() -> bool:
        dossiers = json.loads(issued.files[FILES["json"]])["dossiers"]
        examples = [one for dossier in dossiers for one in dossier["exemplars"]]
        groups = [one for dossier in dossiers for one in dossier.get("templates", ())]
        sentences = [one for group in groups for one in group["sentences"]]
        return any(one["draft"] or one["reference"] for one in examples) or any(one["words"] for one in sentences)

    return place.remembered.of(("quotes", issued.report), found)


def _faults(place: Place, report: str) -> list[str]:
    """What is wrong with the files of a report and its signatures; nothing, where all is as it was issued."""
    found = []
    try:
        stored(place.ledger, place.lake, report)
    except ValueError as error:
        found.append(str(error))
    signed = place.ledger.read(sa.select(t.signatures.c.id).where(t.signatures.c.report == report))
    mine = {str(row["id"]) for row in signed}
    return found + [one.sentence for one in signoff.check(place.ledger) if one.place in mine]
