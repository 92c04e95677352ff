"""How fast files go in: report drafts and classifier scores, 200,000 rows each, start-up and images excluded."""

import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.intake.ingest import ingest
from auditor.settings import parse_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

WORDS = re.findall(
    r"\w+",
    "the heart is normal in size lungs are clear without focal opacity or effusion mild degenerative change "
    "of the spine no pneumothorax is seen right basal atelectasis may be present compared with the prior study",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
RECEIVED = datetime(2026, 7, 1, tzinfo=UTC)
SETTINGS = "system: bench\ntasks: {report: {}, classification: {}}\ntimezone: Europe/Berlin"
Row = dict[str, object]


def _common(i: int, task: str) -> Row:
    made = START + timedelta(seconds=i)
    return {
        "case_id": f"A{i:08d}",
        "patient_id": f"P{i // 3:07d}",
        "task": task,
        "version": "v1",
        "produced_at": made.isoformat(),
        "latency_ms": 800 + i % 700,
    }


def reports(n: int) -> Iterator[Row]:
    """Drafts of about 60 words."""
    rng = random.Random(0)
    for i in range(n):
        yield {**_common(i, "report"), "text": " ".join(rng.choices(WORDS, k=60))}


def classifier(n: int) -> Iterator[Row]:
    """Fourteen scores an image."""
    rng = random.Random(0)
    for i in range(n):
        scores = {f"Finding {k}": round(rng.random(), 6) for k in range(14)}
        yield {**_common(i, "classification"), "scores": scores}


def rate(make: Callable[[int], Iterator[Row]], n: int, workers: int) -> float:
    """Rows a second of one file; a first, small file has paid for the start-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "warm.jsonl", folder / "rows.jsonl"]
        for path, size in zip(files, (500, n), strict=True):
            with path.open("w") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in make(size))
        ledger, lake = Ledger(f"sqlite:///{folder / 'ledger.db'}"), Lake(str(folder / "lake"))
        ledger.create()
        lake.create()
        with ledger.transaction(actor="bench", at=RECEIVED) as tx:
            tx.insert(t.systems, [{"name": "bench", "created_at": RECEIVED}])
        began = 0.0
        for path in files:
            began = time.perf_counter()
            result = ingest(
                path,
                "outputs",
                settings=parse_settings(SETTINGS),
                mapping=None,
                ledger=ledger,
                lake=lake,
                key=b"0" * 32,
                received_at=RECEIVED,
                actor="bench",
                workers=workers,
            )
        took = time.perf_counter() - began
        assert result.rows == n and result.quarantined == 0 and result.duplicates == min(n, 500), result
        ledger.close()
    return n / took


def run(n: int = 200_000) -> None:
    """Print rows a second for both kinds of output, in one process and in two."""
    for name, make in (("report drafts", reports), ("classifier rows", classifier)):
        for workers in (1, 2):
            print(f"ingest {n:,} {name}, {workers} worker(s): {rate(make, n, workers):,.0f} rows/s")


if __name__ == "__main__":
    run()
