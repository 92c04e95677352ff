"""How fast thousands of rows go into the ledger, checked and in the journal, and how fast it opens.

python -m benchmarks.ledger
"""

import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import select

from auditor.store import tables as t
from auditor.store.ledger import Ledger
from benchmarks.table import Figure, show

AT = datetime(2026, 7, 1, tzinfo=UTC)
ROWS = 5_000


def measure(rows: int, runs: int, targets: bool) -> list[Figure]:
    """Artifacts, of which an audit keeps thousands: ours, and by sqlite3 alone."""
    made = [
        {"key": f"{i:064x}", "kind": "tally", "system": "bench", "value": [i, i / 7, None], "created_at": AT}
        for i in range(rows)
    ]
    plain = median(_plain(made) for _ in range(runs))
    written, opened = zip(*(_ours(made) for _ in range(runs)), strict=True)
    name, instead = f"ledger: {rows:,} rows, journalled", f"sqlite3 alone, no check, no journal: {plain:.3g} s"
    return [
        Figure.of(name, written, "s", instead, at_most=1.0 if targets else None),
        Figure.of("  opened again, to its first row", opened, "s", "", at_most=0.5 if targets else None),
    ]


def _ours(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds to write, and to open what is written."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'ledger.db'}"
        ledger = Ledger(url)
        ledger.create()
        with ledger.transaction(actor="bench", at=AT) as tx:
            tx.insert(t.systems, [{"name": "bench", "created_at": AT}])
        began = time.perf_counter()
        with ledger.transaction(actor="bench", at=AT) as tx:
            tx.insert(t.artifacts, rows)
        took = time.perf_counter() - began
        ledger.close()
        began = time.perf_counter()
        again = Ledger(url)
        again.read(select(t.systems))
        opened = time.perf_counter() - began
        again.close()
    return took, opened


def _plain(rows: list[dict[str, Any]]) -> float:
    with tempfile.TemporaryDirectory() as name:
        database = sqlite3.connect(Path(name) / "plain.db")
        database.execute(
            "create table artifacts (key text primary key, kind text, system text, value text, at text)"
        )
        began = time.perf_counter()
        values = [
            (r["key"], r["kind"], r["system"], json.dumps(r["value"]), r["created_at"].isoformat()) for r in rows
        ]
        with database:
            database.executemany("insert into artifacts values (?, ?, ?, ?, ?)", values)
        took = time.perf_counter() - began
        database.close()
    return took


if __name__ == "__main__":
    show(["one transaction, SQLite"], measure(ROWS, 5, targets=True))
