"""The ledger: what goes in comes out, all or nothing, and every refusal is a sentence."""

import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, func, select

from auditor.store import tables as t
from auditor.store.chain import Entry, canonical, rebuild
from auditor.store.errors import StoreError
from auditor.store.ledger import Ledger
from auditor.store.measurements import measurement_of, measurement_row
from auditor.store.migrations import config
from auditor.store.rows import normalised
from monitors.measurement import Measurement, Window
from tests.auditor.store.conftest import NOW, Stores, audit_row, config_row, fill, measurement, system_row, tamper


def count(ledger: Ledger, table: Any) -> int:
    return int(ledger.read(select(func.count().label("n")).select_from(table))[0]["n"])


def entries_of(ledger: Ledger) -> list[Entry]:
    return [
        Entry(r["seq"], r["at"], r["actor"], r["action"], r["table_name"], r["record"])
        for r in ledger.read(select(t.journal).order_by(t.journal.c.seq))
    ]


def test_rows_come_back_as_they_went_in(stores: Stores) -> None:
    fill(stores)
    (audit,) = stores.ledger.read(select(t.audits))
    assert audit["as_of"] == NOW
    assert audit["as_of"].tzinfo is UTC
    assert audit["versions"] == {"report": ["2.1"]}
    assert audit["finished_at"] is None
    row = stores.ledger.read(select(t.measurements).order_by(t.measurements.c.number))[2]
    assert row["value"] == 0.1 + 2 / 7
    assert row["high"] is None, "NaN is missing, never zero"
    assert row["patients_exact"] is True


def test_moments_of_every_zone_compare_in_utc(stores: Stores) -> None:
    fill(stores)
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    with stores.ledger.transaction("me", berlin) as tx:
        tx.insert(t.versions, [{"system": "drafts", "version": "2.2", "first_seen_at": berlin}])
    found = stores.ledger.read(select(t.versions).where(t.versions.c.first_seen_at <= berlin))
    assert {row["first_seen_at"] for row in found} == {NOW}
    assert not stores.ledger.read(
        select(t.versions).where(t.versions.c.first_seen_at < NOW - timedelta(microseconds=1))
    )


def test_the_tables_can_be_rebuilt_from_the_journal(stores: Stores) -> None:
    fill(stores)
    with stores.ledger.transaction("reviewer", NOW + timedelta(hours=1)) as tx:
        tx.update(t.quarantine, 1, {"status": "resolved"})
        tx.update(t.measurements, ("audit-1", 1), {"note": "seen", "low": None})
    rebuilt = rebuild(entries_of(stores.ledger), t.KEYS)
    for name, table in t.PROJECTIONS.items():
        stored = [canonical(dict(row)) for row in stores.ledger.read(select(table))]
        assert stored, f"the test puts something into {name}"
        assert sorted(stored) == sorted(canonical(row) for row in rebuilt[name])
    assert entries_of(stores.ledger)[-1].actor == "reviewer"
    seq, last = stores.ledger.head()
    assert seq == count(stores.ledger, t.journal)
    assert last == stores.ledger.read(select(t.journal).where(t.journal.c.seq == seq))[0]["hash"]


def test_an_exception_undoes_everything(stores: Stores) -> None:
    fill(stores)
    before = stores.ledger.head()
    with pytest.raises(KeyError), stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.systems, [system_row("other")])
        raise KeyError
    assert count(stores.ledger, t.systems) == 1
    assert stores.ledger.head() == before


def test_a_failed_change_spoils_the_transaction_even_if_swallowed(stores: Stores) -> None:
    fill(stores)
    before = stores.ledger.head()
    with pytest.raises(StoreError, match="nothing of it"), stores.ledger.transaction("me", NOW) as tx:
        with pytest.raises(StoreError, match="same key"):
            tx.insert(t.systems, [system_row("new"), system_row("drafts")])
        tx.insert(t.systems, [system_row("third")])
    assert stores.ledger.head() == before
    assert count(stores.ledger, t.systems) == 1


def test_insert_new_takes_only_what_is_not_there(stores: Stores) -> None:
    fill(stores)
    with stores.ledger.transaction("me", NOW) as tx:
        assert tx.insert_new(t.systems, [system_row("drafts"), system_row("b"), system_row("b")]) == 1
        versions = [{"system": "drafts", "version": v, "first_seen_at": NOW} for v in ("2.1", "3", "4")]
        assert tx.insert_new(t.versions, versions) == 2
        assert tx.insert_new(t.versions, versions) == 0
        many = [{"key": str(i), "kind": "x", "system": "b", "created_at": NOW} for i in range(1201)]
        assert tx.insert_new(t.artifacts, many) == 1201
        assert tx.insert_new(t.artifacts, many) == 0
    assert count(stores.ledger, t.artifacts) == 1202


