"""Reviews: the queue of samples, one item to adjudicate, and what the answers show so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Path, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from auditor.cases import picture
from auditor.cases.errors import PictureError
from auditor.cases.marks import Mark, Piece, pieces
from auditor.cases.viewed import view
from auditor.cases.words import CODES, SIGNIFICANCE
from auditor.cases.words import KINDS as KIND_WORDS
from auditor.replay.protocol import Picture
from auditor.reviews import desk
from auditor.reviews.answer import LONGEST_NOTE
from auditor.reviews.correct import Sample, sample_named
from auditor.reviews.desk import SoFar
from auditor.reviews.draw import audited_systems, draw_sample
from auditor.reviews.item import Finding, Shown
from auditor.reviews.questions import KINDS, ReviewError
from auditor.reviews.readers import reader_of, said_by
from auditor.reviews.results import kind_title, results_of
from auditor.reviews.shown import pinned, shown
from dashboards.access import Permission, Visitor, Who, allowed
from dashboards.place import Here, Place
from dashboards.rendering import page
from reports.numbers import days

router = APIRouter(include_in_schema=False)

_MOST: Final = 5_000  # reports in one sample
Number = Annotated[int, Path(ge=1, le=1_000_000)]
_AGREE: Final = (("agree", "Agree"), ("disagree", "Disagree"))
_YES: Final = (("yes", "Yes"), ("no", "No"))


class Given(BaseModel):
    """What the form of an item sends."""

    fabrication: str = ""
    contradicted: str = ""
    unsupported: str = ""
    omitted: str = ""
    laterality: str = ""
    significance: str = ""
    note: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of error as the form asks for it, with what the judge found of it, numbered as in the texts."""

    name: str
    title: str
    found: tuple[tuple[int, Finding], ...]
    choices: tuple[tuple[str, str], ...]


@router.get("/reviews")
@allowed(Permission.REVIEW)
def waiting(request: Request, place: Here, who: Visitor) -> Response:
    queue = desk.queue(place.ledger, _reader(place, who))
    found = {one.sample.id: _so_far(place, one.sample, who) for one in queue}
    return page(
        request,
        "reviews.html",
        title="Reviews",
        queue=queue,
        results={name: results_of(one) for name, one in found.items()},
        systems=audited_systems(place.ledger),
        most=_MOST,
        address=_address,
        days=days,
    )


@router.post("/reviews/draw")
@allowed(Permission.REVIEW)
def draw(
    place: Here,
    who: Visitor,
    system: Annotated[str, Form()],
    n: Annotated[int, Form(ge=1, le=_MOST)],
    blinded: Annotated[bool, Form()] = False,
) -> Response:
    drawn = draw_sample(
        place.ledger, place.lake, system, n=n, at=place.clock(), actor=who.name, blinded=blinded
    )  # fmt: skip
    return RedirectResponse(_address(drawn.sample), 303)


@router.get("/reviews/{name}")
@allowed(Permission.REVIEW)
def overview(request: Request, place: Here, who: Visitor, name: str) -> Response:
    sample = sample_named(place.ledger, name)
    reader = _reader(place, who)
    said = said_by(place.ledger, name, reader)
    return page(
        request,
        "review_sample.html",
        title="Review sample",
        one=desk.queued(place.ledger, sample, reader),
        address=_address,
        days=days,
        verdicts={number: answer["verdict"] for number, answer in said.items()},
        found=results_of(_so_far(place, sample, who)),
    )


@router.get("/reviews/{name}/{number}")
@allowed(Permission.REVIEW)
def read(request: Request, place: Here, who: Visitor, name: str, number: Number) -> Response:
    sample = sample_named(place.ledger, name)
    said = said_by(place.ledger, name, _reader(place, who)).get(number)
    return _item(request, place, who, sample, number, said=_as_form(said), saved=said is not None)


@router.get("/reviews/{name}/{number}/image/{position}")
@allowed(Permission.REVIEW)
def image(place: Here, who: Visitor, name: str, number: Number, position: Number) -> Response:
    """The pixels of one image of an item as PNG, as a replayed model would be shown them."""
    sample = sample_named(place.ledger, name)
    one = _shown(place, sample, number)
    if position > len(one.images):
        raise HTTPException(404, "This item has no image of that number.")
    view(place.ledger, who.name, sample.system, one.case, "image", place.clock())
    chosen = Picture(one.images[position - 1], None)
    try:
        pixels = picture.png(chosen, picture.folder_of(place.workspace.path), picture.View())
    except PictureError as error:
        raise HTTPException(422, str(error)) from None
    return Response(pixels, media_type="image/png", headers={"cache-control": "no-store"})


