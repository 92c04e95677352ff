"""How the application refuses: one clear sentence, as a page or as JSON, and nothing of what is inside."""

import logging
import secrets
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from dashboards.access import NotAllowedError, NotLoggedInError
from dashboards.rendering import page

_log = logging.getLogger("auditor.dashboards")
_OURS: Final = ("auditor", "monitors", "reports", "dashboards")
_SENTENCES: Final = {
    404: "There is nothing at this address.",
    405: "This address cannot be used so.",
    422: "Something in the address or the form is not as it should be.",
}


def add_to(app: FastAPI) -> None:
    app.add_exception_handler(NotLoggedInError, not_logged_in)
    app.add_exception_handler(NotAllowedError, not_allowed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, not_understood)
    app.add_exception_handler(ValueError, refused)
    app.add_exception_handler(Exception, broken)


def _wants_json(request: Request) -> bool:
    return request.url.path.endswith(".json") or "authorization" in request.headers


def _says(request: Request, status: int, title: str, sentence: str) -> Response:
    """A refusal, in the form in which the answer was expected."""
    if _wants_json(request):
        return JSONResponse({"error": sentence}, status)
    return page(request, "refused.html", title=title, code=status, sentence=sentence)


async def not_logged_in(request: Request, _: Exception) -> Response:
    if _wants_json(request):
        return JSONResponse({"error": "Log in, or show a token."}, 401, headers={"www-authenticate": "Bearer"})
    by_script = "hx-request" in request.headers
    if request.method == "GET" and not by_script:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    else:  # back to the page that asked
        here = _path_of(request.headers.get("hx-current-url") or request.headers.get("referer", "/"))
    target = f"/login?next={quote(here)}"
    return (
        Response(status_code=401, headers={"hx-redirect": target}) if by_script else RedirectResponse(target, 303)
    )


def _path_of(address: str) -> str:
    """The path of an address and what is asked of it; the first page where it is no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def not_allowed(request: Request, error: Exception) -> Response:
    return _says(request, 403, "Not allowed", str(error))


async def http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = _SENTENCES.get(error.status_code)
    told = error.detail if error.detail and not error.detail[:1].islower() and error.detail.endswith(".") else None
    headers = error.headers or {}
    title = "Not found" if error.status_code == 404 else "Not possible"
    response = _says(request, error.status_code, title, told or said or "This cannot be done.")
    response.headers.update(headers)
    return response


async def not_understood(request: Request, _: Exception) -> Response:
    return _says(request, 422, "Not understood", _SENTENCES[422])


async def broken(request: Request, error: Exception) -> Response:
    """Nobody outside learns what broke; the log names it and no more, since its text might quote a row."""
    number = secrets.token_hex(4)
    where = getattr(request.scope.get("route"), "path", "an address")
    _log.error("%s %s failed: %s (%s)", request.method, where, type(error).__name__, number)
    said = f"Something went wrong here, and nothing was changed. The server's log says more under {number}."
    return _says(request, 500, "Something went wrong", said)


async def refused(request: Request, error: Exception) -> Response:
    """Our own refusals are one clear sentence; anything else is nobody's business."""
    if not type(error).__module__.startswith(_OURS):
        raise error
    return _says(request, 400, "Not done", str(error))
