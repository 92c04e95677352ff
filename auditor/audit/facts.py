"""What the key of a build needs to know about the rows that an audit sees; remembered by set of segments."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.scope import INPUT_KINDS, Scope, segments_digest
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction


@dataclass(frozen=True)
class Facts:
    """The digest of all visible rows, and the first and last day of output."""

    inputs: str
    first_day: date | None
    last_day: date | None

    def last_mature(self, scope: Scope) -> date | None:
        """The last mature day that matters: beyond the newest output, more time changes nothing."""
        return self.last_day and min(scope.mature_until, self.last_day)


def facts_of_rows(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    transaction: Callable[[], AbstractContextManager[Transaction]],
) -> Facts:
    """Read once for each set of segments, then from the ledger."""
    key = "inputs:" + segments_digest(scope)
    found = ledger.read(sa.select(t.artifacts.c.value).where(t.artifacts.c.key == key))
    if found:
        value = found[0]["value"]
        return Facts(value["inputs"], _day(value["first"]), _day(value["last"]))
    digest = hashlib.sha256()
    for kind in INPUT_KINDS:
        schema = pa.schema([schemas.LAKE[kind].field("digest")])
        rows = lake.read_many(list(scope.segments[kind]), columns=["digest"], schema=schema)["digest"]
        digest.update(kind.encode() + b"".join(sorted(rows.to_pylist())))
    day = pa.schema([schemas.OUTPUTS.field("day")])
    days = pc.min_max(lake.read_many(list(scope.segments["outputs"]), columns=["day"], schema=day)["day"])
    facts = Facts(digest.hexdigest(), days["min"].as_py(), days["max"].as_py())
    value = {"inputs": facts.inputs, "first": _iso(facts.first_day), "last": _iso(facts.last_day)}
    with transaction() as tx:
        row = {"key": key, "kind": "inputs", "system": scope.system, "value": value, "created_at": tx.at}
        tx.insert_new(t.artifacts, [row])
    return facts


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
