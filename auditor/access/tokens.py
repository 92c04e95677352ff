"""Tokens: keys with which a program reads figures in the name of a person, each for what it is meant for."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.access.sessions import digest_of
from auditor.store import tables as t
from auditor.store.ledger import Ledger

#: What a token can be allowed to read.
SCOPES: Final = ("fleet", "systems", "measurements", "alerts", "reports", "metrics")
LONGEST: Final = timedelta(days=365)
_PREFIX: Final = "aud_"  # so that a token that got out can be recognised, by people and by scanners


class TokenError(ValueError):
    """One clear sentence about a token that cannot be made or taken back."""


@dataclass(frozen=True)
class Bearer:
    """The person whose token a program showed, and what the token is for."""

    user: str
    full_name: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


def make(
    ledger: Ledger, user: str, name: str, scopes: Sequence[str], ends_at: datetime, actor: str, at: datetime
) -> str:
    """Make a token and give it away: nobody can read it again. Raises TokenError."""
    if not name.strip():
        raise TokenError("A token needs a name that says which program uses it.")
    if not scopes:
        raise TokenError(f"Say what the token may read: {', '.join(SCOPES)}.")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise TokenError(f"There is no scope {unknown[0]!r}; scopes are {', '.join(SCOPES)}.")
    if not at < ends_at <= at + LONGEST:
        raise TokenError("A token ends in the future, at most a year from now.")
    secret = _PREFIX + secrets.token_urlsafe(32)
    with ledger.transaction(actor, at) as tx:
        people = tx.read(sa.select(t.users.c.active).where(t.users.c.name == user))
        if not people or not people[0]["active"]:
            raise TokenError(f"There is no open account {user} whose token this could be.")
        row = {"id": tx.next(t.tokens), "user": user, "name": name.strip(), "digest": digest_of(secret)}
        about = {"scopes": sorted(set(scopes)), "made_at": at, "ends_at": ends_at, "actor": actor}
        tx.insert(t.tokens, [row | about])
    return secret


def revoke(ledger: Ledger, number: int, actor: str, at: datetime) -> None:
    """Take a token back for good. Raises TokenError."""
    with ledger.transaction(actor, at) as tx:
        rows = tx.read(sa.select(t.tokens).where(t.tokens.c.id == number))
        if not rows:
            raise TokenError(f"There is no token {number}.")
        if rows[0]["revoked_at"] is None:
            tx.update(t.tokens, number, {"revoked_at": at, "actor": actor})


def bearer(ledger: Ledger, secret: str, at: datetime) -> Bearer | None:
    """Whose token this is; None where it is none, has ended, was taken back, or its person's account is closed."""
    query = (
        sa.select(t.tokens.c.user, t.tokens.c.scopes, t.users.c.full_name, t.users.c.roles)
        .join(t.users, t.users.c.name == t.tokens.c.user)
        .where(t.tokens.c.digest == digest_of(secret), t.users.c.active)
        .where(t.tokens.c.revoked_at.is_(None), t.tokens.c.ends_at > at)
    )
    rows: Sequence[Any] = ledger.read(query)
    if not rows:
        return None
    (row,) = rows
    return Bearer(row["user"], row["full_name"], tuple(row["roles"]), tuple(row["scopes"]))


def listed(ledger: Ledger) -> list[Any]:
    """Every token that was ever made, newest first, without its digest."""
    shown = [column for column in t.tokens.c if column.name != "digest"]
    return list(ledger.read(sa.select(*shown).order_by(t.tokens.c.id.desc())))
