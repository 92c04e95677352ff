"""A ledger of an older version: refused as it is, brought up to this one without losing or changing a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, select, text
from typer.testing import CliRunner

from auditor.cli.main import app
from auditor.settings import Environment
from auditor.store import database, ledger, migrations
from auditor.store import tables as t
from auditor.store.errors import StoreError
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import register_segments
from auditor.store.verify import verify
from auditor.workspace import Workspace, WorkspaceError, create, open_workspace
from tests.auditor.store.conftest import NOW, audit_row, config_row, measurement, rows_of, system_row

NEW_TABLES = {
    "review_samples",
    "review_items",
    "reviews",
    "incidents",
    "schedules",
    "job_runs",
    "notices",
    "thresholds",
    "reports",
    "users",
    "credentials",
    "signatures",
    "signing_keys",
    "holds",
    "erasures",
    "logins",
    "tokens",
    "case_views",
    "sessions",
}
#: An alert as revision 0001 kept it; later revisions gave it more columns.
OLD_ALERT = {
    **dict.fromkeys(("measure", "task", "item", "slice", "contrast", "version", "reason"), "x"),
    "id": "alert-1",
    "system": "drafts",
    "audit": "audit-1",
    "status": "open",
    "opened_at": NOW,
}


def insert_old_alert(tx: Transaction) -> None:
    """Write an alert and its first event under the old schema, into their tables and the journal."""
    places = ", ".join(f":{name}" for name in OLD_ALERT)
    moment = NOW.replace(tzinfo=None).isoformat(" ", "microseconds")
    names = ", ".join(OLD_ALERT)
    statement = text(f"INSERT INTO alerts ({names}) VALUES ({places})")
    tx._connection.execute(statement, OLD_ALERT | {"opened_at": moment})
    tx._record("insert", t.alerts, [OLD_ALERT])
    said = {"id": 1, "alert": "alert-1", "event": "opened", "at": NOW, "actor": "auditor", "note": ""}
    tx.insert(t.alert_events, [said])


@contextmanager
def first_revision() -> Iterator[None]:
    """The store as it was before reviews: its migrations end at 0001."""

    def upgrade(connection: Connection) -> None:
        settings = migrations.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "upgrade", upgrade)
        for module in (ledger, database):
            patch.setattr(module, "REVISIONS", ("0001",))
        yield


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of revision 0001, with rows that were written under it."""
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(tmp_path / "secret.key"))
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(tmp_path / "site"))
    with first_revision():
        made = create(Environment(), tmp_path / "site", NOW)
        store = made.ledger()
        segment = made.lake().write(rows_of("a", "b"), "outputs")
        with store.transaction("engineer", NOW) as tx:
            tx.insert(t.systems, [system_row()])
            tx.insert(t.configs, [config_row()])
            register_segments(tx, [segment], "drafts", None)
            tx.insert(t.audits, [audit_row()])
            tx.insert(t.measurements, [measurement(n) for n in range(3)])
            insert_old_alert(tx)
        with store.snapshot() as connection:
            assert not NEW_TABLES & set(inspect(connection).get_table_names())
        store.close()
    return made


def everything(store: Ledger) -> dict[str, list[dict[str, object]]]:
    old = [table for name, table in t.PROJECTIONS.items() if name not in {*NEW_TABLES, "alerts"}]
    return {table.name: [dict(row) for row in store.read(select(table))] for table in [*old, t.journal]}


def test_init_brings_an_older_workspace_up_and_changes_no_row(older: Workspace) -> None:
    with first_revision():
        store = older.ledger()
        before, head = everything(store), store.head()
        store.close()
    with pytest.raises(StoreError, match="older version; back it up, then run 'auditor init'"):
        older.ledger().head()

    done = CliRunner().invoke(app, ["init", str(older.path)])
    assert done.exit_code == 0, done.output
    assert "brought up to this version" in done.output

    store = open_workspace(Environment()).ledger()
    assert everything(store) == before
    assert [len(before[name]) for name in ("systems", "measurements", "journal")] == [1, 3, 9]
    assert store.head() == head
    assert store.read(select(t.reviews)) == []
    (alert,) = store.read(select(t.alerts))
    assert {name: alert[name] for name in OLD_ALERT} == OLD_ALERT
    assert alert["severity"] is None
    assert verify(store, older.lake()).ok, "columns that came later are null in what was written before"
    with store.transaction("engineer", NOW) as tx:
        tx.update(t.alerts, "alert-1", {"status": "resolved"})
    assert verify(store, older.lake()).ok
    store.close()


def test_init_refuses_a_workspace_of_this_version_and_one_without_its_ledger(older: Workspace) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["init", str(older.path)]).exit_code == 0
    again = runner.invoke(app, ["init", str(older.path)])
    assert isinstance(again.exception, WorkspaceError) and "is a workspace already" in str(again.exception)
    file = older.path / "ledger.sqlite"
    file.unlink()
    lost = runner.invoke(app, ["init", str(older.path)])
    assert isinstance(lost.exception, WorkspaceError) and "has lost its ledger" in str(lost.exception)
    assert not file.exists(), "an empty ledger in its place would hide the loss"
