"""From an empty workspace to the first audit: settings, records, audit; each step says whether it is done."""

import tempfile
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from auditor.audit.run import run_audit
from auditor.audit.scope import newest_settings
from auditor.in_force import system_names
from auditor.intake.ingest import ingest
from auditor.records import RECORDS
from auditor.registry import apply_settings
from auditor.settings import AuditSettings
from auditor.signing.anchors import anchor_now
from auditor.store import tables as t
from dashboards.access import Permission, Visitor, allowed
from dashboards.errands import Progress
from dashboards.place import Here, Place
from dashboards.rendering import page
from reports.numbers import integer

router = APIRouter(include_in_schema=False)
#: The addresses to which files may be sent.
WITH_FILES: Final = ("/start/records",)
_TEMPLATES: Final = ("report", "classifier", "vqa", "search")
#: What a browser may send; compressed files, which can hide their size, are for the command line.
_SUFFIXES: Final = (".jsonl", ".csv")
_Text = Annotated[str, Form(max_length=200_000)]


class StartError(ValueError):
    """One clear sentence about a step that cannot be taken."""


@router.get("/start")
@allowed(Permission.SEE)
def start(request: Request, place: Here, template: str = "report", system: str = "") -> Response:
    systems = system_names(place.ledger)
    chosen = system if system in systems else systems[0] if systems else ""
    name = template if template in _TEMPLATES else _TEMPLATES[0]
    return page(
        request,
        "start.html",
        title="First audit",
        systems=systems,
        chosen=chosen,
        yaml=resources.files("auditor").joinpath(f"templates/{name}.yaml").read_text(),
        template=name,
        templates=_TEMPLATES,
        held=_held(place, chosen),
        audited=_audited(place, chosen),
        kinds=tuple(RECORDS),
        errand=request.app.state.errands.find(f"audit {chosen}"),
    )


@router.get("/start/audit/{system}")
@allowed(Permission.SEE)
def progress(request: Request, system: str) -> Response:
    """How the audit stands, as a fragment that is asked for again until it has ended."""
    errand = request.app.state.errands.find(f"audit {system}")
    return page(request, "errand_now.html", title="", one=errand, address=f"/start/audit/{system}")


@router.post("/start/settings")
@allowed(Permission.RUN)
def settings(place: Here, who: Visitor, yaml: _Text = "") -> Response:
    applied = apply_settings(place.ledger, yaml, "audit.yaml", who.name, place.clock())
    return RedirectResponse(f"/start?system={applied.system}", 303)


async def _sent(request: Request) -> AsyncIterator[FormData]:
    """The form of a file. Were its fields named by the handler, it would be read before its sender is known."""
    async with request.form() as form:
        yield form


@router.post("/start/records")
@allowed(Permission.RUN)
def records(
    request: Request,
    place: Here,
    who: Visitor,
    sent: Annotated[FormData, Depends(_sent)],
) -> Response:
    """Take one file in; rows at fault go to quarantine with a reason, and none of them is shown."""
    file, system, kind = sent.get("file"), str(sent.get("system", "")), str(sent.get("kind", ""))
    if not isinstance(file, UploadFile):
        raise StartError("Choose the file that holds the records.")
    if kind not in RECORDS:
        raise StartError(f"Say what the file holds: {', '.join(RECORDS)}.")
    suffix = Path(file.filename or "").suffix.lower()
    if suffix not in _SUFFIXES:
        raise StartError(f"Send a file that ends in {' or '.join(_SUFFIXES)}; others go through 'auditor ingest'.")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{kind}{suffix}"  # what the sender called it is of no interest
        with target.open("wb") as out:
            while piece := file.file.read(1 << 20):
                out.write(piece)
        result = ingest(
            target,
            kind,
            settings=_settings(place, system),
            mapping=None,
            ledger=place.ledger,
            lake=place.lake,
            key=place.workspace.key(),
            received_at=place.clock(),
            actor=who.name,
        )
    said = f"{integer(result.accepted)} of {integer(result.rows)} rows of {kind} were taken in."
    return page(
        request, "taken.html", title="Records", said=said, reasons=result.reasons, system=system, kind=kind
    )


@router.post("/start/audit")
@allowed(Permission.RUN)
def audit(request: Request, place: Here, who: Visitor, system: _Text = "") -> Response:
    _settings(place, system)  # a system that is not there is said now

    def work(progress: Progress) -> str:
        about: dict[str, Any] = {"as_of": place.clock(), "clock": place.clock, "actor": who.name}
        made = run_audit(place.ledger, place.lake, system, **about, progress=progress)
        anchor_now(place.workspace, place.ledger, who.name, place.clock())
        return f"{made.audit}: {made.status}."

    request.app.state.errands.start(f"audit {system}", work, place.clock())
    return RedirectResponse(f"/start?system={system}", 303)


def _settings(place: Place, system: str) -> AuditSettings:
    return newest_settings(place.ledger, system)[1]


def _held(place: Place, system: str) -> dict[str, int]:
    """Rows of each kind of record that the lake holds."""
    query = (
        sa.select(t.segments.c.kind, sa.func.sum(t.segments.c.rows).label("rows"))
        .where(t.segments.c.system == system, t.segments.c.kind.in_(tuple(RECORDS)))
        .group_by(t.segments.c.kind)
    )
    return {row["kind"]: int(row["rows"]) for row in place.ledger.read(query)}


def _audited(place: Place, system: str) -> str | None:
    query = sa.select(t.audits.c.id).where(t.audits.c.system == system).order_by(t.audits.c.seq.desc()).limit(1)
    rows = place.ledger.read(query)
    return str(rows[0]["id"]) if rows else None
