"""Whole pages that an audit made (Evidently's), kept in the lake as one-row segments."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.lake import Lake, Segment
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import register_segments


def write_pages(lake: Lake, pages: Mapping[str, str]) -> list[tuple[str, Segment]]:
    """Put pages (task → HTML) into the lake; they exist once `register_pages` has named them."""
    return [
        (
            task,
            lake.write(pa.table({"name": [task], "content": [page.encode()]}, schema=schemas.PAGES), "pages"),
        )
        for task, page in pages.items()
    ]


def register_pages(tx: Transaction, system: str, audit: str, written: list[tuple[str, Segment]]) -> None:
    """Make pages facts, in the transaction that records their audit."""
    for task, segment in written:
        register_segments(tx, [segment], system)
        row: dict[str, Any] = {"key": f"page:{audit}:{task}", "kind": "page", "system": system}
        tx.insert_new(t.artifacts, [row | {"segment": segment.sha256, "created_at": tx.at}])


def pages_of(ledger: Ledger, lake: Lake, audit: str) -> dict[str, str]:
    """The pages of one audit by task."""
    rows = ledger.read(
        sa.select(t.artifacts).where(t.artifacts.c.kind == "page", t.artifacts.c.key.startswith(f"page:{audit}:"))
    )
    return {row["key"].rsplit(":", 1)[1]: lake.read(row["segment"])["content"][0].as_py().decode() for row in rows}
