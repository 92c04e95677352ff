"""Rules in the ledger: a new version for each change, and whether data had been seen by then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from auditor.in_force import Reader, newest_config
from auditor.rules.named import Rule, rules_of
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction


@dataclass(frozen=True)
class Change:
    """What becomes of one rule; `before` is None for a new one, `after` for one that is retired."""

    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """The fields that differ."""
        old, new = self.before or {}, self.after or {}
        names = [*old, *(name for name in new if name not in old)]
        return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}

    @property
    def words(self) -> str:
        """The change in a line."""
        if self.before is None:
            return f"{self.name}: new"
        if self.after is None:
            return f"{self.name}: no longer applied"
        moved = ", ".join(f"{name} {_said(old)} → {_said(new)}" for name, (old, new) in self.fields.items())
        return f"{self.name}: {moved}"


def changes(ledger: Ledger, settings: AuditSettings) -> list[Change]:
    """What these settings would change of the rules in force; nothing where the system is new."""
    here = _content_in_force(ledger, settings.system)
    return [] if here is None else _changes(here, rules_of(settings))


def record_rules(tx: Transaction, settings: AuditSettings, config: str, reason: str) -> None:
    """Put the settings' rules in force. A change that decides verdicts is marked where audits had been made."""
    here = {row["name"]: row for row in tx.read(_in_force(settings.system))}
    rules = {rule.name: rule for rule in rules_of(settings)}
    seen = bool(tx.read(sa.select(t.audits.c.id).where(t.audits.c.system == settings.system).limit(1)))
    versions = {
        row["name"]: row["version"]
        for row in tx.read(
            sa.select(t.thresholds.c.name, sa.func.max(t.thresholds.c.version).label("version"))
            .where(t.thresholds.c.system == settings.system)
            .group_by(t.thresholds.c.name)
        )
    }
    known = _content_in_force(tx, settings.system, but=config) or {}
    number = tx.next(t.thresholds)
    rows: list[dict[str, Any]] = []
    for change in _changes({name: row["content"] for name, row in here.items()}, list(rules.values())):
        if change.name in here:
            tx.update(t.thresholds, here[change.name]["id"], {"retired_at": tx.at})
        if change.after is None:
            continue
        rule = rules[change.name]
        version = versions.get(rule.name, 0) + 1
        row = {"id": f"{settings.system}/{rule.name}/{version}", "seq": number + len(rows), "config": config}
        row |= {"system": settings.system, "name": rule.name, "version": version, "tier": rule.tier}
        row |= {"content": dict(rule.content), "reason": reason, "actor": tx.actor, "valid_from": tx.at}
        # of a ledger that is older than the registry, the settings before tell what was a rule already
        change = Change(rule.name, known.get(rule.name), rule.content)
        rows.append(row | {"after_seeing": seen and _decides(change, rule)})
    tx.insert(t.thresholds, rows)


def changed_after_seeing(ledger: Ledger, system: str, config: str) -> list[str]:
    """A sentence for each rule that was set or changed after data had been seen, up to a version of settings."""
    newest = sa.select(t.configs.c.seq).where(t.configs.c.id == config).scalar_subquery()
    rows = ledger.read(
        sa.select(t.thresholds)
        .join(t.configs, t.configs.c.id == t.thresholds.c.config)
        .where(t.thresholds.c.system == system, t.configs.c.seq <= newest)
        .order_by(t.thresholds.c.seq)
    )
    before: dict[str, Any] = {}
    said = []
    for row in rows:
        if row["after_seeing"]:
            change = Change(row["name"], before.get(row["name"]), row["content"])
            why = f" Reason given: {row['reason'].rstrip('.')}." if row["reason"] else " No reason was given."
            day = f"{row['valid_from']:%Y-%m-%d}"
            said.append(f"Rule changed after data had been seen ({day}, {row['actor']}): {change.words}.{why}")
        before[row["name"]] = row["content"]
    return said


def _content_in_force(place: Reader, system: str, but: str = "") -> dict[str, Mapping[str, Any]] | None:
    """Name → content of the rules in force, by the registry, else by the settings; None for a new system."""
    if rows := place.read(_in_force(system)):
        return {row["name"]: row["content"] for row in rows}
    found = newest_config(place, system, but)
    return None if found is None else {rule.name: rule.content for rule in rules_of(found[1])}


def _in_force(system: str) -> sa.Select[Any]:
    return (
        sa.select(t.thresholds)
        .where(t.thresholds.c.system == system, t.thresholds.c.retired_at.is_(None))
        .order_by(t.thresholds.c.seq)
    )


def _changes(here: Mapping[str, Mapping[str, Any]], rules: Sequence[Rule]) -> list[Change]:
    wanted = {rule.name: rule for rule in rules}
    found = [
        Change(name, here.get(name), rule.content)
        for name, rule in wanted.items()
        if name not in here or dict(here[name]) != dict(rule.content)
    ]
    return found + [Change(name, content, None) for name, content in here.items() if name not in wanted]


def _decides(change: Change, rule: Rule) -> bool:
    return change.before is None or any(name in rule.decisive for name in change.fields)


def _said(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
