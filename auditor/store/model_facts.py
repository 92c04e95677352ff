"""What could be read of the models that were asked: family, weights, versions of libraries."""

from typing import Any

import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.ledger import Ledger, Transaction

_KIND = "model"


def keep_facts(tx: Transaction, system: str, version: str, fingerprint: str, facts: dict[str, str]) -> None:
    """Write down who answers for `version`; what is known already stays as it was."""
    row = {
        "key": f"{_KIND}:{system}:{version}:{fingerprint}",
        "kind": _KIND,
        "system": system,
        "value": {"version": version, "fingerprint": fingerprint, "facts": facts},
        "created_at": tx.at,
    }
    tx.insert_new(t.artifacts, [row])


def facts_of(ledger: Ledger, system: str, version: str) -> list[dict[str, str]]:
    """The facts of every model that was asked for `version`, in the order of their fingerprints."""
    return [value["facts"] for value in _known(ledger, system) if value["version"] == version]


def models_digest(ledger: Ledger, system: str) -> str:
    """A name for all that is known of a system's models; empty where none was asked."""
    known = _known(ledger, system)
    return digest_of(known) if known else ""


def _known(ledger: Ledger, system: str) -> list[dict[str, Any]]:
    found = ledger.read(
        sa.select(t.artifacts.c.value)
        .where(t.artifacts.c.kind == _KIND, t.artifacts.c.system == system)
        .order_by(t.artifacts.c.key)
    )
    return [row["value"] for row in found]
