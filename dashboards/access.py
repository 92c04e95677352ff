"""Who may do what: one table of roles, one guard before every page, deny by default."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from auditor.access import sessions, tokens
from auditor.signing.people import ROLES
from dashboards.place import Place


class Permission(StrEnum):
    """What a page asks for."""

    SEE = "see figures, alerts and reports"
    CASES = "see texts and images of cases"
    REVIEW = "review cases"
    ANSWER = "answer alerts"
    DECIDE = "decide about systems"
    SIGN = "sign reports"
    RUN = "run jobs and take in records"
    ADMINISTER = "administer people and see their accesses"


_P = Permission
#: The only place where a role becomes a right.
RIGHTS: Final[Mapping[str, frozenset[Permission]]] = {
    "viewer": frozenset({_P.SEE}),
    "reviewer": frozenset({_P.SEE, _P.CASES, _P.REVIEW}),
    "committee": frozenset({_P.SEE, _P.CASES, _P.ANSWER, _P.DECIDE, _P.SIGN}),
    "engineer": frozenset({_P.SEE, _P.ANSWER, _P.RUN}),
    "admin": frozenset({_P.SEE, _P.ANSWER, _P.RUN, _P.SIGN, _P.ADMINISTER}),
}
assert tuple(RIGHTS) == ROLES

COOKIE: Final = "auditor_session"
_SAFE: Final = ("GET", "HEAD")
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class NotLoggedInError(Exception):
    """Nobody is known to be asking."""


class NotAllowedError(Exception):
    """The one who asks may not; the text says what is missing."""


@dataclass(frozen=True)
class Who:
    """The person who asks, in a browser or through a token. `session` and `csrf` are "" without a session."""

    name: str
    full_name: str
    roles: tuple[str, ...]
    session: str = ""
    csrf: str = ""

    def may(self, permission: Permission) -> bool:
        return any(permission in RIGHTS.get(role, frozenset()) for role in self.roles)


@dataclass(frozen=True)
class _Mark:
    permission: Permission | None  # None: everybody
    scope: str


def allowed(permission: Permission, scope: str = "") -> Callable[[_Handler], _Handler]:
    """Mark a handler with what it takes; with a `scope`, a token of that scope may ask too."""

    def mark(handler: _Handler) -> _Handler:
        handler.access = _Mark(permission, scope)  # type: ignore[attr-defined]
        return handler

    return mark


def public(handler: _Handler) -> _Handler:
    """Mark a handler that needs nobody to be known."""
    handler.access = _Mark(None, "")  # type: ignore[attr-defined]
    return handler


async def guard(request: Request) -> None:
    """Stand before every handler: what is not marked is nobody's."""
    mark: _Mark | None = getattr(request.scope.get("endpoint"), "access", None)
    if mark is None:
        raise NotAllowedError("This page says of nobody that they may see it.")
    if request.method not in _SAFE:
        _refuse_other_sites(request)
    who = await run_in_threadpool(_who, request, mark)
    request.state.who = who
    if mark.permission is None:
        return
    if who is None:
        raise NotLoggedInError
    if not who.may(mark.permission):
        raise NotAllowedError(f"Your roles ({', '.join(who.roles)}) do not allow you to {mark.permission}.")
    if request.method not in _SAFE:
        await _refuse_forged(request, who)


def _who(request: Request, mark: _Mark) -> Who | None:
    place: Place = request.app.state.place
    at = place.clock()
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _of_token(place, token.strip(), mark)
    if (local := request.app.state.local) is not None:
        return Who(local, local, ROLES, "local", csrf_of(request.app.state.secret, "local"))
    secret = request.cookies.get(COOKIE)
    session = sessions.current(place.ledger, secret, at) if secret else None
    if session is None:
        return None
    csrf = csrf_of(request.app.state.secret, session.digest)
    return Who(session.user, session.full_name, session.roles, session.digest, csrf)


def _of_token(place: Place, token: str, mark: _Mark) -> Who | None:
    bearer = tokens.bearer(place.ledger, token, place.clock())
    if bearer is None:
        return None
    if mark.permission is not None and mark.scope not in bearer.scopes:
        said = f"takes the scope {mark.scope}" if mark.scope else "is not for programs"
        raise NotAllowedError(f"This token may read {', '.join(bearer.scopes)}; this address {said}.")
    return Who(bearer.user, bearer.full_name, bearer.roles)


def csrf_of(secret: bytes, session: str) -> str:
    """What a form of this session holds, so that no other site can send one."""
    return hmac.new(secret, f"csrf {session}".encode(), hashlib.sha256).hexdigest()


def _refuse_other_sites(request: Request) -> None:
    """A browser says from where a form was sent; programs say nothing."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    strange = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if site not in ("same-origin", "none") or strange:
        raise NotAllowedError("This form was sent by another site.")


async def _refuse_forged(request: Request, who: Who) -> None:
    sent: Any = request.headers.get("x-csrf-token")
    if sent is None:
        sent = (await request.form()).get("csrf")
    good = who.csrf and isinstance(sent, str) and hmac.compare_digest(sent.encode(), who.csrf.encode())
    if not good:
        await request.close()  # what came with the form is held no longer
        raise NotAllowedError("This form is not of this session; load the page again and repeat it.")


def _visitor(request: Request) -> Who:
    who: Who | None = request.state.who
    if who is None:
        raise NotLoggedInError
    return who


Visitor = Annotated[Who, Depends(_visitor)]
