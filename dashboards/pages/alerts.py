"""What somebody must answer, and answering it."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from auditor.alerts import life
from auditor.alerts.events import history
from auditor.alerts.incidents import open_incident
from auditor.alerts.life import AlertError, alert_named
from auditor.store import tables as t
from dashboards.access import Permission, Visitor, allowed
from dashboards.listing import Column, as_csv, listing, wants_csv
from dashboards.names import about, titles
from dashboards.place import Here, Place
from dashboards.rendering import day, page
from reports.numbers import NONE, days
from reports.text import severity, words_of

router = APIRouter(include_in_schema=False)

_STATES: Final = ("open", "acknowledged", "investigating", "resolved")
_Text = Annotated[str, Form(max_length=4_000)]

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    Column("severity", "Severity", lambda row: words_of(_grave(row)).word, sort=lambda row: severity(_grave(row))),
    Column("about", "About", lambda row: row["about"]),
    Column("system", "System", lambda row: row["title"]),
    Column("status", "Status", lambda row: row["outcome"] or row["status"]),
    Column("opened", "Opened", lambda row: day(row["opened_at"].date()), sort=lambda row: row["opened_at"]),
    Column("owner", "Owner", lambda row: row["owner"] or NONE),
    Column("due", "Answer by", lambda row: _due(row), sort=lambda row: row["due_at"]),
    Column("alert", "Alert", lambda row: row["id"], sort=lambda row: (row["opened_at"], row["id"])),
)


def _grave(row: Any) -> str:
    return str(row["severity"] or "act")


def _due(row: Any) -> str:
    return day(row["due_at"].date()) if row["due_at"] and row["status"] == "open" else NONE


@router.get("/alerts")
@allowed(Permission.SEE)
def alerts(request: Request, place: Here, status: str = "unresolved", system: str = "") -> Response:
    """Unresolved ones unless another state is asked for, the gravest and newest first."""
    query = sa.select(t.alerts).order_by(t.alerts.c.opened_at.desc(), t.alerts.c.id)
    if status in _STATES:
        query = query.where(t.alerts.c.status == status)
    elif status != "all":
        query = query.where(t.alerts.c.status != "resolved")
    if system:
        query = query.where(t.alerts.c.system == system)
    names = titles(place)
    found = sorted(place.ledger.read(query), key=lambda row: severity(_grave(row)))
    rows = [{**row, "about": about(row), "title": names.get(row["system"], row["system"])} for row in found]
    if wants_csv(request):
        return as_csv(request, _COLUMNS, rows, "alerts")
    return page(
        request,
        "alerts.html",
        title="Alerts",
        listing=listing(request, _COLUMNS, rows, "alerts"),
        states=_STATES,
        status=status,
        system=system,
        systems=sorted(names),
        at=place.clock(),
    )


@router.get("/alerts/{alert}")
@allowed(Permission.SEE)
def one_alert(request: Request, place: Here, alert: str) -> Response:
    try:
        row = alert_named(place.ledger, alert)
    except AlertError:
        raise HTTPException(404, "There is no such alert.") from None
    notices = place.ledger.read(sa.select(t.notices).where(t.notices.c.alert == alert).order_by(t.notices.c.id))
    people = place.ledger.read(
        sa.select(t.users.c.name, t.users.c.full_name).where(t.users.c.active).order_by(t.users.c.name)
    )
    incidents = place.ledger.read(
        sa.select(t.incidents.c.id, t.incidents.c.title).where(
            t.incidents.c.system == row["system"], t.incidents.c.status == "open"
        )
    )
    return page(
        request,
        "alert.html",
        title=f"{about(row)}: alert {alert}",
        alert=row,
        about=about(row),
        evidence=_evidence(place, row["audit"]),
        members=[{**one, "about": about(one)} for one in row["members"] or ()],
        events=history(place.ledger, alert),
        notices=notices,
        people=people,
        incidents=incidents,
        overdue=row["status"] == "open" and row["due_at"] is not None and row["due_at"] < place.clock(),
    )


def _evidence(place: Place, audit: str | None) -> str:
    """The audit that an alert is of, by its window."""
    rows = place.ledger.read(sa.select(t.audits).where(t.audits.c.id == audit)) if audit else []
    return f"audit of {days(rows[0]['window_start'], rows[0]['window_end'])}" if rows else ""


def _back(alert: str) -> Response:
    return RedirectResponse(f"/alerts/{alert}", 303)


@router.post("/alerts/{alert}/acknowledge")
@allowed(Permission.ANSWER)
def acknowledge(place: Here, who: Visitor, alert: str, note: _Text = "") -> Response:
    life.acknowledge(place.ledger, alert, who.name, place.clock(), None, note)
    return _back(alert)


@router.post("/alerts/{alert}/investigate")
@allowed(Permission.ANSWER)
def investigate(place: Here, who: Visitor, alert: str, note: _Text = "") -> Response:
    life.investigate(place.ledger, alert, who.name, place.clock(), note)
    return _back(alert)


@router.post("/alerts/{alert}/assign")
@allowed(Permission.ANSWER)
def assign(place: Here, who: Visitor, alert: str, owner: _Text = "", due: _Text = "") -> Response:
    if not owner.strip():
        raise AlertError("Say who is to answer the alert.")
    life.assign(place.ledger, alert, who.name, place.clock(), owner.strip(), _end_of(due))
    return _back(alert)


@router.post("/alerts/{alert}/comment")
@allowed(Permission.ANSWER)
def comment(place: Here, who: Visitor, alert: str, note: _Text = "") -> Response:
    life.comment(place.ledger, alert, who.name, place.clock(), note)
    return _back(alert)


@router.post("/alerts/{alert}/resolve")
@allowed(Permission.ANSWER)
def resolve(
    place: Here, who: Visitor, alert: str, outcome: _Text = "", cause: _Text = "", action: _Text = ""
) -> Response:
    if outcome not in life.OUTCOMES:
        raise AlertError("Say whether it was a true or a false alarm.")
    life.resolve(place.ledger, alert, who.name, place.clock(), outcome=outcome, cause=cause, action=action)
    return _back(alert)


@router.post("/alerts/{alert}/reopen")
@allowed(Permission.ANSWER)
def reopen(place: Here, who: Visitor, alert: str, note: _Text = "") -> Response:
    if not note.strip():
        raise AlertError("Say why the alert is opened again.")
    life.reopen(place.ledger, alert, who.name, place.clock(), note)
    return _back(alert)


@router.post("/alerts/{alert}/incident")
@allowed(Permission.DECIDE)
def incident(place: Here, who: Visitor, alert: str, title: _Text = "") -> Response:
    name = open_incident(place.ledger, title, [alert], who.name, place.clock())
    return RedirectResponse(f"/decisions/{name}", 303)


def _end_of(text: str) -> datetime | None:
    """The end of a day, in UTC."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59), tzinfo=UTC)
    except ValueError:
        raise AlertError("Say the day as 2026-03-01.") from None