@router.post("/reviews/{name}/{number}")
@allowed(Permission.REVIEW)
def answer(
    request: Request, place: Here, who: Visitor, name: str, number: Number, given: Annotated[Given, Form()]
) -> Response:
    """Save; a browser with scripts gets the words of the status, one without the next item."""
    sample = sample_named(place.ledger, name)
    reader = _reader(place, who)
    by_script = "hx-request" in request.headers
    refused = ""
    if not given.fabrication:
        refused = "the verdict is missing. What you entered stays on this page until you give it."
    else:
        try:
            desk.save(place.ledger, name, number, given.model_dump(), reader=reader, at=place.clock())
        except ReviewError as error:
            refused = f"{error}."
    if by_script:
        return page(
            request,
            "review_saved.html",
            title="",
            refused=refused,
            at=place.clock(),
            progress=desk.progress(place.ledger, name, reader),
            others=desk.others(place.ledger, sample, number, reader),
        )
    if refused:
        return _item(request, place, who, sample, number, said=given.model_dump(), refused=refused)
    following = desk.progress(place.ledger, name, reader).after(number)
    return RedirectResponse(_address(name, following), 303)


def _item(
    request: Request,
    place: Place,
    who: Who,
    sample: Sample,
    number: int,
    *,
    said: dict[str, str],
    saved: bool = False,
    refused: str = "",
) -> Response:
    one = _shown(place, sample, number)
    if one.case:
        view(place.ledger, who.name, sample.system, one.case, "review", place.clock())
    reader = _reader(place, who)
    progress = desk.progress(place.ledger, sample.id, reader)
    return page(
        request,
        "review_item.html",
        title=f"Item {number} of {progress.items}",
        code=400 if refused else 200,
        sample=sample,
        one=one,
        draft=_marked(one.draft, [finding.draft for finding in one.findings or ()]),
        reference=_marked(one.reference, [finding.reference for finding in one.findings or ()]),
        kinds=_kinds(one),
        also=_others_found(one),
        said=said,
        saved=saved,
        refused=refused,
        progress=progress,
        after=_address(sample.id, progress.after(number)),
        others=desk.others(place.ledger, sample, number, reader),
        longest=LONGEST_NOTE,
        address=_address,
        days=days,
        grades=[(name, said) for name, said in SIGNIFICANCE.items() if name],
        codes=CODES,
        kind_words=KIND_WORDS,
    )


def _marked(text: str, spans: Sequence[tuple[int, int] | None]) -> tuple[Piece, ...]:
    """The whole text, the words of error n marked with n."""
    marks = [Mark(*span, "error", number) for number, span in enumerate(spans, start=1) if span]
    return pieces(text, marks, [(0, len(text))])


def _shown(place: Place, sample: Sample, number: int) -> Shown:
    """One item; a sample is read once for all of its items, and again where its rows were rewritten."""
    key = ("review", sample.id, tuple(pinned(place.ledger, sample).values()))
    items = place.remembered.of(key, lambda: shown(place.ledger, place.lake, sample))
    if number not in items:
        raise ReviewError(f"The sample {sample.id} has no item {number}.")
    return items[number]


def _so_far(place: Place, sample: Sample, who: Who) -> SoFar:
    reader = _reader(place, who)
    newest = desk.queued(place.ledger, sample, reader).newest
    key = ("reviews so far", sample.id, reader, newest)
    return place.remembered.of(key, lambda: desk.so_far(place.ledger, sample, reader))


def _reader(place: Place, who: Who) -> str:
    return reader_of(place.workspace.key(), who.name)


def _kinds(one: Shown) -> list[Kind]:
    """The kinds that are asked about; agreement is asked for only where there is something to agree with."""
    numbered = list(enumerate(one.findings or (), start=1))
    choices = _YES if one.findings is None else _AGREE
    return [
        Kind(name, kind_title(name), tuple((n, found) for n, found in numbered if found.question == name), choices)
        for name in KINDS
    ]


def _others_found(one: Shown) -> list[tuple[int, Finding]]:
    """What the judge found and reviewers are not asked about."""
    return [(n, found) for n, found in enumerate(one.findings or (), start=1) if not found.question]


def _as_form(said: dict[str, Any] | None) -> dict[str, str]:
    """What was said, as the form of the item has it."""
    form: dict[str, str] = Given().model_dump()
    if said is None:
        return form
    own = {"fabrication": said["verdict"], "significance": said["significance"] or "", "note": said["note"]}
    return {**form, **own, **said["kinds"]}


def _address(sample: str, number: int | None = None) -> str:
    """Of an item, or of the sample where nothing is left to read."""
    return f"/reviews/{quote(sample)}" + (f"/{number}" if number is not None else "")
