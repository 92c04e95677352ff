"""What other programs read: fleet, systems, measurements, alerts and reports as JSON, described in OpenAPI."""

from datetime import date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from auditor.alerts.outbox import what
from auditor.audit.recorded import latest_audit
from auditor.audit.rows import measured_rows
from auditor.audit.scope import AuditError
from auditor.issuing.standing import Standing
from auditor.signing import signoff
from auditor.store import tables as t
from dashboards.access import Permission, allowed
from dashboards.place import Here, Place
from dashboards.standings import standings
from reports.dossier import Flow, Row


class Refusal(BaseModel):
    """Why there is no answer, in one sentence."""

    error: str


_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refusal, "description": "Neither a session nor a token, or one that has ended."},
    403: {"model": Refusal, "description": "The token has another scope, or its person other roles."},
    422: {"model": Refusal, "description": "A parameter is not as it should be."},
}
_LOST: dict[int | str, dict[str, Any]] = {
    **_ERRORS,
    404: {"model": Refusal, "description": "There is nothing of that name."},
}

router = APIRouter(tags=["figures"])

_Name = Annotated[str, Query(max_length=200)]


class Figure(BaseModel):
    """One measurement as it may be shown: without numbers where fewer than eleven patients stand behind it."""

    measure: str
    title: str
    task: str
    version: str
    item: str
    slice: str
    contrast: str
    start: date | None
    end: date | None
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    counted: str
    patients: int | None
    unit: str
    direction: str
    interval: str
    note: str
    suppressed: bool
    status: str
    reason: str
    watch: float | None
    act: float | None


class SystemLine(BaseModel):
    """How one system stands."""

    system: str
    title: str
    tasks: list[str]
    version: str
    status: str
    why: str
    as_of: datetime | None
    judged: int
    outputs: int
    primary: Figure | None
    significant_errors: Figure | None
    open_alerts: int
    oldest_alert: datetime | None
    evidence_current: int | None
    evidence_items: int | None
    signed: datetime | None


class FleetPage(BaseModel):
    """Every system, the gravest first."""

    at: datetime
    systems: list[SystemLine]


class SystemPage(BaseModel):
    """One system, and its audits from the newest on."""

    standing: SystemLine
    audits: list["AuditLine"]


class AuditLine(BaseModel):
    """One audit."""

    audit: str
    status: str
    start: date | None
    end: date | None
    as_of: datetime
    versions: list[str]
    restates: str | None


class MeasurementPage(BaseModel):
    """Measurements of one audit; `next` is the offset of the rest, null where there is none."""

    audit: str
    total: int
    next: int | None
    measurements: list[Figure]


class AlertLine(BaseModel):
    """One alert."""

    alert: str
    system: str
    severity: str
    status: str
    about: str
    reason: str
    cause: str
    opened: datetime
    owner: str | None
    due: datetime | None
    outcome: str | None
    audit: str | None
    incident: str | None


class AlertPage(BaseModel):
    alerts: list[AlertLine]


class ReportLine(BaseModel):
    """One report as it was issued; `files` are names with SHA-256."""

    report: str
    kind: str
    system: str | None
    audit: str | None
    issued: datetime
    replaces: str | None
    files: dict[str, str]
    signed: list[str]


class ReportPage(BaseModel):
    reports: list[ReportLine]


