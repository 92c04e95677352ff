"""Rows of the lake, made by hand for tests."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from auditor.settings import AuditSettings, parse_settings
from auditor.store import schemas

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def settings(text: str = "") -> AuditSettings:
    return parse_settings("system: test\ntasks: {report: {}, classification: {}}\n" + text)


def outputs(*rows: dict[str, Any]) -> pa.Table:
    common = {
        "task": "report",
        "version": "1",
        "origin": "recorded",
        "sample": 0,
        "date_only": False,
        "produced_at": NOON,
        "day": date(2026, 3, 2),
        "text": "Small left pleural effusion.",
    }
    return _table([{"output_id": f"o{n}", **common, **row} for n, row in enumerate(rows)], schemas.OUTPUTS)


def references(*rows: dict[str, Any]) -> pa.Table:
    common = {
        "task": "report",
        "reference_kind": "final_report",
        "draft_seen": "unknown",
        "addendum": False,
        "text": "No pleural effusion.",
    }
    return _table([{"reference_id": f"r{n}", **common, **row} for n, row in enumerate(rows)], schemas.REFERENCES)


def cases(*rows: dict[str, Any]) -> pa.Table:
    made = [{**row, "attributes": list(row.get("attributes", {}).items())} for row in rows]
    return _table(made, schemas.CASES)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    named = [{"digest": _digest(row), **row} for row in rows]
    return pa.Table.from_pylist(named, schema=schema)


def _digest(row: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).digest()[:16]
