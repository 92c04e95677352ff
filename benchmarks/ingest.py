"""How fast files go in: report drafts and classifier scores, start-up and images excluded.

python -m benchmarks.ingest
"""

import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from auditor.intake.ingest import ingest
from auditor.settings import parse_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from benchmarks.table import Figure, show

WORDS = re.findall(
    r"\w+",
    "the heart is normal in size lungs are clear without focal opacity or effusion mild degenerative change "
    "of the spine no pneumothorax is seen right basal atelectasis may be present compared with the prior study",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
RECEIVED = datetime(2026, 7, 1, tzinfo=UTC)
SETTINGS = "system: bench\ntasks: {report: {}, classification: {}}\ntimezone: Europe/Berlin"
#: Rows of the file that pays for the start-up; they are the first of the whole file, too.
WARM = 500
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


def rates(make: Callable[[int], Iterator[Row]], n: int, workers: int, runs: int = 1) -> list[float]:
    """Rows a second of one file, each run into new stores; a first, small file has paid for the start-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm, whole = folder / "warm.jsonl", folder / "rows.jsonl"
        write(warm, make(min(n, WARM)))
        write(whole, make(n))
        return [n / _seconds(folder / str(run), warm, whole, n, workers) for run in range(runs)]


def pandas_rates(make: Callable[[int], Iterator[Row]], n: int, runs: int) -> list[float]:
    """Rows a second of JSON Lines to Parquet by pandas: no check, no identity, no pseudonym, no record."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "rows.jsonl"), Path(name, "rows.parquet")
        write(source, make(n))
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            pd.read_json(source, lines=True).to_parquet(target)
            found.append(n / (time.perf_counter() - began))
        return found


def write(path: Path, rows: Iterator[Row]) -> None:
    """Rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def _seconds(folder: Path, warm: Path, whole: Path, n: int, workers: int) -> float:
    """What the whole file took, after the small one."""
    folder.mkdir()
    ledger, lake = Ledger(f"sqlite:///{folder / 'ledger.db'}"), Lake(str(folder / "lake"))
    ledger.create()
    lake.create()
    with ledger.transaction(actor="bench", at=RECEIVED) as tx:
        tx.insert(t.systems, [{"name": "bench", "created_at": RECEIVED}])
    take = partial(
        ingest,
        kind="outputs",
        settings=parse_settings(SETTINGS),
        mapping=None,
        ledger=ledger,
        lake=lake,
        key=b"0" * 32,
        received_at=RECEIVED,
        actor="bench",
        workers=workers,
    )
    known = take(warm).accepted
    began = time.perf_counter()
    result = take(whole)
    took = time.perf_counter() - began
    ledger.close()
    if (result.rows, result.accepted, result.quarantined) != (n, n - known, 0):
        raise AssertionError(f"not all of the {n} rows went in: {result}")
    return took


def measure(n: int, runs: int, targets: bool) -> list[Figure]:
    """Both kinds of output, with as many processes as the command would take and with one."""
    figures = []
    for name, make in (("drafts of 60 words", reports), ("rows of 14 scores", classifier)):
        raw = median(pandas_rates(make, n, runs))
        instead = f"pandas read_json + to_parquet, nothing checked: {raw:,.0f} rows/s"
        cores = min(os.cpu_count() or 1, 4)  # as the command takes
        figures += [
            Figure.of(
                f"ingest {n:,} {name}, {workers} process{'es' if workers > 1 else ''}",
                rates(make, n, workers, runs),
                "rows/s",
                instead,
                at_least=20_000 if targets and workers == cores else None,
            )
            for workers in sorted({cores, 1}, reverse=True)
        ]
    return figures


if __name__ == "__main__":
    show(["start-up and images excluded"], measure(200_000, 1, targets=True))
