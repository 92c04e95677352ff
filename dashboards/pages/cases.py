"""Cases: how they are found, one of them with its image, its texts and its errors."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import HTMLResponse, Response

from auditor.audit.scope import AuditError
from auditor.cases import building, picture, words
from auditor.cases.blinded import waits_blinded
from auditor.cases.errors import NoSuchCaseError, PictureError
from auditor.cases.one import one_case, pictures_of
from auditor.cases.picture import View
from auditor.cases.policy import SAID
from auditor.cases.seen import Seen, seen_by
from auditor.cases.viewed import view
from auditor.reviews.draw import audited_systems
from auditor.reviews.readers import reader_of
from auditor.store import tables as t
from dashboards.access import NotAllowedError, Permission, Visitor, Who, allowed
from dashboards.pages.case_parts import case_address, choices, filters_of, list_address, row, short, viewer_of
from dashboards.place import Here, Place
from dashboards.rendering import page
from reports.numbers import days
from reports.text import TASKS

router = APIRouter(include_in_schema=False)

_PER_PAGE: Final = 50
_AUDITS: Final = 60  # in the choice of audits, newest first
_OF_VIEW: Final = ("image", "frame", "centre", "width")  # what a form of the viewer sets anew

Cursor = Annotated[int | None, Query(ge=0, le=2**53)]
Number = Annotated[float | None, Query(ge=-picture.WIDEST, le=picture.WIDEST)]
Frame = Annotated[int, Query(ge=1, le=100_000)]


@router.get("/cases")
@allowed(Permission.CASES)
def cases(
    request: Request,
    place: Here,
    who: Visitor,
    system: str = "",
    audit: str = "",
    after: Cursor = None,
    before: Cursor = None,
) -> Response:
    """The cases of one audit, filtered; no text and no image, so that nothing is written into the journal."""
    audited = audited_systems(place.ledger)
    if not audited:
        return page(request, "cases_none.html", title="Cases")
    seen = _seen(place, system or audited[0], audit)
    index = building.ready(place.workspace.path, seen)
    about: dict[str, Any] = {"seen": seen, "systems": audited, "audits": _audits(place, seen.system)}
    if index is None:
        return _being_made(request, place, seen, about)
    filters = filters_of(request)
    found = index.page(filters, after=after, before=before, size=_PER_PAGE)
    kept = list_address(seen, filters)
    return page(
        request,
        "cases.html",
        title="Cases",
        window=days(seen.window.start, seen.window.end),
        choices=choices(index.facets(), filters),
        filtered=bool(filters),
        tasks=TASKS,
        rows=[row(seen, entry, kept) for entry in found.entries],
        found=found,
        first="/cases?" + kept,
        earlier=f"/cases?{kept}&before={found.earlier}" if found.earlier is not None else "",
        later=f"/cases?{kept}&after={found.later}" if found.later is not None else "",
        **about,
    )


@router.get("/cases-being-made")
@allowed(Permission.CASES)
def being_made(request: Request, place: Here, who: Visitor, system: str = "", audit: str = "") -> Response:
    """How far the list is, as a fragment of the page that waits for it; once it is there, the page loads again."""
    seen = _seen(place, system, audit)
    if building.ready(place.workspace.path, seen) is not None:
        return HTMLResponse("", headers={"hx-refresh": "true", "cache-control": "no-store"})
    progress = building.progress_of(place.workspace.path, seen)
    return page(request, "cases_progress.html", title="Cases", seen=seen, progress=progress or building.Progress())


@router.get("/cases/{system}/{output_id}")
@allowed(Permission.CASES)
def case(
    request: Request,
    place: Here,
    who: Visitor,
    system: str,
    output_id: str,
    audit: str = "",
    at: Cursor = None,
    image: Annotated[int, Query(ge=1, le=10_000)] = 1,
    frame: Frame = 1,
    centre: Number = None,
    width: Number = None,
) -> Response:
    """One case side by side: image, reference and draft, and what was found wrong."""
    seen = _seen(place, system, audit)
    index = building.ready(place.workspace.path, seen)
    if index is None:
        about = {"seen": seen, "systems": audited_systems(place.ledger), "audits": _audits(place, system)}
        return _being_made(request, place, seen, about)
    try:
        one = one_case(place.lake, index, seen, output_id)
    except NoSuchCaseError as error:
        raise HTTPException(404, str(error)) from None
    if who.may(Permission.REVIEW):
        _refuse_to_unblind(place, who, output_id)
    view(place.ledger, who.name, system, one.at.case_id, "case", place.clock())
    filters = filters_of(request)
    kept = list_address(seen, filters)
    here = at if at is not None else index.first_place(output_id, filters)
    around = index.around(filters, here) if here is not None else None
    viewer = viewer_of(place, seen, one, image, frame, centre, width) if one.pictures else None
    return page(
        request,
        "case.html",
        title=f"Case {short(one.at.case_id)}",
        seen=seen,
        one=one,
        said=SAID[one.policy],
        words=words,
        task=TASKS.get(one.at.task, one.at.task),
        outcome=words.OUTCOMES.get(one.at.outcome, one.at.outcome),
        around=around,
        back="/cases?" + kept,
        earlier=case_address(seen, around.earlier, kept) if around and around.earlier else "",
        later=case_address(seen, around.later, kept) if around and around.later else "",
        viewer=viewer,
        kept=[(name, value) for name, value in request.query_params.multi_items() if name not in _OF_VIEW],
        filtered=bool(filters),
        folder=picture.VARIABLE,
        widest=picture.WIDEST,
        short=short,
    )


@router.get("/cases/{system}/{output_id}/image/{number}")
@allowed(Permission.CASES)
def image(
    place: Here,
    who: Visitor,
    system: str,
    output_id: str,
    number: int,
    audit: str = "",
    frame: Frame = 1,
    centre: Number = None,
    width: Number = None,
) -> Response:
    """The pixels of one image of a case as PNG."""
    seen = _seen(place, system, audit)
    index = building.ready(place.workspace.path, seen)
    if index is None:
        raise HTTPException(404, "The list of cases is still being made; try again in a moment.")
    try:
        at, pictures = pictures_of(place.lake, index, output_id)
        chosen = picture.named(pictures, number)
        view(place.ledger, who.name, system, at.case_id, "image", place.clock())
        pixels = picture.png(chosen, picture.folder_of(place.workspace.path), View(frame - 1, centre, width))
    except NoSuchCaseError as error:
        raise HTTPException(404, str(error)) from None
    except PictureError as error:
        raise HTTPException(422, str(error)) from None
    return Response(pixels, media_type="image/png", headers={"cache-control": "no-store"})


def _refuse_to_unblind(place: Place, who: Who, output_id: str) -> None:
    if waits_blinded(place.ledger, output_id, reader_of(place.workspace.key(), who.name)):
        raise NotAllowedError(
            "This case waits for you in a blinded review; it can be opened here when you have answered it there."
        )


def _audits(place: Place, system: str) -> list[tuple[str, str]]:
    """The newest audits of a system: id, and what they looked at in words."""
    query = sa.select(t.audits).where(t.audits.c.system == system).order_by(t.audits.c.seq.desc())
    return [
        (row["id"], f"{days(row['window_start'], row['window_end'])}, as of {row['as_of']:%-d %b %Y}")
        for row in place.ledger.read(query.limit(_AUDITS))
    ]


def _seen(place: Place, system: str, audit: str) -> Seen:
    try:
        return seen_by(place.ledger, system, audit or None)
    except AuditError as error:
        raise HTTPException(404, str(error)) from None


def _being_made(request: Request, place: Place, seen: Seen, about: Mapping[str, Any]) -> Response:
    progress = building.progress_of(place.workspace.path, seen)
    if progress is None:
        building.start(place.ledger, place.lake, place.workspace.path, seen)
        progress = building.Progress()
    return page(request, "cases_being_made.html", title="Cases", progress=progress, **about)
