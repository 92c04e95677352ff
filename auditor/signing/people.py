"""People who may sign: their roles, and passwords as Argon2id hashes that the journal does not keep."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from pwdlib import PasswordHash

from auditor.in_force import Reader
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.verify import Problem

ROLES: Final = ("viewer", "reviewer", "committee", "engineer", "admin")
_ADMIN: Final = ROLES[-1]
SHORTEST: Final = 12  # characters of a password
#: So many wrong passwords in a row lock a person out until an administrator sets a new one.
LOCKED_AFTER: Final = 5


class PeopleError(ValueError):
    """One clear sentence about a person or password that cannot be accepted."""


def add(
    ledger: Ledger, name: str, full_name: str, roles: Sequence[str], password: str, actor: str, at: datetime
) -> None:
    """Make an account. Raises PeopleError."""
    _check_roles(roles)
    if not name.strip() or not full_name.strip():
        raise PeopleError("A person needs a name to log in with and a full name to sign with.")
    hashed = _hashed(password)
    with ledger.transaction(actor, at) as tx:
        if tx.read(sa.select(t.users.c.name).where(t.users.c.name == name)):
            raise PeopleError(f"There is a person {name} already.")
        row = {"name": name.strip(), "full_name": full_name.strip(), "roles": sorted(set(roles)), "active": True}
        about = {"credential": _digest(hashed), "failures": 0, "changed_at": at, "actor": actor}
        tx.insert(t.users, [row | about])
        tx.keep_credential(name.strip(), hashed)


def change(
    ledger: Ledger,
    name: str,
    actor: str,
    at: datetime,
    *,
    roles: Sequence[str] | None = None,
    active: bool | None = None,
) -> None:
    """Give other roles, or close or open an account. Nobody is ever deleted: signatures name them.

    Raises PeopleError, also where nobody would be left who administers.
    """
    _check_roles(roles or ROLES[:1])
    with ledger.transaction(actor, at) as tx:
        person(tx, name)
        if (roles is not None and _ADMIN not in roles) or active is False:
            _refuse_to_lose_the_last_admin(tx, name)
        changes: dict[str, Any] = {"changed_at": at, "actor": actor}
        if roles is not None:
            changes["roles"] = sorted(set(roles))
        if active is not None:
            changes["active"] = active
        tx.update(t.users, name, changes)


def _refuse_to_lose_the_last_admin(tx: Reader, name: str) -> None:
    rows = tx.read(sa.select(t.users.c.name, t.users.c.roles).where(t.users.c.active))
    if {row["name"] for row in rows if _ADMIN in row["roles"]} == {name}:
        raise PeopleError(f"{name} is the last administrator; make another one first.")


def set_password(ledger: Ledger, name: str, password: str, actor: str, at: datetime) -> None:
    """A new password; it also opens a locked account."""
    hashed = _hashed(password)
    with ledger.transaction(actor, at) as tx:
        person(tx, name)
        tx.update(t.users, name, {"credential": _digest(hashed), "failures": 0, "changed_at": at, "actor": actor})
        tx.keep_credential(name, hashed)


def person(place: Reader, name: str) -> Any:
    """The row of a person. Raises PeopleError."""
    rows = place.read(sa.select(t.users).where(t.users.c.name == name))
    if not rows:
        raise PeopleError(f"There is no person {name}; 'auditor people list' shows those there are.")
    return rows[0]


def authenticate(ledger: Ledger, name: str, password: str, at: datetime) -> Any:
    """The row of a person who gave their password. Raises PeopleError; wrong ones are counted."""
    row = person(ledger, name)
    if not row["active"]:
        raise PeopleError(f"The account {name} is closed.")
    if row["failures"] >= LOCKED_AFTER:
        raise PeopleError(
            f"The account {name} is locked after {LOCKED_AFTER} wrong passwords; ask an administrator."
        )
    stored = ledger.read(sa.select(t.credentials.c.hash).where(t.credentials.c.user == name))
    known = stored and _digest(stored[0]["hash"]) == row["credential"]
    if known and PasswordHash.recommended().verify(password, stored[0]["hash"]):
        if row["failures"]:
            with ledger.transaction(name, at) as tx:
                tx.update(t.users, name, {"failures": 0})
        return row
    with ledger.transaction(name, at) as tx:
        tx.update(t.users, name, {"failures": person(tx, name)["failures"] + 1})
    raise PeopleError(f"The password of {name} is not right; this attempt is on record.")


def check(ledger: Ledger) -> list[Problem]:
    """Passwords that are not those that the journal knows of."""
    stored = {row["user"]: row["hash"] for row in ledger.read(sa.select(t.credentials))}
    found = []
    for row in ledger.read(sa.select(t.users.c.name, t.users.c.credential).order_by(t.users.c.name)):
        if row["name"] not in stored or _digest(stored[row["name"]]) != row["credential"]:
            sentence = f"The password of {row['name']} was exchanged or removed behind the journal's back."
            found.append(Problem("password", row["name"], sentence))
    return found


def _hashed(password: str) -> str:
    if len(password) < SHORTEST:
        raise PeopleError(f"A password has {SHORTEST} characters or more; a sentence is easy to remember.")
    return PasswordHash.recommended().hash(password)


def _digest(hashed: str) -> str:
    return hashlib.sha256(hashed.encode()).hexdigest()


def _check_roles(roles: Sequence[str]) -> None:
    if unknown := [role for role in roles if role not in ROLES]:
        raise PeopleError(f"There is no role {unknown[0]}; roles are {', '.join(ROLES)}.")
    if not roles:
        raise PeopleError(f"Give at least one role: {', '.join(ROLES)}.")
