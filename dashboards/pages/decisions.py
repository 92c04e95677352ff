"""What was decided about systems, and what waits for a decision or a signature."""

from datetime import date
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from auditor.alerts import incidents
from auditor.alerts.incidents import DECISIONS
from auditor.alerts.life import AlertError
from auditor.store import tables as t
from dashboards.access import Permission, Visitor, allowed
from dashboards.listing import Column, as_csv, listing, wants_csv
from dashboards.names import about, titles
from dashboards.place import Here, Place
from dashboards.rendering import day, page
from reports.numbers import NONE

router = APIRouter(include_in_schema=False)
_Text = Annotated[str, Form(max_length=4_000)]

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    Column("incident", "Incident", lambda row: row["id"], sort=lambda row: row["seq"]),
    Column("system", "System", lambda row: row["of"]),
    Column("title", "About", lambda row: row["title"]),
    Column("decision", "Decision", lambda row: row["decision"] or "none yet"),
    Column("owner", "Owner", lambda row: row["owner"] or NONE),
    Column("due", "Due", lambda row: day(row["due"]), sort=lambda row: row["due"]),
    Column("status", "Status", lambda row: row["status"]),
    Column("opened", "Opened", lambda row: day(row["opened_at"].date()), sort=lambda row: row["opened_at"]),
)


@router.get("/decisions")
@allowed(Permission.SEE)
def decisions(request: Request, place: Here) -> Response:
    found = place.ledger.read(
        sa.select(t.incidents).order_by(t.incidents.c.status.desc(), t.incidents.c.seq.desc())
    )
    names = titles(place)
    rows = [{**row, "of": names.get(row["system"], row["system"])} for row in found]
    if wants_csv(request):
        return as_csv(request, _COLUMNS, rows, "decisions")
    signed = sa.select(t.signatures.c.report)
    waiting = place.ledger.read(
        sa.select(t.reports).where(t.reports.c.id.not_in(signed)).order_by(t.reports.c.seq.desc()).limit(10)
    )
    signatures = place.ledger.read(sa.select(t.signatures).order_by(t.signatures.c.id.desc()).limit(20))
    asked = place.ledger.read(
        sa.select(t.alerts)
        .where(t.alerts.c.status != "resolved", t.alerts.c.incident.is_(None))
        .where(t.alerts.c.severity == "act")
        .order_by(t.alerts.c.opened_at)
    )
    return page(
        request,
        "decisions.html",
        title="Decisions",
        listing=listing(request, _COLUMNS, rows, "incidents"),
        waiting=waiting,
        signatures=signatures,
        asked=[{**row, "about": about(row)} for row in asked],
        today=place.clock().date(),
    )


@router.get("/decisions/{incident}")
@allowed(Permission.SEE)
def one(request: Request, place: Here, incident: str) -> Response:
    row = _named(place, incident)
    alerts = place.ledger.read(sa.select(t.alerts).where(t.alerts.c.incident == incident).order_by(t.alerts.c.id))
    free = place.ledger.read(
        sa.select(t.alerts).where(t.alerts.c.system == row["system"], t.alerts.c.incident.is_(None))
    )
    audits = place.ledger.read(
        sa.select(t.audits.c.id, t.audits.c.as_of, t.audits.c.status)
        .where(t.audits.c.system == row["system"], t.audits.c.as_of > row["opened_at"])
        .order_by(t.audits.c.seq.desc())
        .limit(20)
    )
    return page(
        request,
        "decision.html",
        title=f"{row['title']}: decision",
        incident=row,
        alerts=[{**one, "about": about(one)} for one in alerts],
        free=[{**one, "about": about(one)} for one in free if one["status"] != "resolved"],
        audits=audits,
        choices=DECISIONS,
    )


@router.post("/decisions/{incident}/add")
@allowed(Permission.DECIDE)
def add(place: Here, who: Visitor, incident: str, alert: _Text = "") -> Response:
    incidents.add_alerts(place.ledger, incident, [alert], who.name, place.clock())
    return RedirectResponse(f"/decisions/{incident}", 303)


@router.post("/decisions/{incident}/decide")
@allowed(Permission.DECIDE)
def decide(
    place: Here,
    who: Visitor,
    incident: str,
    decision: _Text = "",
    owner: _Text = "",
    due: _Text = "",
    note: _Text = "",
) -> Response:
    if not owner.strip():
        raise AlertError("Say who sees to the decision.")
    if not note.strip():
        raise AlertError("Say why it is decided so.")
    try:
        until = date.fromisoformat(due)
    except ValueError:
        raise AlertError("Say the day by which it is done, as 2026-03-01.") from None
    about: dict[str, Any] = {"decision": decision, "owner": owner.strip(), "due": until, "note": note}
    incidents.decide(place.ledger, incident, who.name, place.clock(), **about)
    return RedirectResponse(f"/decisions/{incident}", 303)


@router.post("/decisions/{incident}/close")
@allowed(Permission.DECIDE)
def close(place: Here, who: Visitor, incident: str, follow_up: _Text = "", note: _Text = "") -> Response:
    incidents.close(place.ledger, incident, who.name, place.clock(), follow_up=follow_up, note=note)
    return RedirectResponse(f"/decisions/{incident}", 303)


def _named(place: Place, incident: str) -> Any:
    rows = place.ledger.read(sa.select(t.incidents).where(t.incidents.c.id == incident))
    if not rows:
        raise HTTPException(404, "There is no such incident.")
    return rows[0]
