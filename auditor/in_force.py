"""Which systems there are, and their settings in force: those that were applied last."""

from typing import Any, Protocol

import sqlalchemy as sa

from auditor.settings import AuditSettings, parse_settings
from auditor.store import tables as t


class Reader(Protocol):
    """What can be asked: a ledger, or a transaction of one, which sees its own changes."""

    def read(self, query: sa.Select[Any]) -> list[sa.RowMapping]:
        """The rows of a query."""


def system_names(place: Reader) -> list[str]:
    """Every system that was ever registered, by name."""
    return [row["name"] for row in place.read(sa.select(t.systems.c.name).order_by(t.systems.c.name))]


def newest_config(place: Reader, system: str, but: str = "") -> tuple[str, AuditSettings] | None:
    """Id and content of the settings applied last, those named `but` left out; None where there are none."""
    rows = place.read(
        sa.select(t.configs.c.id, t.configs.c.yaml)
        .where(t.configs.c.system == system, t.configs.c.id != but)
        .order_by(t.configs.c.seq.desc())
        .limit(1)
    )
    return (rows[0]["id"], parse_settings(rows[0]["yaml"], f"the settings of {system}")) if rows else None
