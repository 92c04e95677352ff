"""Sessions: who is logged in, since when, and until when; each can be ended from elsewhere.

The browser holds a random secret and the ledger its digest, so that a copy of the ledger lets nobody in. A session
ends after a while without use, and after a day's work in any case (OWASP Session Management).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.ledger import Ledger

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
#: A session's last use is written down at most so often.
_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """An open session and the person behind it, as both are now."""

    digest: str
    user: str
    full_name: str
    roles: tuple[str, ...]
    method: str  # password | oidc
    made_at: datetime
    seen_at: datetime


def digest_of(secret: str) -> str:
    """What the ledger holds of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def begin(ledger: Ledger, user: str, method: str, at: datetime) -> str:
    """Log a person in; the secret for their cookie. Journals the login, forgets sessions that are over."""
    secret = secrets.token_urlsafe(32)
    with ledger.transaction(user, at) as tx:
        tx.insert(t.logins, [{"id": tx.next(t.logins), "user": user, "method": method, "at": at}])
    row = {"digest": digest_of(secret), "user": user, "method": method, "made_at": at, "seen_at": at}
    over = sa.or_(t.sessions.c.seen_at < at - IDLE, t.sessions.c.made_at < at - LONGEST)
    with ledger.unjournalled() as connection:
        connection.execute(sa.delete(t.sessions).where(over))
        connection.execute(sa.insert(t.sessions), [row])
    return secret


def current(ledger: Ledger, secret: str, at: datetime) -> Session | None:
    """The session that a cookie speaks of, if it is open and its person's account is; notes that it was used."""
    found = _rows(ledger, at, t.sessions.c.digest == digest_of(secret))
    if not found:
        return None
    (session,) = found
    if at - session.seen_at >= _NOTED_EVERY:
        with ledger.unjournalled() as connection:
            used = sa.update(t.sessions).where(t.sessions.c.digest == session.digest)
            connection.execute(used.values(seen_at=at))
    return session


def listed(ledger: Ledger, at: datetime) -> list[Session]:
    """Every open session, the newest first."""
    return _rows(ledger, at, sa.true())


def revoke(ledger: Ledger, digest: str) -> None:
    """End a session; harmless where it is over."""
    with ledger.unjournalled() as connection:
        connection.execute(sa.delete(t.sessions).where(t.sessions.c.digest == digest))


def revoke_all(ledger: Ledger, user: str) -> None:
    """End every session of a person: after a new password, other roles, or a closed account."""
    with ledger.unjournalled() as connection:
        connection.execute(sa.delete(t.sessions).where(t.sessions.c.user == user))


def _rows(ledger: Ledger, at: datetime, which: Any) -> list[Session]:
    query = (
        sa.select(t.sessions, t.users.c.full_name, t.users.c.roles)
        .join(t.users, t.users.c.name == t.sessions.c.user)
        .where(which, t.users.c.active, t.sessions.c.seen_at >= at - IDLE, t.sessions.c.made_at >= at - LONGEST)
        .order_by(t.sessions.c.made_at.desc(), t.sessions.c.digest)
    )
    rows: Sequence[Any] = ledger.read(query)
    return [
        Session(
            digest=row["digest"],
            user=row["user"],
            full_name=row["full_name"],
            roles=tuple(row["roles"]),
            method=row["method"],
            made_at=row["made_at"],
            seen_at=row["seen_at"],
        )
        for row in rows
    ]
