"""`verify` names what was changed, wherever it was changed."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.store import tables as t
from auditor.store.chain import Entry, canonical
from auditor.store.verify import Problem, verify
from tests.auditor.store.conftest import NOW, Stores, fill, rows_of, system_row, tamper

#: For every table: a row, a column, and what a forger writes there.
FORGERIES = {
    "systems": ("name = 'drafts'", "created_at", "2020-01-01 00:00:00.000000"),
    "configs": ("id = 'config-1'", "yaml", "system: softer"),
    "versions": ("version = '2.1'", "first_seen_at", "2020-01-01 00:00:00.000000"),
    "files": ("id = 'file-1'", "quarantined", 0),
    "segments": ("seq = 1", "received_at", "2020-01-01 00:00:00.000000"),
    "quarantine": ("id = 1", "status", "resolved"),
    "artifacts": ("key = 'tally'", "value", "[1,2.5,0]"),
    "audits": ("id = 'audit-1'", "status", "act"),
    "measurements": ("number = 1", "value", 0.001),
    "verdicts": ("number = 0", "status", "ok"),
    "details": ("kind = 'flow'", "payload", '{"judged":41}'),
    "alerts": ("id = 'alert-1'", "status", "resolved"),
    "alert_events": ("id = 1", "actor", "somebody else"),
    "incidents": ("id = 'incident-1'", "status", "closed"),
    "schedules": ("id = 'drafts/audit'", "active", False),
    "job_runs": ("id = 'drafts/audit@1'", "status", "failed"),
    "notices": ("id = 1", "status", "pending"),
    "thresholds": ("id = 'drafts/x/1'", "content", '{"watch":0.5}'),
    "mirrors": ("audit = 'audit-1'", "status", "written"),
    "review_samples": ("id = 'sample-1'", "judge", "another"),
    "review_items": ("number = 1", "probability", 0.9),
    "reviews": ("id = 1", "verdict", "skip"),
    "reports": ("id = 'report-1'", "code", "0.0.9"),
    "users": ("name = 'ada'", "full_name", "Somebody else"),
    "signatures": ("id = 1", "meaning", "approved"),
    "signing_keys": ("public = '" + "p" * 64 + "'", "actor", "somebody else"),
    "holds": ("id = 1", "lifted_by", "somebody else"),
    "erasures": ("id = 1", "reason", "none"),
    "logins": ("id = 1", "method", "oidc"),
    "tokens": ("id = 1", "scopes", '["reports"]'),
    "case_views": ("id = 1", "case_id", "another"),
}


#: The tables that `fill` writes to after the alerts.
AFTER_ALERTS = (
    *("case_views", "tokens", "logins"),
    *("erasures", "holds", "signatures", "signing_keys", "users", "reports"),
    *("reviews", "review_items", "review_samples"),
    *("incidents", "job_runs", "schedules", "notices", "thresholds"),
)


def problems(stores: Stores) -> list[Problem]:
    return list(verify(stores.ledger, stores.lake).problems)


def test_an_untouched_workspace_is_whole(stores: Stores) -> None:
    assert verify(stores.ledger, stores.lake).ok, "an empty ledger too"
    fill(stores)
    found = verify(stores.ledger, stores.lake)
    assert found.ok
    assert found.first is None
    assert (found.entries, found.rows, found.segments, found.rubbish) == (33, 33, 1, ())
    assert found.head == stores.ledger.head()


def test_every_table_has_its_forgery() -> None:
    assert set(FORGERIES) == set(t.PROJECTIONS)


@pytest.mark.parametrize("table", sorted(FORGERIES))
def test_a_changed_row_is_named(stores: Stores, table: str) -> None:
    fill(stores)
    where, column, value = FORGERIES[table]
    tamper(stores, f"UPDATE {table} SET {column} = {value!r} WHERE {where}")
    (problem,) = problems(stores)
    assert problem.kind == "table"
    assert problem.place.startswith(f"{table} ")
    assert "differs" in problem.sentence


@pytest.mark.parametrize("table", sorted(FORGERIES))
def test_a_removed_row_is_named(stores: Stores, table: str) -> None:
    fill(stores)
    tamper(stores, f"DELETE FROM {table} WHERE {FORGERIES[table][0]}")
    (problem,) = problems(stores)
    assert problem.place.startswith(f"{table} ")
    assert "the table does not" in problem.sentence


def test_an_added_row_is_named(stores: Stores) -> None:
    fill(stores)
    tamper(stores, "INSERT INTO systems VALUES ('smuggled', '2026-01-01 00:00:00.000000')")
    (problem,) = problems(stores)
    assert (problem.place, "no journal entry" in problem.sentence) == ("systems smuggled", True)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("details", "payload", "'{not json'"),
        ("audits", "as_of", "'yesterday'"),
        ("measurements", "value", "'high'"),
        ("verdicts", "reason", "CAST(x'ff' AS TEXT)"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_too(
    file_stores: Stores, table: str, column: str, value: str
) -> None:
    # PostgreSQL refuses such values itself
    fill(file_stores)
    tamper(file_stores, f"UPDATE {table} SET {column} = {value}")
    (problem,) = problems(file_stores)
    assert (problem.kind, problem.place.split()[0]) == ("table", table)


@pytest.mark.parametrize("column", ["at", "actor", "action", "table_name", "record", "previous", "hash"])
def test_a_changed_journal_entry_is_named(stores: Stores, column: str) -> None:
    fill(stores)
    tamper(stores, f"UPDATE journal SET {column} = 'forged' WHERE seq = 5")
    first = problems(stores)[0]
    assert (first.kind, first.place) == ("journal", "5")


def test_a_row_forged_together_with_its_entry_is_found_by_the_chain(stores: Stores) -> None:
    fill(stores)
    tamper(
        stores,
        "UPDATE verdicts SET status = 'ok'",
        """UPDATE journal SET record = replace(record, '"status":"watch"', '"status":"ok"')
           WHERE table_name = 'verdicts'""",
    )
    (problem,) = problems(stores)
    assert problem.kind == "journal"
    assert "was changed" in problem.sentence


def test_removed_entries_are_named(stores: Stores) -> None:
    fill(stores)
    tamper(stores, "DELETE FROM journal WHERE seq = 3")
    assert next((p.kind, p.place) for p in problems(stores)) == ("journal", "3")


def test_a_shortened_journal_is_found_by_its_head(stores: Stores) -> None:
    fill(stores)
    tamper(stores, "DELETE FROM journal WHERE seq > 14", "DELETE FROM mirrors", "DELETE FROM alert_events")
    tamper(stores, *(f"DELETE FROM {name}" for name in AFTER_ALERTS))
    assert [(p.kind, p.place) for p in problems(stores)] == [("head", "14")]
    tamper(stores, "DELETE FROM chain_head")
    assert [p.kind for p in problems(stores)] == ["head"]


def test_an_entry_added_with_a_good_link_is_found_by_the_head(stores: Stores) -> None:
    fill(stores)
    seq, head = stores.ledger.head()
    record = canonical({"name": "smuggled", "created_at": "2026-01-01T00:00:00.000000Z"})
    entry = Entry(seq + 1, "2026-01-01T00:00:00.000000Z", "me", "insert", "systems", record)
    row = (entry.seq, entry.at, entry.actor, entry.action, entry.table, record, head, entry.link(head))
    values = ", ".join(f"{value}" if isinstance(value, int) else f"'{value}'" for value in row)
    tamper(
        stores,
        f"INSERT INTO journal VALUES ({values})",
        "INSERT INTO systems VALUES ('smuggled', '2026-01-01 00:00:00.000000')",
    )
    assert [p.kind for p in problems(stores)] == ["head"]


def test_segments_are_held_against_their_names(stores: Stores) -> None:
    sha256 = fill(stores)
    path = stores.folder / "lake" / stores.lake.name(sha256)
    good = path.read_bytes()

    path.write_bytes(good[:-1] + b"X")
    (problem,) = problems(stores)
    assert (problem.kind, problem.place) == ("segment", sha256)
    assert "was changed" in problem.sentence

    pq.write_table(pa.table({"output_id": ["swapped"]}), path)
    assert [p.kind for p in problems(stores)] == ["segment"]

    path.unlink()
    (problem,) = problems(stores)
    assert "is missing" in problem.sentence

    path.write_bytes(good)
    assert not problems(stores)


def test_a_registration_with_a_wrong_count_is_named(stores: Stores) -> None:
    fill(stores)
    written = stores.lake.write(rows_of("x", "y"), "cases")
    with stores.ledger.transaction("me", NOW) as tx:
        wrong = {"sha256": written.sha256, "rows": 3, "bytes": written.bytes}
        who = {"seq": 2, "kind": "cases", "system": "drafts", "received_at": NOW}
        tx.insert(t.segments, [wrong | who])
    (problem,) = problems(stores)
    assert (problem.kind, problem.place) == ("segment", written.sha256)


def test_files_that_nobody_registered_are_rubbish_and_no_harm(stores: Stores) -> None:
    fill(stores)
    stray = stores.lake.write(rows_of("never", "registered"), "outputs")
    (stores.folder / "lake" / "unfinished-1").write_bytes(b"half")
    found = verify(stores.ledger, stores.lake)
    assert found.ok
    assert found.rubbish == tuple(sorted([stores.lake.name(stray.sha256), "unfinished-1"]))


def test_verify_leaves_the_ledger_usable(stores: Stores) -> None:
    fill(stores)
    verify(stores.ledger, stores.lake)
    with stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.systems, [system_row("next")])
    assert verify(stores.ledger, stores.lake).ok
