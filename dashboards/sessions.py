"""Sessions in cookies: begun, ended, and how often somebody may try to begin one."""

import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from auditor.access import sessions
from auditor.signing import people
from dashboards.access import COOKIE
from dashboards.place import Place

#: Attempts to log in within a minute, from one address and from all.
MOST_FROM_ONE: Final = 10
MOST_FROM_ALL: Final = 60
_MINUTE: Final = timedelta(minutes=1)
_ONE_AT_A_TIME: Final = threading.Lock()


class Throttle:
    """How often something was tried within the last minute, by whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def full(self, address: str, at: datetime) -> bool:
        """Count a try; whether there were too many. A try too many is not counted again."""
        with self._lock:
            for name in [name for name, tries in self._tries.items() if not self._recent(tries, at)]:
                del self._tries[name]
            everyone = sum(len(tries) for tries in self._tries.values())
            mine = self._tries[address]
            if len(mine) >= MOST_FROM_ONE or everyone >= MOST_FROM_ALL:
                return True
            mine.append(at)
            return False

    @staticmethod
    def _recent(tries: deque[datetime], at: datetime) -> bool:
        while tries and tries[0] <= at - _MINUTE:
            tries.popleft()
        return bool(tries)


def proved(place: Place, name: str, password: str) -> Any:
    """The row of a person who gave their password. Raises PeopleError.

    One at a time: each costs 64 MB, and of guesses that arrive together the fifth must count before the sixth.
    """
    with _ONE_AT_A_TIME:
        return people.authenticate(place.ledger, name, password, place.clock())


def start_session(request: Request, user: str, method: str, target: str = "/") -> Response:
    """Log a person in who has proved to be it: a new session, whatever cookie there was, and on to `target`."""
    place = request.app.state.place
    end_session(request)
    secret = sessions.begin(place.ledger, user, method, place.clock())
    response = RedirectResponse(inside(target), 303)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(sessions.LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https" or request.app.state.https,
        path="/",
    )
    return response


def end_session(request: Request) -> None:
    """End the session that the browser holds, if it holds one."""
    secret = request.cookies.get(COOKIE)
    if secret:
        sessions.revoke(request.app.state.place.ledger, sessions.digest_of(secret))


def inside(target: str) -> str:
    """An address within this application, or the first page: nobody is sent elsewhere after logging in.

    >>> inside("/alerts?status=open"), inside("//evil.example"), inside("https://evil.example")
    ('/alerts?status=open', '/', '/')
    """
    try:
        parts = urlsplit(target)
    except ValueError:  # half an address, such as //[
        return "/"
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc else "/"
