"""The journal: search it, read an entry, check that the whole record is as it was written."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from auditor.signing import anchors
from auditor.signing.anchors import Anchor, AnchorError
from auditor.store import tables as t
from auditor.store.search import (
    ABOUT_PEOPLE,
    ACTIONS,
    EXAMINED,
    PAGE,
    Linked,
    Page,
    SearchError,
    Wanted,
    entry_of,
    search,
)
from dashboards.access import Permission, Visitor, Who, allowed
from dashboards.errands import Errands, Progress
from dashboards.pages.journal_check import Checked, check_all
from dashboards.place import Here, Place
from dashboards.rendering import page

router = APIRouter(include_in_schema=False)

_CHECK: Final = "check of the record"
#: Problems that are named; the first ones lead to the place.
_NAMED: Final = 20
#: Characters of a record that are shown in full.
_SHOWN: Final = 200_000
#: Records of every group, also of those that are too small to be shown to everybody.
_OF_FEW: Final = frozenset({"measurements", "verdicts", "details", "artifacts"})
#: What readers and the judge said of items; a reviewer learns of it at the desk, when it can sway nobody any more.
_AT_THE_DESK: Final = frozenset({"reviews", "review_items"})
_Text = Annotated[str, Query(max_length=200)]


@router.get("/journal")
@allowed(Permission.SEE)
def journal(
    request: Request,
    place: Here,
    who: Visitor,
    table: _Text = "",
    actor: _Text = "",
    action: _Text = "",
    words: _Text = "",
    first: Annotated[str, Query(alias="from", max_length=20)] = "",
    last: Annotated[str, Query(alias="to", max_length=20)] = "",
    number: Annotated[str, Query(max_length=30)] = "",
    before: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """A page of entries, newest first; a number leads to its entry."""
    given = {"table": table, "actor": actor, "action": action, "words": words, "from": first, "to": last}
    trouble, found = "", Page((), None)
    try:
        if number.strip():
            return RedirectResponse(f"/journal/{_number(number)}", 303)
        wanted = Wanted(
            table=table,
            actor=actor.strip(),
            action=action,
            words=words.strip(),
            since=_day(first),
            until=_day(last, timedelta(days=1)),
            before=_number(before) if before else None,
        )
        found = _search(place, wanted, who)
    except SearchError as error:
        trouble = str(error)
    more = {name: value for name, value in given.items() if value}
    return page(
        request,
        "journal.html",
        title="Journal",
        code=400 if trouble else 200,
        given=given,
        narrowed=bool(more or before),
        before=before,
        trouble=trouble,
        found=found,
        older=f"/journal?{urlencode(more | {'before': str(found.older)})}#entries" if found.older else "",
        tables=[name for name in t.PROJECTIONS if who.may(Permission.ADMINISTER) or name not in ABOUT_PEOPLE],
        actions=ACTIONS,
        head=place.ledger.head(),
        **_seals(place),
        **_check(request),
    )


@router.post("/journal/check")
@allowed(Permission.ADMINISTER)
def check(request: Request, place: Here, who: Visitor) -> Response:
    """Begin to check the whole record, unless a check is going on."""
    state = request.app.state

    def work(_: Progress) -> str:
        state.journal_checked = check_all(place, who.name)
        return ""

    state.errands.start(_CHECK, work, place.clock())
    return RedirectResponse("/journal/check", 303)


@router.get("/journal/check")
@allowed(Permission.ADMINISTER)
def checked(request: Request, seen: str = "") -> Response:
    """What is being checked, or was found. The browser asks again and is answered when something changed."""
    asks_again = "hx-request" in request.headers
    about = _check(request)
    if asks_again and seen == about["check_state"]:
        return Response(status_code=204)
    template = "journal_check_state.html" if asks_again else "journal_check.html"
    return page(request, template, title="Check of the record", **about)


@router.get("/journal/{number}")
@allowed(Permission.SEE)
def entry(request: Request, place: Here, who: Visitor, number: str) -> Response:
    """One entry with its record and its two hashes."""
    try:
        found = entry_of(place.ledger, _number(number))
    except SearchError:
        found = None
    if found is None:
        raise HTTPException(404, f"The journal has no such entry; it ends at {place.ledger.head()[0]}.")
    withheld = _withheld(found, who)
    return page(
        request,
        "journal_entry.html",
        title=f"Journal entry {found.entry.seq:,}",
        linked=found,
        withheld=withheld,
        record="" if withheld else readable(found.entry.record),
        as_recorded="" if withheld else found.entry.record[:_SHOWN],
        cut=len(found.entry.record) > _SHOWN,
        fits=found.entry.link(found.previous) == found.hash,
        head=place.ledger.head()[0],
        hidden=found.entry.table in ABOUT_PEOPLE and not who.may(Permission.ADMINISTER),
    )


def _search(place: Place, wanted: Wanted, who: Who) -> Page:
    """A page of what is wanted; words are not looked for in records that the one who asks may not read."""
    closed = _closed(who)
    rights = {"people": who.may(Permission.ADMINISTER), "quotes": who.may(Permission.CASES)}
    if not (wanted.words and closed):
        return search(place.ledger, wanted, **rights)
    # all there are at once: where a page ends must not tell how many were left out
    found = search(place.ledger, wanted, **rights, size=EXAMINED)
    seen = tuple(one for one in found.entries if one.entry.table not in closed)
    if len(seen) > PAGE:
        return Page(seen[:PAGE], older=seen[PAGE - 1].entry.seq)
    return Page(seen, found.older, found.reached)


def _closed(who: Who) -> frozenset[str]:
    """Tables whose records somebody may not read, beside those about people."""
    few = frozenset() if who.may(Permission.CASES) else _OF_FEW | _AT_THE_DESK
    return few | _AT_THE_DESK if who.may(Permission.REVIEW) else few


def readable(record: str) -> str:
    """A record as JSON that a person can read; as it is where it is none."""
    try:
        return json.dumps(json.loads(record), indent=2, ensure_ascii=False)[:_SHOWN]
    except ValueError:
        return record[:_SHOWN]


def _withheld(found: Linked, who: Who) -> str:
    """Why somebody may not read an entry's record; "" where they may."""
    if found.entry.table in ABOUT_PEOPLE and not who.may(Permission.ADMINISTER):
        return "This entry is about a person and their access; administrators may read it."
    if found.quotes and not who.may(Permission.CASES):
        return "This record may quote words of a report; reviewers and members of the committee may read it."
    if found.entry.table not in _closed(who):
        return ""
    if found.entry.table in _AT_THE_DESK:
        return "This record tells what was found in a report of a sample; who reviews reports learns of it there."
    return "This record holds numbers of groups of every size; members of the committee and reviewers may read it."