def test_counters_follow_the_table(stores: Stores) -> None:
    fill(stores)
    with stores.ledger.transaction("me", NOW) as tx:
        assert tx.next(t.audits) == 2
        tx.insert(t.audits, [audit_row(2)])
        assert tx.next(t.audits) == 3
        assert tx.next(t.quarantine) == 2
        assert len(tx.read(select(t.audits))) == 2


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"name": "b"}, "created_at of systems must have a value"),
        ({"name": "b", "created_at": NOW, "colour": 1}, "no column colour"),
        ({"name": "b\x00", "created_at": NOW}, "takes text"),
        ({"name": "\ud800", "created_at": NOW}, "takes text"),
        ({"name": 7, "created_at": NOW}, "takes text"),
        ({"name": "b", "created_at": "2026-01-01"}, "takes a time with a zone"),
        ({"name": "b", "created_at": NOW.replace(tzinfo=None)}, "takes a time with a zone"),
        ({"name": "b", "created_at": date(2026, 1, 1)}, "takes a time with a zone"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_in_a_sentence(
    stores: Stores, row: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StoreError, match=sentence), stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.systems, [row])
    assert count(stores.ledger, t.systems) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"patients": 2**63}, "whole number"),
        ({"patients": True}, "whole number"),
        ({"patients": 1.5}, "whole number"),
        ({"value": float("inf")}, "finite number"),
        ({"value": "0.5"}, "finite number"),
        ({"patients_exact": 2}, "true or false"),
        ({"window_start": NOW}, "a date"),
    ],
)
def test_numbers_and_days_are_of_their_type(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        normalised(t.measurements, measurement(1, **changes))


def test_refusals_never_quote_a_value(stores: Stores) -> None:
    fill(stores)
    secret = "Jane-Doe-1234"
    for table, row in (
        (t.systems, {"name": secret, "created_at": secret}),
        (t.details, {"audit": secret, "kind": secret, "payload": {}}),
        (t.systems, {"name": "drafts", "created_at": NOW}),
        (t.details, {"audit": "audit-1", "kind": "x", "payload": {"a": {secret}}}),
    ):
        with pytest.raises(StoreError) as caught, stores.ledger.transaction("me", NOW) as tx:
            tx.insert(table, [row])
        assert secret not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_rows_that_name_no_row_are_refused(stores: Stores) -> None:
    with pytest.raises(StoreError, match="names another row"), stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.configs, [config_row()])


def test_updates_that_cannot_be_are_refused(stores: Stores) -> None:
    fill(stores)
    with stores.ledger.transaction("me", NOW) as tx:
        for key, changes, sentence in (
            ("nobody", {"created_at": NOW}, "no such row"),
            (("drafts", "x"), {"created_at": NOW}, "has 1 values; 2 were given"),
            ("drafts", {"name": "renamed"}, "cannot change"),
        ):
            with pytest.raises(StoreError, match=sentence):
                tx.update(t.systems, key, changes)
        for table in (t.journal, t.chain_head):
            with pytest.raises(StoreError, match="not written directly"):
                tx.insert(table, [{}])


def test_the_ledger_keeps_a_write_ahead_log_and_readers_go_on_while_one_writes(file_stores: Stores) -> None:
    with sqlite3.connect(file_stores.database) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()
    fill(file_stores)
    with file_stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.systems, [system_row("unseen")])
        other = Ledger(file_stores.url)
        assert count(other, t.systems) == 1
        other.close()


def test_a_snapshot_sees_one_state(stores: Stores) -> None:
    fill(stores)
    with stores.ledger.snapshot() as connection:
        before = connection.execute(select(func.count()).select_from(t.systems)).scalar_one()
        with stores.ledger.transaction("me", NOW) as tx:
            tx.insert(t.systems, [system_row("later")])
        assert connection.execute(select(func.count()).select_from(t.systems)).scalar_one() == before
    assert count(stores.ledger, t.systems) == before + 1


