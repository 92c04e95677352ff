"""A small workspace for intake: a ledger, a lake, a registered system."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.intake.ingest import IngestResult, ingest
from auditor.intake.mapping import ColumnMapping, parse_mapping
from auditor.records import Kind
from auditor.settings import AuditSettings, parse_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import segments_of

KEY = bytes(range(32))
RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
SETTINGS = """
system: drafts
timezone: America/New_York
tasks: {report: {}, classification: {}}
attributes: {age: {bands: [0, 18, 65]}}
"""


@dataclass
class Bench:
    """What a test of intake works on."""

    folder: Path
    ledger: Ledger
    lake: Lake
    settings: AuditSettings

    def ingest(self, path: Path, kind: Kind = "outputs", **more: Any) -> IngestResult:
        given: dict[str, Any] = {"mapping": None, "received_at": RECEIVED, "actor": "test", "key": KEY}
        return ingest(path, kind, settings=self.settings, ledger=self.ledger, lake=self.lake, **{**given, **more})

    def write(self, name: str, rows: Iterable[Any]) -> Path:
        """A JSON Lines file; a row that is text is written as it is."""
        path = self.folder / name
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
        return path

    def stored(self, kind: Kind = "outputs") -> list[dict[str, Any]]:
        """Every row of the lake."""
        segments = segments_of(self.ledger, "drafts", kind)
        return [row for s in segments for row in self.lake.read(s.sha256).to_pylist()]

    def mapping(self, text: str, kind: Kind = "outputs") -> ColumnMapping:
        return parse_mapping(text, kind)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.create()
    lake = Lake(str(tmp_path / "lake"))
    lake.create()
    with ledger.transaction(actor="test", at=RECEIVED) as tx:
        tx.insert(t.systems, [{"name": "drafts", "created_at": RECEIVED}])
    folder = tmp_path / "incoming"
    folder.mkdir()
    yield Bench(folder, ledger, lake, parse_settings(SETTINGS))
    ledger.close()


def output(i: int, **more: Any) -> dict[str, Any]:
    """A plain report draft."""
    return {
        "case_id": f"ACC-{i}",
        "patient_id": f"MRN-{i // 2}",
        "task": "report",
        "version": "v1",
        "produced_at": "2026-03-01T23:30",
        "text": f"No effusion. Study {i}.",
        **more,
    }


def report(i: int, **more: Any) -> dict[str, Any]:
    """A plain signed report."""
    return {
        "case_id": f"ACC-{i}",
        "task": "report",
        "reference_kind": "final_report",
        "finalised_at": "2026-03-02",
        "text": f"Small effusion. Study {i}.",
        **more,
    }
