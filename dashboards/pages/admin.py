"""Administration: people and their roles, who is logged in, tokens for programs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from auditor.access import sessions, tokens
from auditor.signing import people
from auditor.signing.people import LOCKED_AFTER, ROLES, SHORTEST
from auditor.store import tables as t
from dashboards.access import RIGHTS, Permission, Visitor, allowed
from dashboards.place import Here, Place
from dashboards.rendering import page

router = APIRouter(include_in_schema=False)

#: For how long a token may be made, in days.
_LASTS: Final = (30, 90, 180, 365)
_Name = Annotated[str, Form(max_length=200)]
_Password = Annotated[str, Form(max_length=1_000)]
_Several = Annotated[list[str] | None, Form()]


class AdminError(ValueError):
    """One clear sentence about a change of people or accesses that is refused."""


@router.get("/admin")
@allowed(Permission.ADMINISTER)
def listed(request: Request, place: Here) -> Response:
    rows = place.ledger.read(sa.select(t.users).order_by(t.users.c.active.desc(), t.users.c.name))
    return page(
        request,
        "admin_people.html",
        title="People",
        people=rows,
        state=state,
        roles=ROLES,
        rights={role: sorted(str(right) for right in RIGHTS[role]) for role in ROLES},
        shortest=SHORTEST,
        link=_link,
    )


@router.get("/admin/person")
@allowed(Permission.ADMINISTER)
def person(request: Request, place: Here, name: str, done: str = "") -> Response:
    row = people.person(place.ledger, name)
    open_sessions = [one for one in sessions.listed(place.ledger, place.clock()) if one.user == name]
    logins = sa.select(t.logins).where(t.logins.c.user == name).order_by(t.logins.c.id.desc())
    return page(
        request,
        "admin_person.html",
        title=row["full_name"],
        person=row,
        state=state,
        roles=ROLES,
        shortest=SHORTEST,
        sessions=open_sessions,
        logins=place.ledger.read(logins.limit(10)),
        done=_DONE.get(done, ""),
    )


_DONE: Final = {
    "added": "The account was made.",
    "roles": "The roles were changed, and the person was logged out.",
    "closed": "The account was closed, and the person was logged out.",
    "opened": "The account is open again.",
    "password": "The password was changed, and the person was logged out.",
}


@router.post("/admin/people")
@allowed(Permission.ADMINISTER)
def add(
    place: Here, who: Visitor, name: _Name, full_name: _Name, password: _Password, roles: _Several = None
) -> Response:
    people.add(place.ledger, name.strip(), full_name, roles or [], password, who.name, place.clock())
    return _to(name.strip(), "added")


@router.post("/admin/people/roles")
@allowed(Permission.ADMINISTER)
def give_roles(place: Here, who: Visitor, name: _Name, roles: _Several = None) -> Response:
    if not roles:
        raise AdminError("Give at least one role, or close the account.")
    people.change(place.ledger, name, who.name, place.clock(), roles=roles)
    sessions.revoke_all(place.ledger, name)
    return _to(name, "roles")


@router.post("/admin/people/close")
@allowed(Permission.ADMINISTER)
def close(place: Here, who: Visitor, name: _Name) -> Response:
    if name == who.name:
        raise AdminError("You cannot close your own account; another administrator can.")
    people.change(place.ledger, name, who.name, place.clock(), active=False)
    sessions.revoke_all(place.ledger, name)
    return _to(name, "closed")


@router.post("/admin/people/open")
@allowed(Permission.ADMINISTER)
def open_again(place: Here, who: Visitor, name: _Name) -> Response:
    people.change(place.ledger, name, who.name, place.clock(), active=True)
    return _to(name, "opened")


@router.post("/admin/people/password")
@allowed(Permission.ADMINISTER)
def new_password(place: Here, who: Visitor, name: _Name, password: _Password) -> Response:
    people.set_password(place.ledger, name, password, who.name, place.clock())
    sessions.revoke_all(place.ledger, name)
    return _to(name, "password")


@router.get("/admin/sessions")
@allowed(Permission.ADMINISTER)
def logged_in(request: Request, place: Here) -> Response:
    found = sessions.listed(place.ledger, place.clock())
    about: dict[str, Any] = {"idle": sessions.IDLE, "longest": sessions.LONGEST, "link": _link}
    return page(request, "admin_sessions.html", title="Sessions", sessions=found, **about)


@router.post("/admin/sessions/end")
@allowed(Permission.ADMINISTER)
def end(place: Here, session: Annotated[str, Form(max_length=64)]) -> Response:
    sessions.revoke(place.ledger, session)
    return RedirectResponse("/admin/sessions", 303)


@router.get("/admin/tokens")
@allowed(Permission.ADMINISTER)
def keys(request: Request, place: Here) -> Response:
    return _tokens(request, place)


@router.post("/admin/tokens")
@allowed(Permission.ADMINISTER)
def make(
    request: Request,
    place: Here,
    who: Visitor,
    name: _Name,
    user: _Name,
    days: Annotated[int, Form(ge=1, le=365)],
    scopes: _Several = None,
) -> Response:
    """A new token. It is in this answer and nowhere else, so there is no page to go on to."""
    at = place.clock()
    ends = at + timedelta(days=days)
    secret = tokens.make(place.ledger, user, name, scopes or [], ends, who.name, at)
    return _tokens(request, place, secret=secret, made=name.strip())


@router.post("/admin/tokens/revoke")
@allowed(Permission.ADMINISTER)
def take_back(place: Here, who: Visitor, number: Annotated[int, Form(ge=1, le=2**62)]) -> Response:
    tokens.revoke(place.ledger, number, who.name, place.clock())
    return RedirectResponse("/admin/tokens", 303)


def state(row: Any) -> str:
    """How an account stands."""
    return "closed" if not row["active"] else "locked" if row["failures"] >= LOCKED_AFTER else "open"


def _tokens(request: Request, place: Here, secret: str = "", made: str = "") -> Response:
    return page(
        request,
        "admin_tokens.html",
        title="Tokens",
        tokens=tokens.listed(place.ledger),
        people=_open_accounts(place),
        scopes=tokens.SCOPES,
        lasts=_LASTS,
        secret=secret,
        made=made,
        now=place.clock(),
    )


def _open_accounts(place: Place) -> Sequence[Any]:
    return place.ledger.read(sa.select(t.users).where(t.users.c.active).order_by(t.users.c.name))


def _link(name: str, done: str = "") -> str:
    """The page of a person."""
    return "/admin/person?" + urlencode({"name": name} | ({"done": done} if done else {}))


def _to(name: str, done: str) -> Response:
    return RedirectResponse(_link(name, done), 303)
