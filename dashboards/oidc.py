"""Logging in through the hospital's own provider (OpenID Connect): authorization code with PKCE.

The provider says who somebody is; what they may do stands in the ledger. Logging in makes nobody an account.
"""

import hmac
import secrets
import threading
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Request
from itsdangerous import BadData, URLSafeSerializer
from starlette.responses import RedirectResponse, Response

from auditor.store import tables as t
from dashboards.access import public
from dashboards.oidc_provider import OidcError, OidcSettings, Proof, Provider
from dashboards.place import Here, Place
from dashboards.rendering import page
from dashboards.sessions import start_session

COOKIE: Final = "auditor_oidc"
_PATH: Final = "/login/oidc"
_BACK: Final = "/login/oidc/back"
_WITHIN: Final = timedelta(minutes=10)  # a login that was begun must come back
_AGAIN: Final = "This login was not begun in this browser, or too long ago; begin again."

__all__ = ["OidcSettings", "router"]

router = APIRouter(include_in_schema=False)


class Used:
    """Logins that came back already: none comes back twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, datetime] = {}

    def first_time(self, state: str, at: datetime) -> bool:
        with self._lock:
            self._until = {name: until for name, until in self._until.items() if until > at}
            if state in self._until:
                return False
            self._until[state] = at + _WITHIN
            return True


_used: Final = Used()


@lru_cache(maxsize=4)
def _provider(settings: OidcSettings) -> Provider:
    return Provider(settings)


@router.get(_PATH)
@public
def begin(request: Request, place: Here, next: str = "/") -> Response:
    """Send the browser to the provider, with a sealed note of what must come back."""
    at = place.clock()
    if request.app.state.throttle.full(request.client.host if request.client else "", at):
        return _refused(request, OidcError("Too many attempts; wait a minute and try again."))
    proof = Proof(*(secrets.token_urlsafe(48) for _ in range(3)))
    try:
        address = _configured(request).address(proof, _back(request), at)
    except OidcError as error:
        return _refused(request, error)
    note = {"proof": [proof.state, proof.nonce, proof.verifier], "until": (at + _WITHIN).timestamp(), "next": next}
    response = RedirectResponse(address, 303)
    response.set_cookie(
        COOKIE,
        _seal(request).dumps(note),
        max_age=int(_WITHIN.total_seconds()),
        httponly=True,
        samesite="lax",  # the provider sends the browser back from its own site
        secure=_https(request),
        path=_PATH,
    )
    return response


@router.get(_BACK)
@public
def back(request: Request, place: Here) -> Response:
    """The browser comes back from the provider: check what it brings, and log the person in."""
    try:
        provider = _configured(request)
        proof, target = _begun(request, place.clock())
        name = provider.account(_code(request, provider), proof, _back(request), place.clock())
        user = _open_account(place, name)
    except OidcError as error:
        response = _refused(request, error)
    else:
        response = start_session(request, user, method="oidc", target=target)
    response.delete_cookie(COOKIE, path=_PATH)
    return response


def _configured(request: Request) -> Provider:
    settings: OidcSettings | None = getattr(request.app.state, "oidc", None)
    if settings is None:
        raise OidcError("No login provider is set up here; log in with your password.")
    return _provider(settings)


def _begun(request: Request, at: datetime) -> tuple[Proof, str]:
    """What this browser began, if that is what came back, for the first time."""
    try:
        note: dict[str, Any] = _seal(request).loads(request.cookies.get(COOKIE, ""))
        proof, until, target = Proof(*note["proof"]), float(note["until"]), str(note["next"])
    except (BadData, KeyError, TypeError, ValueError):
        raise OidcError(_AGAIN) from None
    came = request.query_params.get("state", "")
    same = hmac.compare_digest(came.encode(), proof.state.encode())
    if not same or at.timestamp() > until or not _used.first_time(proof.state, at):
        raise OidcError(_AGAIN)
    return proof, target


def _code(request: Request, provider: Provider) -> str:
    told = request.query_params
    if told.get("iss", provider.settings.issuer) != provider.settings.issuer:  # RFC 9207: mixed-up providers
        raise OidcError("Another login provider answered than the one that was asked; begin again.")
    if (error := told.get("error")) is not None:
        known = error.isascii() and error.replace("_", "").isalpha() and len(error) < 40
        raise OidcError(f"The login provider did not log you in{f' ({error})' if known else ''}.")
    if not (code := told.get("code", "")):
        raise OidcError(_AGAIN)
    return code


def _open_account(place: Place, name: str) -> str:
    """The account of that name, if it is open."""
    rows = place.ledger.read(sa.select(t.users).where(t.users.c.name == name)) if "\x00" not in name else []
    if not rows:
        raise OidcError(
            "The login provider knows you, but there is no account here of the name it gives; "
            "ask an administrator to add one."
        )
    if not rows[0]["active"]:
        raise OidcError("Your account here is closed; ask an administrator to open it.")
    return str(rows[0]["name"])


def _refused(request: Request, error: OidcError) -> Response:
    return page(request, "refused.html", title="Not logged in", code=403, sentence=str(error))


def _seal(request: Request) -> URLSafeSerializer:
    return URLSafeSerializer(request.app.state.secret, salt="auditor oidc")


def _https(request: Request) -> bool:
    return bool(request.url.scheme == "https" or request.app.state.https)


def _back(request: Request) -> str:
    """Where the provider sends the browser back to; the provider knows this address beforehand."""
    scheme = "https" if _https(request) else "http"
    return f"{scheme}://{request.headers['host']}{_BACK}"
