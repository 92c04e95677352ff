"""What every answer carries and every request must be: headers, host names, sizes."""

import logging
import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing from elsewhere, no script or style inside a page, no page inside another's frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HSTS: Final = "max-age=31536000"
#: Bytes of a request's body; files of records have a limit of their own.
LARGEST: Final = 1 << 20
LARGEST_FILE: Final = 64 << 20
_LONGEST_ADDRESS: Final = 8_192
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_log = logging.getLogger("auditor.dashboards")


class Protected:
    """The whole application behind these rules."""

    def __init__(self, app: ASGIApp, names: Sequence[str], https: bool, with_files: Sequence[str]) -> None:
        self._app, self._names, self._https, self._with_files = app, frozenset(names), https, tuple(with_files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks so, and no rule below would be asked
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        secure = self._https or scope["scheme"] == "https"
        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    given.setdefault(name, value)
                given.setdefault("cache-control", "no-store")
                if secure:
                    given["strict-transport-security"] = _HSTS
            await send(message)

        if (refusal := self._refusal(scope, headers)) is not None:
            await refusal(scope, receive, dressed)
            return
        limit = LARGEST_FILE if scope["path"] in self._with_files else LARGEST
        try:
            await self._app(scope, _limited(receive, limit), dressed)
        except _TooLargeError:
            if not begun:
                await PlainTextResponse("The request is too large.", 413)(scope, receive, dressed)
        except Exception as error:  # noqa: BLE001 - the end of the line
            # the application has answered and logged; what it raises afterwards would put a trace into the log
            if not begun:
                _log.error("An answer could not be begun: %s", type(error).__name__)
                await PlainTextResponse("Something went wrong here.", 500)(scope, receive, dressed)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        if _host(headers.get("host", "")) not in self._names:
            # a page elsewhere could have pointed a name of its own at this machine
            return PlainTextResponse("This server does not answer to that name; see 'auditor serve --name'.", 421)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_ADDRESS:
            return PlainTextResponse("The address is too long.", 414)
        if "content-length" in headers and "transfer-encoding" in headers:
            # a proxy may believe the one and we the other, and take what follows for another's request
            return PlainTextResponse("The request says its length twice.", 400, {"connection": "close"})
        length = headers.get("content-length", "0")
        limit = LARGEST_FILE if scope["path"] in self._with_files else LARGEST
        if not (length.isascii() and length.isdigit()) or int(length) > limit:
            return PlainTextResponse("The request is too large.", 413)
        return None


class _TooLargeError(HTTPException):
    """A body went on beyond its limit; of this kind, since whoever reads a form lets no other through."""

    def __init__(self) -> None:
        super().__init__(413, "The request is too large.")


def _limited(receive: Receive, limit: int) -> Receive:
    """The body as it comes, up to its limit: a length may not have been told, or told wrongly."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _TooLargeError
        return message

    return counted


def _host(header: str) -> str:
    """The host name of a Host header, without its port; "" where there is more, such as localhost:1@evil."""
    found = _HOST.fullmatch(header)
    return (found[1] or found[2]).lower() if found else ""
