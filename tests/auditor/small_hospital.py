"""A small workspace with known contents: sixty drafted reports and sixty scored images, made by hand."""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.audit.dossier import dossier_of
from auditor.audit.run import Result, run_audit
from auditor.intake.ingest import ingest
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.settings import AuditSettings, Environment, parse_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.workspace import Workspace, create, open_workspace
from reports.dossier import Dossier, Flow, Row

SYSTEM = "small"
RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = RECEIVED + timedelta(days=7)
FIRST_DAY = date(2026, 1, 5)
#: A word of every report text, of drafts and of references: nothing that leaves may hold it.
MARKER = "quokkamark"

CASES = 60
OLD_VERSION = range(20)  # of report cases; the others were drafted by version 2
TWICE = 5  # this case has two drafts: one right, one wrong
UNKEYED = range(20, 32)  # these cases have no patient key
RARE = range(32, 36)  # the only cases whose sex is given as O
WAITING = (55, 56, 57)  # these have no reference yet
UNDATED = (58, 59)

YAML = """
system: small
title: Drafts of a small hospital
tasks:
  report: {}
  classification: {operating_points: {Effusion: 0.5, Nodule: 0.5}}
slices: [sex]
maturity_days: 14
stale_after_days: 60
exemplars: sentence
seed: 7
thresholds:
  - {measure: contradicted_reports, watch: 0.05, act: 0.10}
  - {measure: sensitivity, item: each, watch: 0.5}
"""


def contradicts(i: int) -> bool:
    """Whether the draft of report case `i` says what its reference denies: two of three do."""
    return i % 3 != 0


def draft(i: int) -> str:
    side = "There is a large left pleural effusion" if contradicts(i) else "There is no pleural effusion"
    return f"{side} ({MARKER} {i})."


def reference_text(i: int) -> str:
    return f"No pleural effusion ({MARKER} {i}). No pneumothorax."


def report_reference(i: int, **more: Any) -> dict[str, Any]:
    about = {"case_id": f"R-{i}", "task": "report", "reference_kind": "final_report"}
    return {**about, "finalised_at": "2026-02-20", "text": reference_text(i), **more}