def test_measurements_survive_with_what_is_undefined() -> None:
    nan = float("nan")
    measured = Measurement(
        "auroc", "performance", 2, "classification", "1", "Edema", "sex=F", "rest",
        Window(date(2026, 1, 1), None), nan, nan, 0.25, 12.5, nan, 9.0, 7, False, nan, "logit", "one class",
    )  # fmt: skip
    row = normalised(t.measurements, measurement_row("audit-1", 4, measured))
    assert row["value"] is None
    assert (row["audit"], row["number"], row["window_end"]) == ("audit-1", 4, None)
    assert repr(measurement_of(row)) == repr(measured)


def test_many_rows_take_as_many_statements_as_few(stores: Stores) -> None:
    """Thousands of rows go in at once; `benchmarks.ledger` says how long that takes."""
    fill(stores)
    statements: list[str] = []

    def seen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    def used(numbers: range) -> int:
        statements.clear()
        with stores.ledger.transaction("me", NOW) as tx:
            tx.insert(t.measurements, [measurement(number) for number in numbers])
        return len(statements)

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        assert used(range(12, 5_012)) == used(range(10, 12)) > 0
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
    assert count(stores.ledger, t.measurements) == 3 + 5_002


def test_the_migrations_make_the_tables_and_creating_again_changes_nothing(stores: Stores) -> None:
    fill(stores)
    before = stores.ledger.head()
    stores.ledger.create()
    assert stores.ledger.head() == before
    with stores.ledger.snapshot() as connection:
        options = {"version_table": t.SCHEMA_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), t.metadata) == []
    script = ScriptDirectory.from_config(config())
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(t.REVISIONS)


def test_opening_does_without_the_migration_tool(stores: Stores) -> None:
    fill(stores)
    code = (
        "import sys; from sqlalchemy import select; from auditor.store import tables as t\n"
        "from auditor.store.ledger import Ledger\n"
        "assert len(Ledger(sys.argv[1]).read(select(t.systems))) == 1\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, stores.url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_is_no_ledger_is_refused_in_a_sentence(tmp_path: Path) -> None:
    def refused(url: str, sentence: str, create: bool = False) -> None:
        with pytest.raises(StoreError, match=sentence) as caught:
            ledger = Ledger(url, busy_timeout=0.1)
            ledger.create() if create else ledger.head()
        assert "\n" not in str(caught.value)

    refused(f"sqlite:///{tmp_path}/none.db", "There is no ledger at")
    assert not (tmp_path / "none.db").exists(), "looking must not make one"
    refused(f"sqlite:///{tmp_path}/no/folder/l.db", "no folder", create=True)
    (tmp_path / "text.db").write_text("this is not a database at all, just some text\n" * 200)
    refused(f"sqlite:///{tmp_path}/text.db", "not a ledger or is damaged")
    refused(f"sqlite:///{tmp_path}/text.db", "not a ledger or is damaged", create=True)
    (tmp_path / "empty.db").touch()
    refused(f"sqlite:///{tmp_path}/empty.db", "is empty")
    (tmp_path / "folder.db").mkdir()
    refused(f"sqlite:///{tmp_path}/folder.db", "cannot be opened", create=True)
    with sqlite3.connect(tmp_path / "other.db") as raw:
        raw.execute("CREATE TABLE alembic_version (version_num TEXT)")
    raw.close()
    refused(f"sqlite:///{tmp_path}/other.db", "another program's")
    refused(f"sqlite:///{tmp_path}/other.db", "another program's", create=True)
    refused("sqlite://", "outlive")
    refused("a ledger", "no database URL")
    refused("oracle+nothing://host/name", "no database driver")


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_ledger_is_refused(stores: Stores, create: bool) -> None:
    tamper(stores, f"UPDATE {t.SCHEMA_TABLE} SET version_num = '9999'")
    ledger = Ledger(stores.url)
    with pytest.raises(StoreError, match="newer version"):
        ledger.create() if create else ledger.head()
    ledger.close()


def test_a_locked_ledger_is_named(file_stores: Stores) -> None:
    raw = sqlite3.connect(file_stores.database, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    impatient = Ledger(file_stores.url, busy_timeout=0.05)
    with pytest.raises(StoreError, match="locked by another process"), impatient.transaction("me", NOW):
        pytest.fail("the lock was taken twice")
    raw.close()
    impatient.close()


def test_a_transaction_needs_a_time_with_a_zone(stores: Stores) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(StoreError, match="zone"), stores.ledger.transaction("me", naive):
        pytest.fail("it began")