@router.get("/openapi.json", include_in_schema=False)
@allowed(Permission.SEE, scope="fleet")
def description(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/fleet.json", responses=_ERRORS)
@allowed(Permission.SEE, scope="fleet")
def fleet(place: Here) -> FleetPage:
    """How every system stands now."""
    at = place.clock()
    return FleetPage(at=at, systems=[_line(one) for one in standings(place, at)])


@router.get("/systems/{system}.json", responses=_LOST)
@allowed(Permission.SEE, scope="systems")
def system(place: Here, system: str) -> SystemPage:
    """How one system stands, and its audits."""
    mine = [one for one in standings(place, place.clock()) if one.measured.line.system == system]
    if not mine:
        raise HTTPException(404, "There is no such system.")
    rows = place.ledger.read(
        sa.select(t.audits).where(t.audits.c.system == system).order_by(t.audits.c.seq.desc())
    )
    audits = [
        AuditLine(
            audit=row["id"],
            status=row["status"],
            start=row["window_start"],
            end=row["window_end"],
            as_of=row["as_of"],
            versions=row["versions"],
            restates=row["restates"],
        )
        for row in rows
    ]
    return SystemPage(standing=_line(mine[0]), audits=audits)


@router.get("/measurements.json", responses=_LOST)
@allowed(Permission.SEE, scope="measurements")
def measurements(
    place: Here,
    system: _Name,
    audit: _Name = "",
    measure: _Name = "",
    slice: _Name = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> MeasurementPage:
    """The measurements of an audit (the newest, unless one is named), small cells suppressed."""
    row = _audit(place, system, audit)
    rows = place.remembered.of(("rows", row["id"]), lambda: _rows(place, row))
    found = [one for one in rows if measure in ("", one.measure) and slice in ("", one.slice)]
    here = found[offset : offset + limit]
    more = offset + limit if offset + limit < len(found) else None
    figures = [_figure(one) for one in here]
    return MeasurementPage(audit=row["id"], total=len(found), next=more, measurements=figures)


@router.get("/alerts.json", responses=_ERRORS)
@allowed(Permission.SEE, scope="alerts")
def alerts(
    place: Here,
    system: _Name = "",
    status: _Name = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> AlertPage:
    """Alerts, the newest first."""
    query = sa.select(t.alerts).order_by(t.alerts.c.opened_at.desc(), t.alerts.c.id).limit(limit)
    query = query.where(t.alerts.c.system == system) if system else query
    rows = place.ledger.read(query.where(t.alerts.c.status == status) if status else query)
    return AlertPage(alerts=[_alert(row) for row in rows])


@router.get("/reports.json", responses=_ERRORS)
@allowed(Permission.SEE, scope="reports")
def reports(place: Here, system: _Name = "", limit: Annotated[int, Query(ge=1, le=1_000)] = 200) -> ReportPage:
    """Reports as they were issued, the newest first, with the hashes of their files."""
    query = sa.select(t.reports).order_by(t.reports.c.seq.desc()).limit(limit)
    rows = place.ledger.read(query.where(t.reports.c.system == system) if system else query)
    signed = signoff.by_report(place.ledger)
    return ReportPage(
        reports=[
            ReportLine(
                report=row["id"],
                kind=row["kind"],
                system=row["system"],
                audit=row["audit"],
                issued=row["at"],
                replaces=row["replaces"],
                files=row["files"],
                signed=[f"{one['full_name']}: {one['meaning']}" for one in signed.get(row["id"], [])],
            )
            for row in rows
        ]
    )


def _audit(place: Place, system: str, audit: str) -> Any:
    try:
        return latest_audit(place.ledger, system, audit or None)
    except AuditError:
        raise HTTPException(404, "There is no such audit.") from None


def _rows(place: Place, audit: Any) -> list[Row]:
    verdicts = place.ledger.read(
        sa.select(t.verdicts).where(t.verdicts.c.audit == audit["id"]).order_by(t.verdicts.c.number)
    )
    (flows,) = place.ledger.read(
        sa.select(t.details.c.payload).where(t.details.c.audit == audit["id"], t.details.c.kind == "flows")
    )
    return measured_rows(place.ledger, audit, verdicts, [Flow(**one) for one in flows["payload"]])


def _line(one: Standing) -> SystemLine:
    line = one.measured.line
    return SystemLine(
        system=line.system,
        title=line.title,
        tasks=list(line.tasks),
        version=line.version,
        status=one.status,
        why=one.why,
        as_of=line.as_of,
        judged=line.judged,
        outputs=line.outputs,
        primary=_figure(line.primary) if line.primary else None,
        significant_errors=_figure(line.errors) if line.errors else None,
        open_alerts=one.alerts,
        oldest_alert=one.oldest.opened if one.oldest else None,
        evidence_current=one.evidence,
        evidence_items=one.items,
        signed=one.signed,
    )


def _figure(row: Row) -> Figure:
    hidden = {"value": None, "low": None, "high": None, "n": None, "patients": None} if row.suppressed else {}
    return Figure(**{name: getattr(row, name) for name in Figure.model_fields} | hidden)


def _alert(row: Any) -> AlertLine:
    return AlertLine(
        alert=row["id"],
        system=row["system"],
        severity=row["severity"] or "act",
        status=row["status"],
        about=what(row),
        reason=row["reason"],
        cause=row["cause"] or "",
        opened=row["opened_at"],
        owner=row["owner"],
        due=row["due_at"],
        outcome=row["outcome"],
        audit=row["audit"],
        incident=row["incident"],
    )
