"""Registering a system: its settings are kept in every version, with who applied them and why."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from auditor.audit.drifting import taken_names
from auditor.audit.verdicts import unknown_measures
from auditor.clock.schedules import put_in_force
from auditor.rules.register import record_rules
from auditor.settings import AuditSettings, SettingsError, parse_settings
from auditor.store import tables as t
from auditor.store.ledger import Ledger


@dataclass(frozen=True)
class Applied:
    """Which settings are in force now, and whether this call changed them."""

    system: str
    config: str
    changed: bool


def settings_hash(settings: AuditSettings) -> str:
    """The hash of the settings themselves: comments and layout of the YAML do not count."""
    canonical = json.dumps(settings.model_dump(mode="json", by_alias=True), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def apply_settings(ledger: Ledger, yaml: str, where: str, actor: str, at: datetime, reason: str = "") -> Applied:
    """Put settings in force.

    Raises SettingsError when they cannot be read, or name a measure that does not exist.
    """
    settings = parse_settings(yaml, where)
    for sentence in (*unknown_measures(settings), *taken_names(settings)):
        raise SettingsError(f"{where}: {sentence}")
    config = settings_hash(settings)
    with ledger.transaction(actor=actor, at=at) as tx:
        newest = tx.read(
            sa.select(t.configs.c.id)
            .where(t.configs.c.system == settings.system)
            .order_by(t.configs.c.seq.desc())
            .limit(1)
        )
        if newest and newest[0]["id"].startswith(config):
            return Applied(settings.system, newest[0]["id"], changed=False)
        tx.insert_new(t.systems, [{"name": settings.system, "created_at": at}])
        number = tx.next(t.configs)
        # numbered, since settings may go back to what they were
        name = f"{config}-{number}"
        row = {"id": name, "system": settings.system, "seq": number, "yaml": yaml, "reason": reason}
        tx.insert(t.configs, [row | {"applied_at": at, "actor": actor}])
        record_rules(tx, settings, name, reason)
        put_in_force(tx, settings)
    return Applied(settings.system, name, changed=True)
