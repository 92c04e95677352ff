"""A ledger and a lake of their own for each test, and rows to put into them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import register_segments

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass
class Stores:
    """Both stores of a workspace, and where they are."""

    ledger: Ledger
    lake: Lake
    folder: Path
    url: str

    @property
    def database(self) -> Path:
        """The file of an SQLite ledger."""
        return self.folder / "ledger.db"


@pytest.fixture
def stores(database_url: str, tmp_path: Path) -> Iterator[Stores]:
    """Both stores; the ledger on SQLite, then on PostgreSQL."""
    yield from _made(database_url, tmp_path)


@pytest.fixture
def file_stores(tmp_path: Path) -> Iterator[Stores]:
    """Both stores; the ledger on SQLite, for what only a file can show."""
    yield from _made(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)


def _made(url: str, folder: Path) -> Iterator[Stores]:
    ledger = Ledger(url)
    ledger.create()
    lake = Lake(str(folder / "lake"))
    lake.create()
    yield Stores(ledger, lake, folder, url)
    ledger.close()


def tamper(stores: Stores, *statements: str) -> None:
    """Change the database behind the ledger's back, foreign keys or not."""
    engine = create_engine(stores.url)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount != 0, statement
    engine.dispose()


def system_row(name: str = "drafts") -> dict[str, Any]:
    return {"name": name, "created_at": NOW}


def config_row(seq: int = 1) -> dict[str, Any]:
    return {
        "id": f"config-{seq}",
        "system": "drafts",
        "seq": seq,
        "yaml": "system: drafts",
        "applied_at": NOW,
        "actor": "engineer",
        "reason": "first settings",
    }


def audit_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"audit-{number}",
        "seq": number,
        "system": "drafts",
        "key": "k" * 64,
        "config": "config-1",
        "as_of": NOW,
        "segment_pin": 0,
        "inputs": "i" * 64,
        "code": "0.1.0",
        "seed": 0,
        "status": "ok",
        "versions": {"report": ["2.1"]},
        "started_at": NOW,
    }
    return row | changes


def measurement(number: int, audit: str = "audit-1", **changes: Any) -> dict[str, Any]:
    row = {
        "audit": audit,
        "number": number,
        "measure": "contradicted",
        "monitor": "hallucination",
        "monitor_version": 1,
        "task": "report",
        "version": "2.1",
        "item": "",
        "slice": "all",
        "contrast": "",
        "value": 0.1 + number / 7,
        "low": 0.05,
        "high": float("nan"),
        "n": 40,
        "events": -0.0,
        "n_eff": 38.5,
        "patients": 35,
        "patients_exact": True,
        "deff": 1.04,
        "interval": "Jeffreys",
        "note": "",
    }
    return row | changes


def rows_of(*names: str) -> pa.Table:
    """Output rows, as far as the stores look at them."""
    digests = [name.encode().ljust(16, b".")[:16] for name in names]
    return pa.table({"output_id": list(names), "digest": pa.array(digests, pa.binary(16))})


def fill(stores: Stores) -> str:
    """A row in every table; returns the sha256 of the one segment."""
    segment = stores.lake.write(rows_of("a", "b", "c"), "outputs")
    with stores.ledger.transaction("engineer", NOW) as tx:
        tx.insert(t.systems, [system_row()])
        tx.insert(t.configs, [config_row()])
        tx.insert(t.versions, [{"system": "drafts", "version": "2.1", "first_seen_at": NOW}])
        counts = {"rows": 4, "accepted": 3, "duplicates": 0, "quarantined": 1, "bytes": 900}
        file = {"id": "file-1", "system": "drafts", "kind": "outputs", "sha256": "f" * 64, "status": "done"}
        tx.insert(t.files, [file | counts | {"path": "in.jsonl", "mapping_sha": "", "received_at": NOW}])
        register_segments(tx, [segment], "drafts", "file-1")
        bad = {"id": tx.next(t.quarantine), "system": "drafts", "kind": "outputs", "file_id": "file-1"}
        why = {"row_number": 4, "field": "text", "reason": "the text is empty", "record": {"task": "report"}}
        tx.insert(t.quarantine, [bad | why | {"status": "open", "received_at": NOW}])
        made = {"key": "tally", "kind": "tally", "system": "drafts", "value": [1, 2.5, None]}
        tx.insert(t.artifacts, [made | {"created_at": NOW}])
        tx.insert(t.audits, [audit_row()])
        tx.insert(t.measurements, [measurement(n) for n in range(3)])
        verdict = {"audit": "audit-1", "number": 0, "measurement": 0, "threshold": {"watch": 0.1}}
        tx.insert(t.verdicts, [verdict | {"status": "watch", "reason": "above the bound"}])
        tx.insert(t.details, [{"audit": "audit-1", "kind": "flow", "payload": {"judged": 40}}])
        about = dict.fromkeys(("measure", "task", "item", "slice", "contrast", "version", "reason"), "")
        alert = {"id": "alert-1", "system": "drafts", "audit": "audit-1", "status": "open", "opened_at": NOW}
        tx.insert(t.alerts, [about | alert])
        said = {"id": 1, "alert": "alert-1", "event": "opened", "at": NOW, "actor": "auditor", "note": ""}
        tx.insert(t.alert_events, [said])
        _fill_clock(tx)
        tx.insert(t.mirrors, [{"audit": "audit-1", "status": "pending", "attempts": 0, "at": NOW}])
        _fill_reviews(tx)
        _fill_evidence(tx)
        _fill_access(tx)
    return segment.sha256