def day_of(i: int) -> date:
    return FIRST_DAY + timedelta(days=i // 2)


def report_output(i: int, **more: Any) -> dict[str, Any]:
    about = {"case_id": f"R-{i}", "output_id": f"OUT-{i}", "task": "report", "text": draft(i)}
    version = "1" if i in OLD_VERSION else "2"
    when = {} if i in UNDATED else {"produced_at": f"{day_of(i)}T10:00:00Z"}
    return {**about, "version": version, **when, **more}


def case(i: int) -> dict[str, Any]:
    sex = "O" if i in RARE else "FM"[i % 2]
    patient = {} if i in UNKEYED else {"patient_id": f"MRN-{i}"}
    return {"case_id": f"R-{i}", "attributes": {"sex": sex}, **patient}


def _scored(i: int) -> dict[str, Any]:
    about = {"case_id": f"C-{i}", "output_id": f"SCORE-{i}", "task": "classification", "version": "2"}
    scores = {"Effusion": round(0.05 + 0.9 * (i * 7 % 60) / 60, 4), "Nodule": round((i * 11 % 60) / 60, 4)}
    return {**about, "produced_at": f"{day_of(i)}T10:00:00Z", "scores": scores}


def _labels(i: int) -> dict[str, Any]:
    about = {"case_id": f"C-{i}", "task": "classification", "reference_kind": "label_set"}
    return {**about, "labels": {"Effusion": i * 7 % 60 // 30, "Nodule": int(i % 4 == 0)}}


def records() -> dict[Kind, list[dict[str, Any]]]:
    """What the hospital hands in on the first day."""
    second = report_output(TWICE, output_id="OUT-second", sample=1, text="There is no pleural effusion.")
    return {
        "cases": [case(i) for i in range(CASES)]
        + [
            {"case_id": f"C-{i}", "patient_id": f"MRN-{i}", "attributes": {"sex": "FM"[i % 2]}}
            for i in range(CASES)
        ],
        "references": [report_reference(i) for i in range(CASES) if i not in WAITING]
        + [_labels(i) for i in range(CASES)],
        "outputs": [report_output(i) for i in range(CASES)] + [second] + [_scored(i) for i in range(CASES)],
    }


@dataclass
class Site:
    """A workspace, and what a test does with it."""

    workspace: Workspace
    ledger: Ledger
    lake: Lake

    @property
    def settings(self) -> AuditSettings:
        rows = self.ledger.read(sa.select(t.configs.c.yaml).order_by(t.configs.c.seq.desc()).limit(1))
        return parse_settings(rows[0]["yaml"])

    def apply(self, yaml: str, at: datetime = RECEIVED) -> None:
        apply_settings(self.ledger, yaml, "audit.yaml", "test", at)

    def hand_in(self, kind: Kind, rows: Iterable[dict[str, Any]], at: datetime) -> None:
        """Ingest rows from a file; every one of them must go in."""
        folder = self.workspace.path.parent / "incoming"
        folder.mkdir(exist_ok=True)
        path = folder / f"{kind}-{len(list(folder.iterdir()))}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = ingest(
            path,
            kind,
            settings=self.settings,
            mapping=None,
            ledger=self.ledger,
            lake=self.lake,
            key=self.workspace.key(),
            received_at=at,
            actor="test",
        )
        assert result.accepted == result.rows > 0, result.reasons

    def audit(self, as_of: datetime = RECEIVED, **more: Any) -> Result:
        """Audit with a clock that stands at `as_of`."""
        return run_audit(self.ledger, self.lake, SYSTEM, as_of=as_of, clock=lambda: as_of, actor="test", **more)

    def dossier(self, audit: str | None = None) -> Dossier:
        return dossier_of(self.ledger, SYSTEM, audit)

    def measured(self, audit: str) -> list[dict[str, Any]]:
        """The measurement rows of an audit without its name."""
        query = sa.select(t.measurements).where(t.measurements.c.audit == audit)
        rows = self.ledger.read(query.order_by(t.measurements.c.number))
        return [{name: value for name, value in row.items() if name != "audit"} for row in rows]

    def verdicts(self, audit: str) -> list[dict[str, Any]]:
        query = sa.select(t.verdicts).where(t.verdicts.c.audit == audit).order_by(t.verdicts.c.number)
        return [{name: v for name, v in row.items() if name != "audit"} for row in self.ledger.read(query)]


def build(folder: Path) -> None:
    """Make the workspace `folder`/site with its key beside it, and hand everything in."""
    build_empty(folder, YAML)
    (site,) = opened(folder)
    for kind, rows in records().items():
        site.hand_in(kind, rows, RECEIVED)
    site.ledger.close()


def build_empty(folder: Path, yaml: str) -> None:
    """Make the workspace `folder`/site with its key beside it and these settings.

    The key is always the same: it decides which patients share a group, and with forty patients an unlucky one
    leaves too few effective reports for a verdict.
    """
    key = folder / "keys" / "site.key"
    key.parent.mkdir(parents=True)
    key.write_text("5a" * 32 + "\n")
    key.chmod(0o600)
    environment = Environment.model_construct(workspace=folder / "site", ledger=None, lake=None, key_file=key)
    workspace = create(environment, folder / "site", RECEIVED)
    site = Site(workspace, workspace.ledger(), workspace.lake())
    site.apply(yaml)
    site.ledger.close()


def opened(folder: Path) -> Iterator[Site]:
    """The site in `folder`, closed at the end."""
    environment = Environment.model_construct(
        workspace=folder / "site", ledger=None, lake=None, key_file=folder / "keys" / "site.key"
    )
    workspace = open_workspace(environment)
    site = Site(workspace, workspace.ledger(), workspace.lake())
    yield site
    site.ledger.close()


def copied(source: Path, target: Path) -> Path:
    """A copy of a built workspace to work on; returns its folder."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    return target


def flow(dossier: Dossier, task: str, version: str) -> Flow:
    (found,) = [f for f in dossier.flows if (f.task, f.version) == (task, version)]
    return found


def row(dossier: Dossier, measure: str, version: str, **more: str) -> Row:
    about = {"slice": "all", "item": "", "contrast": "", **more}
    found = [
        r
        for r in dossier.rows
        if (r.measure, r.version) == (measure, version) and all(getattr(r, k) == v for k, v in about.items())
    ]
    assert len(found) == 1, f"{len(found)} rows of {measure} {version} {about}"
    return found[0]
