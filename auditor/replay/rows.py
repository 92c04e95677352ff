"""Rows of the lake that questions are made of."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.schemas import HELD
from auditor.store.segments import segments_of


def rows_of(kind: str, settings: AuditSettings, ledger: Ledger, lake: Lake) -> Iterator[dict[str, Any]]:
    """The rows of one kind in order of arrival, with the columns that questions are made of."""
    columns = {
        "outputs": ["case_id", "patient_key", "task", "item", "origin", "prompt", "images", "probe"],
        "references": ["case_id", "task", "item", "question", "text", "labels", "options"],
        "cases": ["case_id", "patient_key", "images", "attributes"],
    }[kind]
    for segment in segments_of(ledger, settings.system, kind):
        table: pa.Table = lake.read_many([segment.sha256], schema=HELD[kind])
        yield from table.select(columns).to_pylist()
