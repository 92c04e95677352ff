"""Jobs: what runs when, how each run ended, and starting one by hand."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from auditor.clock.now import lead_scheduler, run_now
from auditor.cron import next_fire
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.search import Wanted, search
from dashboards.access import Permission, Visitor, allowed
from dashboards.place import Here
from dashboards.rendering import page

router = APIRouter(include_in_schema=False)

STATUSES: Final = ("waiting", "running", "done", "failed", "skipped")
_OPEN: Final = ("waiting", "running")
_RUNS: Final = 50  # on a page


@dataclass(frozen=True)
class Planned:
    """A schedule in force, its next time, and its newest run."""

    schedule: Any
    next: datetime | None
    last: Any | None


@dataclass(frozen=True)
class Asked:
    """Which runs the address asks for; what is empty does not matter."""

    system: str
    status: str
    job: str

    @property
    def query(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Step:
    """One entry of the journal about a run."""

    number: int
    at: datetime
    actor: str
    status: str
    attempt: int
    note: str


@router.get("/jobs")
@allowed(Permission.SEE)
def jobs(
    request: Request, place: Here, system: str = "", status: str = "", job: str = "", before: str = ""
) -> Response:
    asked = Asked(system, status if status in STATUSES else "", job)
    runs = _runs(place.ledger, asked, before)
    shown = runs[:_RUNS]
    older = {**asked.query, "before": shown[-1]["id"]} if len(runs) > _RUNS else None
    schedules = place.ledger.read(sa.select(t.schedules).order_by(t.schedules.c.id))
    return page(
        request,
        "jobs.html",
        title="Jobs",
        planned=[_planned(place.ledger, row, place.clock()) for row in schedules if row["active"]],
        runs=shown,
        asked=asked,
        before=before,
        older=f"/jobs?{urlencode(older)}#runs" if older else "",
        systems=sorted({row["system"] for row in schedules}),
        jobs=sorted({row["job"] for row in schedules}),
        statuses_of_runs=STATUSES,
        leader=lead_scheduler(place.ledger, place.clock()),
        address=address,
        took=took,
        workspace=place.workspace.path,
    )


@router.post("/jobs/run")
@allowed(Permission.RUN)
def start(place: Here, who: Visitor, schedule: Annotated[str, Form(max_length=200)]) -> Response:
    name = run_now(place.ledger, schedule, who.name, place.clock())
    return RedirectResponse(address(name), 303)


@router.get("/jobs/{name:path}")
@allowed(Permission.SEE)
def run(request: Request, place: Here, name: str, seen: str = "") -> Response:
    """One run. While it waits or goes on, the browser asks again and is answered only when something changed."""
    rows = place.ledger.read(
        sa.select(
            t.job_runs, t.schedules.c.retries, t.schedules.c.cron, t.schedules.c.timezone, t.schedules.c.active
        )
        .join(t.schedules, t.schedules.c.id == t.job_runs.c.schedule)
        .where(t.job_runs.c.id == name)
    )
    if not rows:
        raise HTTPException(404, "There is no such run; all are listed under Jobs.")
    row, leader = rows[0], lead_scheduler(place.ledger, place.clock())
    state = f"{row['status']} {row['attempt']} {leader is not None}"
    asks_again = "hx-request" in request.headers
    if asks_again and seen == state:
        return Response(status_code=204)
    return page(
        request,
        "job_run_state.html" if asks_again else "job_run.html",
        title=f"Run of {row['schedule']}",
        run=row,
        steps=_steps(place.ledger, name),
        again=f"{address(name)}?{urlencode({'seen': state})}" if row["status"] in _OPEN else "",
        leader=leader,
        took=took,
        workspace=place.workspace.path,
    )


def address(name: str) -> str:
    """Where a run is shown."""
    return f"/jobs/{quote(name)}"


def took(run: Any) -> str:
    """How long a run took, as people say it."""
    if not (run["started_at"] and run["finished_at"]):
        return "–"
    seconds = (run["finished_at"] - run["started_at"]).total_seconds()
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _planned(ledger: Ledger, row: Any, at: datetime) -> Planned:
    runs = sa.select(t.job_runs).where(t.job_runs.c.schedule == row["id"], t.job_runs.c.status != "skipped")
    newest = ledger.read(runs.order_by(t.job_runs.c.fire_at.desc()).limit(1))
    following = next_fire(row["cron"], row["timezone"], max(at, row["valid_from"]))
    return Planned(row, following, newest[0] if newest else None)


def _runs(ledger: Ledger, asked: Asked, before: str) -> list[Any]:
    """Runs, newest first, one more than a page holds; they come in the order of an index on their times."""
    runs = t.job_runs.c
    query = sa.select(t.job_runs).order_by(runs.fire_at.desc(), runs.id.desc()).limit(_RUNS + 1)
    query = query.where(*(runs[name] == value for name, value in asked.query.items() if "\x00" not in value))
    marks = (
        ledger.read(sa.select(runs.fire_at).where(runs.id == before)) if before and "\x00" not in before else []
    )
    for mark in marks:
        earlier = sa.and_(runs.fire_at == mark["fire_at"], runs.id < before)
        query = query.where(runs.fire_at <= mark["fire_at"], sa.or_(runs.fire_at < mark["fire_at"], earlier))
    return list(ledger.read(query))


def _steps(ledger: Ledger, name: str) -> list[Step]:
    """What the journal holds of a run, oldest first: every try with its outcome."""
    found = search(ledger, Wanted(table="job_runs", words=f'"id":"{name}"'), people=False, quotes=False)
    steps = []
    for one in reversed(found.entries):
        row = json.loads(one.entry.record)
        at = datetime.fromisoformat(one.entry.at)
        steps.append(Step(one.entry.seq, at, one.entry.actor, row["status"], row["attempt"], row["note"]))
    return steps
