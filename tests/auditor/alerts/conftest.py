"""A ledger with one system, and a way to report trouble to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.alerts.trouble import Trouble, report_quiet, report_trouble, settings_in_force
from auditor.registry import apply_settings
from auditor.store.ledger import Ledger

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD = {"measure": "contradicted_reports", "task": "report", "slice": "all", "version": "2"}
ROOT = "report/contradicted_reports"


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    configure(made, "")
    yield made
    made.close()


def configure(ledger: Ledger, more: str, at: datetime = MONDAY) -> None:
    apply_settings(ledger, f"system: drafts\ntasks: {{report: {{}}}}\n{more}", "audit.yaml", "engineer", at)


def report(ledger: Ledger, at: datetime, severity: str = "act", root: str = ROOT, **more: Any) -> None:
    """Report trouble at a time, as an audit would."""
    members = more.pop("members", [{**LEAD, "status": severity}])
    found = Trouble(root, severity, more.pop("reason", "5 % lies beyond 3 %."), "", LEAD | more, members)
    with ledger.transaction("audit", at) as tx:
        report_trouble(tx, settings_in_force(tx, "drafts"), found, None, at)


def quiet(ledger: Ledger, at: datetime, root: str = ROOT) -> None:
    """An audit in which the trouble is not there."""
    with ledger.transaction("audit", at) as tx:
        report_quiet(tx, settings_in_force(tx, "drafts"), root, at)