def _seals(place: Place) -> dict[str, Any]:
    """What proves the journal from outside: keys, and signed heads kept elsewhere."""
    keys = place.ledger.read(sa.select(t.signing_keys).order_by(t.signing_keys.c.made_at.desc()))
    known: list[Anchor] = []
    trouble = ""
    try:
        known = list(anchors.read(place.workspace.anchor_file))
    except (AnchorError, OSError) as error:
        trouble = str(error) if isinstance(error, AnchorError) else "The file of anchors cannot be read."
    newest = max(known, key=lambda one: one.entry, default=None)
    return {
        "keys": keys,
        "anchor": newest,
        "anchors": len(known),
        "anchor_trouble": trouble,
        "anchor_file": place.workspace.anchor_file,
        "last_job": _last_job(place),
    }


def _last_job(place: Place) -> Any | None:
    """The newest check that a schedule made."""
    runs = t.job_runs.c
    query = sa.select(t.job_runs).where(runs.job == "verify", runs.status.in_(("done", "failed")))
    rows = place.ledger.read(query.order_by(runs.fire_at.desc(), runs.id.desc()).limit(1))
    return rows[0] if rows else None


def _check(request: Request) -> dict[str, Any]:
    """Whether the record is being checked, and what the last check of this process found."""
    errands: Errands = request.app.state.errands
    errand = errands.find(_CHECK)
    last: Checked | None = getattr(request.app.state, "journal_checked", None)
    began = errand.begun if errand and errand.state == "running" else None
    state = f"{errand.state} {errand.begun.isoformat()}" if errand else ""
    return {
        "began": began,
        "broke": errand.said if errand and errand.state == "failed" else "",
        "last": last,
        "named": last.problems[:_NAMED] if last else (),
        "check_state": state,
        "again": f"/journal/check?{urlencode({'seen': state})}" if began else "",
    }


def _number(text: str) -> int:
    plain = text.strip().replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) < 20):
        raise SearchError("An entry's number is a whole number above 0.")
    return int(plain)


def _day(text: str, more: timedelta = timedelta(0)) -> datetime | None:
    """A day of the form, in UTC as the journal is."""
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + more
    except (ValueError, OverflowError):
        raise SearchError("Write a day as year-month-day, for example 2026-03-31.") from None
