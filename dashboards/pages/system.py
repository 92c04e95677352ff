"""The page of one system: its tabs, a column of its drift, Evidently's page, two versions compared."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from auditor.audit.pages import pages_of
from auditor.store import tables as t
from dashboards.access import Permission, Visitor, Who, allowed
from dashboards.listing import as_csv, listing, wants_csv
from dashboards.pages import system_drift, system_figures, system_time, system_versions
from dashboards.pages.system_measures import COLUMNS, rows_of
from dashboards.pages.system_parts import error_codes, remembered, rendered
from dashboards.pages.system_view import TABS, ColumnKey, View, known, not_there, title_of, viewed
from dashboards.place import Here, Place
from dashboards.rendering import page
from reports.text import TASKS

router = APIRouter(include_in_schema=False)

#: Evidently's page brings scripts of its own. It is shown as if from another place: no cookie of ours reaches it,
#: nothing it says reaches us or anybody else, and it may load nothing.
_ALONE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@router.get("/systems/{system}")
@allowed(Permission.SEE)
def show(
    request: Request,
    place: Here,
    who: Visitor,
    system: str,
    audit: str = "",
    version: str = "",
    section: str = "overview",
) -> Response:
    """A tab of one audit, the newest unless another is named."""
    if section not in TABS:
        raise not_there("tab")
    if not audit and known(place, system) and not _audited(place, system):
        return page(
            request,
            "system_never.html",
            title=title_of(place, system),
            system=system,
            about=title_of(place, system),
        )
    view = viewed(place, system, audit, version)
    if section == "measures":
        return _measures(request, place, view, who)
    if section == "time":
        return _over_time(request, place, view)
    if section == "drift":
        return _drift(request, place, view)
    if section == "versions":
        return _shown(
            request, view, section, "system_versions.html", versions=system_versions.versions_of(place, system)
        )
    part = "older version" if section == "overview" and view.dossier.current_version != view.in_use else section
    return _shown(request, view, section, content=remembered(place, view.audit["id"], view.dossier, part))


def _audited(place: Place, system: str) -> bool:
    return bool(place.ledger.read(sa.select(t.audits.c.id).where(t.audits.c.system == system).limit(1)))


def _shown(request: Request, view: View, section: str, template: str = "system.html", **context: Any) -> Response:
    title = view.dossier.title or view.system
    return page(
        request,
        template,
        title=f"{title}: {TABS[section]}",
        view=view,
        section=section,
        tabs=TABS,
        vega=system_figures.address(),
        **{"content": Markup(""), **context},
    )


def _measures(request: Request, place: Place, view: View, who: Who) -> Response:
    rows = rows_of(view.dossier)
    part = "measures and texts" if who.may(Permission.CASES) else "measures"
    name = f"{view.system}-measures"
    if wants_csv(request):
        return as_csv(request, COLUMNS, rows, name)

    def counted() -> Markup:
        query = sa.select(t.details.c.payload).where(
            t.details.c.audit == view.audit["id"], t.details.c.kind == "errors"
        )
        return rendered(error_codes([one for row in place.ledger.read(query) for one in row["payload"]]))

    return _shown(
        request,
        view,
        "measures",
        "system_measures.html",
        listing=listing(request, COLUMNS, rows, name),
        errors=place.remembered.of(("error codes", view.audit["id"]), counted),
        content=remembered(place, view.audit["id"], view.dossier, part),
    )


def _over_time(request: Request, place: Place, view: View) -> Response:
    happened = system_time.events(place, view.dossier)
    key = ("system over time", view.audit["id"], view.dossier.current_version, happened)
    content = place.remembered.of(key, lambda: rendered(tuple(system_time.blocks(view.dossier, happened))))
    return _shown(request, view, "time", "system_time.html", content=content, events=happened)


def _drift(request: Request, place: Place, view: View) -> Response:
    return _shown(
        request,
        view,
        "drift",
        "system_drift.html",
        heat=system_drift.heat_map(place, view),
        tasks=TASKS,
        pages=_evidently_tasks(place, view.audit["id"]),
        content=remembered(place, view.audit["id"], view.dossier, "drift"),
    )


def _evidently_tasks(place: Place, audit: str) -> list[str]:
    """The tasks that Evidently made a page of, without reading the pages."""
    prefix = f"page:{audit}:"
    query = sa.select(t.artifacts.c.key).where(
        t.artifacts.c.kind == "page", t.artifacts.c.key.startswith(prefix, autoescape=True)
    )
    return sorted(row["key"].removeprefix(prefix) for row in place.ledger.read(query))


@router.get("/systems/{system}/drift/{column:path}")
@allowed(Permission.SEE)
def column(
    request: Request, place: Here, system: str, column: str, task: str, item: str = "", audit: str = ""
) -> Response:
    """One column: how it was spread in the reference window and in this one, and how far it was audit by audit."""
    view = viewed(place, system, audit, "")
    key = ColumnKey(task, column, item)
    name = system_drift.title_of(place, view, key)
    if not name:
        raise not_there("column in this audit")
    content = place.remembered.of(
        ("drift column", view.audit["id"], key), lambda: rendered(system_drift.column_blocks(place, view, key))
    )
    has_page = task in _evidently_tasks(place, view.audit["id"])
    return _shown(
        request, view, "drift", "system_column.html", content=content, column=key, name=name, has_page=has_page
    )


@router.get("/systems/{system}/evidently/{audit}/{task}")
@allowed(Permission.CASES)
def evidently(place: Here, system: str, audit: str, task: str) -> Response:
    """The page that Evidently made of an audit, shut in; it shows single rows, as pages of cases do."""
    viewed(place, system, audit, "")
    if task not in _evidently_tasks(place, audit):
        raise not_there("page of Evidently")
    return HTMLResponse(
        pages_of(place.ledger, place.lake, audit)[task],
        headers={"content-security-policy": _ALONE},  # and kept by no browser, as everything of cases
    )


@router.get("/systems/{system}/compare")
@allowed(Permission.SEE)
def compared(request: Request, place: Here, who: Visitor, system: str, old: str = "", new: str = "") -> Response:
    """Two versions on the cases that both answered, if they were compared since the server started."""
    view = viewed(place, system, "", "")
    name = system_versions.name_of(place, system, old, new)
    errand, found = system_versions.standing(request.app.state.errands, name)
    content = Markup("")
    if found is not None:
        content = rendered(system_versions.blocks(found, with_cases=who.may(Permission.CASES)))
    template = "system_comparing.html" if "hx-request" in request.headers else "system_compare.html"
    more = {"errand": errand, "old": old, "new": new, "versions": system_versions.versions_of(place, system)}
    return _shown(request, view, "versions", template, content=content, **more)


@router.post("/systems/{system}/compare")
@allowed(Permission.RUN)
def compare(
    request: Request,
    place: Here,
    who: Visitor,
    system: str,
    old: Annotated[str, Form()],
    new: Annotated[str, Form()],
) -> Response:
    """Begin a comparison; the page that follows shows how far it is."""
    view = viewed(place, system, "", "")
    if not {old, new} <= {one["version"] for one in system_versions.versions_of(place, system)}:
        raise not_there("version")
    name = system_versions.name_of(place, system, old, new)
    system_versions.begin(place, request.app.state.errands, name, who.name)
    return RedirectResponse(view.compared(old, new), 303)
