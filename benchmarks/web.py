"""The dashboard at fleet size: twenty systems, five years of weekly audits, 40 measures in 12 slices.

    make bench-web
    make bench-web LEDGER=postgresql+psycopg://user@host/empty

A server of its own process answers twenty requests a second; then an hour's worth of requests (72,000) as fast
as it can, while its memory is watched. Beside it stands what one would use instead: a page that reads the same
system's newest numbers from the same database with pandas and prints them as a table.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sa

from auditor.settings import Environment
from auditor.store import tables as t
from auditor.workspace import create
from benchmarks.reports import fill

SYSTEMS, WEEKS = 20, 260
RATE, SECONDS = 20.0, 60.0
HOUR = int(RATE * 3600)
PAGES = ("/", "/systems/system-{n}", "/alerts", "/measurements.json?system=system-{n}&limit=200", "/fleet.json")
SYSTEM_TABS = ("/systems/system-{n}", "/systems/system-{n}?section=time", "/systems/system-{n}?section=measures")


def serve(environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    """The dashboard in a process of its own, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "auditor", "serve", "--no-login", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                return process, f"http://127.0.0.1:{port}"
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident memory in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def steady(client: httpx.AsyncClient, paths: Sequence[str], seconds: float) -> dict[str, list[float]]:
    """Requests at a fixed rate, whether or not earlier ones were answered; milliseconds by kind of page."""
    taken: dict[str, list[float]] = defaultdict(list)
    rng = np.random.default_rng(1)

    async def ask(path: str) -> None:
        start = time.perf_counter()
        said = await client.get(path.format(n=int(rng.integers(SYSTEMS))))
        assert said.status_code == 200, (path, said.status_code)
        taken[path].append(1000.0 * (time.perf_counter() - start))

    begun, tasks = time.perf_counter(), []
    for number in range(int(RATE * seconds)):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(paths[number % len(paths)])))
    await asyncio.gather(*tasks)
    return taken


async def flood(client: httpx.AsyncClient, count: int, process: subprocess.Popen[bytes]) -> list[float]:
    """So many requests, four at a time; the server's memory after every tenth of them."""
    seen = [memory(process)]
    paths = [path.format(n=n) for path in PAGES for n in range(SYSTEMS)]

    async def ask(numbers: range) -> None:
        for number in numbers:
            assert (await client.get(paths[number % len(paths)])).status_code == 200

    for _ in range(10):
        share = count // 40
        await asyncio.gather(*(ask(range(part * share, (part + 1) * share)) for part in range(4)))
        seen.append(memory(process))
    return seen


def instead(url: str) -> list[float]:
    """A page of the same numbers by pandas: milliseconds a page."""
    import pandas as pd

    engine, taken = sa.create_engine(url), []
    for number in range(SYSTEMS):
        start = time.perf_counter()
        newest = sa.select(t.audits.c.id).where(t.audits.c.system == f"system-{number}")
        audit = pd.read_sql(newest.order_by(t.audits.c.seq.desc()).limit(1), engine)["id"][0]
        pd.read_sql(sa.select(t.measurements).where(t.measurements.c.audit == audit), engine).to_html()
        taken.append(1000.0 * (time.perf_counter() - start))
    return taken


def tell(name: str, taken: Sequence[float], limit: float | None = None) -> None:
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    held = "" if limit is None else f"   limit of p95 {limit:.0f} ms: {'held' if p95 < limit else 'MISSED'}"
    print(f"{name:<52} p50 {p50:7.1f}  p95 {p95:7.1f}  p99 {p99:7.1f} ms{held}")


async def measure(process: subprocess.Popen[bytes], address: str, ledger: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60.0) as client:
        start = time.perf_counter()
        await client.get("/")
        print(f"first screen, first request of a process: {time.perf_counter() - start:.1f} s")
        for path in (*SYSTEM_TABS, PAGES[3]):
            for number in range(SYSTEMS):
                await client.get(path.format(n=number))
        found = await steady(client, ("/",), SECONDS)
        tell("first screen at 20 requests a second", found["/"], 100.0)
        found = await steady(client, SYSTEM_TABS, SECONDS)
        tell("system page at 20 requests a second", [one for each in found.values() for one in each], 300.0)
        found = await steady(client, PAGES, SECONDS)
        for path, taken in found.items():
            tell(f"mixed: {path}", taken)
        tell("instead: the same numbers by pandas, one reader", instead(ledger))
        seen = await flood(client, HOUR, process)
        print("memory over 72,000 requests, MiB: " + " ".join(f"{one:.0f}" for one in seen))


def main(url: str | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        key = folder / "key"
        environment = Environment.model_construct(
            workspace=folder / "site", ledger=url, lake=None, key_file=key, signing_key_file=None, anchor_file=None
        )
        workspace = create(environment, folder / "site", datetime(2021, 1, 4, tzinfo=UTC))
        ledger = workspace.ledger()
        start = time.perf_counter()
        fill(ledger, SYSTEMS, WEEKS)
        count = ledger.read(sa.select(sa.func.count().label("n")).select_from(t.measurements))[0]["n"]
        print(f"filled: {count:,} measurements of {SYSTEMS} systems in {time.perf_counter() - start:.0f} s")
        ledger.close()
        told: dict[str, Any] = {"AUDITOR_WORKSPACE": str(workspace.path), "AUDITOR_KEY_FILE": str(key)}
        process, address = serve(told | ({"AUDITOR_LEDGER": url} if url else {}))
        try:
            asyncio.run(measure(process, address, workspace.ledger_url))
        finally:
            process.terminate()
            process.wait(timeout=30)
        shutil.rmtree(workspace.path, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
