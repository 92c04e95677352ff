"""Sign-off: a person vouches for a report with name, time and meaning, bound to the hashes of its files.

21 CFR 11.50 and 11.70 ask for printed name, time and meaning of a signature, and that it cannot be moved to
another record: the signed statement names every file of the report by its SHA-256.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.incidents import DECISIONS
from auditor.signing_key import SigningKey, holds
from auditor.store import tables as t
from auditor.store.chain import canonical, stamp
from auditor.store.ledger import Ledger
from auditor.store.verify import Problem

#: What a signature can mean.
MEANINGS: Final = ("reviewed", "approved", "rejected", "authored")
_ROLES: Final = ("committee", "admin")


class SignOffError(ValueError):
    """One clear sentence about a sign-off that cannot be made."""


def sign(
    ledger: Ledger, key: SigningKey, report: str, who: Any, *, meaning: str, decision: str, note: str, at: datetime
) -> int:
    """Sign a report as a person who has just given their password; the number of the signature.

    `who` is the row of `people.authenticate`. Raises SignOffError.
    """
    if meaning not in MEANINGS:
        raise SignOffError(f"A signature means one of {', '.join(MEANINGS)}.")
    if decision and decision not in DECISIONS:
        raise SignOffError(f"A decision is one of {', '.join(DECISIONS)}.")
    if not set(who["roles"]) & set(_ROLES):
        raise SignOffError(f"{who['full_name']} may not sign: that takes the role {' or '.join(_ROLES)}.")
    with ledger.transaction(who["name"], at) as tx:
        rows = tx.read(sa.select(t.reports).where(t.reports.c.id == report))
        if not rows:
            raise SignOffError(f"There is no report {report}; 'auditor reports' lists those there are.")
        again = sa.select(t.signatures.c.id).where(
            t.signatures.c.report == report, t.signatures.c.user == who["name"], t.signatures.c.meaning == meaning
        )
        if tx.read(again):
            raise SignOffError(f"{who['full_name']} has signed {report} as {meaning} already.")
        statement = canonical(
            {
                "auditor": "sign-off 1",
                "report": report,
                "files": rows[0]["files"],
                "by": who["name"],
                "full_name": who["full_name"],
                "meaning": meaning,
                "decision": decision or None,
                "note": note,
                "at": stamp(at),
                "key": key.id,
            }
        )
        number = tx.next(t.signatures)
        row = {"id": number, "report": report, "user": who["name"], "full_name": who["full_name"]}
        said = {"meaning": meaning, "decision": decision or None, "note": note, "at": at}
        proof = {"statement": statement, "key": key.id, "signature": key.sign(statement)}
        tx.insert(t.signatures, [row | said | proof])
    return number


def by_report(ledger: Ledger) -> dict[str, list[Any]]:
    """The signatures of every report that has any, oldest first."""
    found: dict[str, list[Any]] = {}
    for row in ledger.read(sa.select(t.signatures).order_by(t.signatures.c.id)):
        found.setdefault(row["report"], []).append(row)
    return found


def check(ledger: Ledger) -> list[Problem]:
    """Signatures that do not hold, or do not speak of the report as it was issued."""
    keys = {row["id"]: row["public"] for row in ledger.read(sa.select(t.signing_keys))}
    files = {row["id"]: row["files"] for row in ledger.read(sa.select(t.reports.c.id, t.reports.c.files))}
    rows: Sequence[Any] = ledger.read(sa.select(t.signatures).order_by(t.signatures.c.id))
    faults = ((row, _fault(row, keys, files)) for row in rows)
    return [Problem("signature", str(row["id"]), sentence) for row, sentence in faults if sentence is not None]


def _fault(row: Any, keys: dict[str, str], files: dict[str, Any]) -> str | None:
    name = f"Signature {row['id']} of {row['report']}"
    if row["key"] not in keys or not holds(keys[row["key"]], row["statement"], row["signature"]):
        return f"{name} does not hold: its text, its key or the signature itself was changed."
    said = json.loads(row["statement"])
    told = {
        "report": row["report"],
        "files": dict(files.get(row["report"], {})),
        "by": row["user"],
        "full_name": row["full_name"],
        "meaning": row["meaning"],
        "decision": row["decision"],
        "note": row["note"],
        "at": stamp(row["at"]),
    }
    for field, value in told.items():
        if said.get(field) != value:
            return f"{name} was made for another {field} than the ledger now says."
    return None
