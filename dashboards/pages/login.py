"""Logging in and out."""

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from pwdlib import PasswordHash
from starlette.responses import RedirectResponse, Response

from auditor.signing.people import LOCKED_AFTER, PeopleError
from auditor.store import tables as t
from dashboards.access import COOKIE, Permission, allowed, public
from dashboards.place import Here, Place
from dashboards.rendering import page
from dashboards.sessions import end_session, inside, proved, start_session

router = APIRouter(include_in_schema=False)

#: One sentence for every reason, so that nobody learns which accounts there are.
_REFUSED: Final = "Name or password is not right, or the account is closed or locked."
_TOO_OFTEN: Final = "Too many attempts; wait a minute and try again."
_LONGEST: Final = 1_000  # characters of a password; hashing longer ones would cost us more than them


@router.get("/login")
@public
def ask(request: Request, next: str = "/") -> Response:
    if request.state.who is not None:
        return RedirectResponse(inside(next), 303)
    return page(request, "login.html", title="Log in", target=inside(next), refused="", name="")


@router.post("/login")
@public
def take(
    request: Request,
    place: Here,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=_LONGEST)] = "",
    target: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    address = request.client.host if request.client else ""
    if request.app.state.throttle.full(address, place.clock()):
        return _again(request, target, _TOO_OFTEN, 429)
    try:
        who = _authenticated(place, name.strip(), password)
    except PeopleError:
        return _again(request, target, _REFUSED, 401)
    return start_session(request, who, "password", target)


@router.post("/logout")
@allowed(Permission.SEE)
def leave(request: Request) -> Response:
    end_session(request)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _authenticated(place: Place, name: str, password: str) -> str:
    open_account = sa.and_(t.users.c.name == name, t.users.c.active, t.users.c.failures < LOCKED_AFTER)
    if "\x00" in name or not place.ledger.read(sa.select(t.users.c.name).where(open_account)):
        PasswordHash.recommended().hash(password)  # as long as for somebody who could get in
        raise PeopleError(_REFUSED)
    return str(proved(place, name, password)["name"])


def _again(request: Request, target: str, refused: str, status: int) -> Response:
    return page(
        request, "login.html", title="Log in", code=status, target=inside(target), refused=refused, name=""
    )