def _fill_clock(tx: Transaction) -> None:
    incident = {"id": "incident-1", "seq": 1, "system": "drafts", "title": "Wrong sides", "status": "open"}
    tx.insert(t.incidents, [incident | {"opened_at": NOW, "actor": "engineer", "note": ""}])
    times = {"cron": "0 4 * * *", "timezone": "UTC", "late": "run", "grace_minutes": 60, "timeout_minutes": 60}
    job = {"id": "drafts/audit", "system": "drafts", "name": "audit", "job": "audit", "options": {}, "retries": 2}
    tx.insert(t.schedules, [job | times | {"backoff_minutes": 5, "valid_from": NOW, "active": True}])
    run = {"id": "drafts/audit@1", "schedule": "drafts/audit", "system": "drafts", "job": "audit", "fire_at": NOW}
    tx.insert(t.job_runs, [run | {"status": "done", "attempt": 1, "not_before": NOW, "note": ""}])
    notice = {"id": 1, "system": "drafts", "channel": "mail", "kind": "alert", "subject": "s", "body": "b"}
    tx.insert(t.notices, [notice | {"status": "sent", "attempts": 1, "not_before": NOW, "created_at": NOW}])
    rule = {"id": "drafts/x/1", "seq": 1, "system": "drafts", "config": "config-1", "name": "x", "version": 1}
    about = {"tier": "watch", "content": {"watch": 0.1}, "reason": "", "after_seeing": False, "actor": "engineer"}
    tx.insert(t.thresholds, [rule | about | {"valid_from": NOW}])


def _fill_reviews(tx: Transaction) -> None:
    drawn = {"id": "sample-1", "seq": 1, "system": "drafts", "audit": "audit-1", "task": "report"}
    about = {"version": "2.1", "judge": "j" * 32, "as_of": NOW, "blinded": True, "seed": 0, "frame": {}}
    tx.insert(t.review_samples, [drawn | about | {"drawn_at": NOW, "actor": "engineer"}])
    item = {"sample": "sample-1", "number": 1, "output_id": "o-1", "subject_id": "p-1"}
    tx.insert(t.review_items, [item | {"stratum": "unflagged", "probability": 0.1, "weight": 1.0}])
    said = {"id": 1, "sample": "sample-1", "item": 1, "reader": "a-1", "verdict": "no", "kinds": {}}
    tx.insert(t.reviews, [said | {"note": "", "at": NOW, "actor": "engineer"}])


def _fill_evidence(tx: Transaction) -> None:
    report = {"id": "report-1", "seq": 1, "kind": "weekly", "system": "drafts", "audit": "audit-1"}
    about = {"segment": "s" * 64, "files": {"report.json": "f" * 64}, "code": "0.1.0", "at": NOW}
    tx.insert(t.reports, [report | about | {"actor": "engineer"}])
    person = {"name": "ada", "full_name": "Ada L.", "roles": ["committee"], "active": True, "credential": "c" * 64}
    tx.insert(t.users, [person | {"failures": 0, "changed_at": NOW, "actor": "engineer"}])
    tx.insert(t.signing_keys, [{"id": "k" * 16, "public": "p" * 64, "made_at": NOW, "actor": "engineer"}])
    signed = {"id": 1, "report": "report-1", "user": "ada", "full_name": "Ada L.", "meaning": "reviewed"}
    proof = {"note": "", "at": NOW, "statement": "I have read it", "key": "k" * 16, "signature": "5" * 128}
    tx.insert(t.signatures, [signed | proof])
    tx.insert(t.holds, [{"id": 1, "system": "drafts", "reason": "a claim", "placed_at": NOW, "actor": "engineer"}])
    gone = {"id": 1, "system": "drafts", "kind": "request", "subject": "p-1", "reason": "asked", "rows": {}}
    tx.insert(t.erasures, [gone | {"replaced": [], "at": NOW, "actor": "engineer"}])


def _fill_access(tx: Transaction) -> None:
    tx.insert(t.logins, [{"id": 1, "user": "ada", "method": "password", "at": NOW}])
    token = {"id": 1, "user": "ada", "name": "grafana", "digest": "d" * 64, "scopes": ["fleet"], "made_at": NOW}
    tx.insert(t.tokens, [token | {"ends_at": NOW, "actor": "ada"}])
    look = {"id": 1, "user": "ada", "system": "drafts", "case_id": "c-1", "what": "case", "at": NOW}
    tx.insert(t.case_views, [look])
