"""Five schedulers on one ledger, as processes; the leader is killed in the middle of its work."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from auditor.registry import apply_settings
from auditor.settings import Environment
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.verify import verify
from auditor.workspace import Workspace, create

ROOT = Path(__file__).parents[3]
SYSTEMS = ("drafts", "scores")


def _workspace(url: str, folder: Path) -> Workspace:
    environment = Environment.model_construct(
        workspace=folder / "site", ledger=url, lake=None, key_file=folder / "site.key"
    )
    return create(environment, folder / "site", datetime.now(UTC))


def _scheduler(url: str, folder: Path) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "tests.auditor.clock.scheduler",
        url,
        str(folder / "site"),
        str(folder / "log"),
    ]
    return subprocess.Popen(command, cwd=ROOT)


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def _states(ledger: Ledger) -> Counter[str]:
    return Counter(row["status"] for row in ledger.read(sa.select(t.job_runs.c.status)))


def _leader(ledger: Ledger) -> int:
    (row,) = ledger.read(sa.select(t.clock_lease.c.holder))
    return int(row["holder"].split(":")[1])


def test_five_schedulers_run_each_fire_once_though_the_leader_is_killed(database_url: str, tmp_path: Path) -> None:
    place = _workspace(database_url, tmp_path)
    ledger, log = place.ledger(), tmp_path / "log"
    # an hour of fires every ten minutes, all within their grace: each is due now, and each must be run
    hour_ago = datetime.now(UTC).replace(minute=5, second=0) - timedelta(hours=2)
    for system in SYSTEMS:
        job = "{job: verify, cron: '*/20 * * * *', grace_minutes: 1440, backoff_minutes: 1, retries: 5}"
        text = f"system: {system}\ntasks: {{report: {{}}}}\nschedule: [{job}]"
        apply_settings(ledger, text, "audit.yaml", "engineer", hour_ago)
    schedulers = [_scheduler(database_url, tmp_path) for _ in range(5)]
    try:
        _wait(lambda: log.exists() and len(log.read_text().splitlines()) >= 3, 60, "no scheduler began")
        killed = _leader(ledger)
        os.kill(killed, signal.SIGKILL)
        _wait(lambda: _leader(ledger) != killed, 60, "nobody took the lease over")
        _wait(lambda: set(_states(ledger)) == {"done"} and _all_fires(ledger), 150, f"{_states(ledger)}")
    finally:
        for process in schedulers:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(60) for process in schedulers]
    assert sorted(ended) == [-signal.SIGKILL, 0, 0, 0, 0], "the others stopped cleanly"
    rows = ledger.read(sa.select(t.job_runs))
    started = Counter(tuple(line.split()[:2]) for line in log.read_text().splitlines())
    assert set(started.values()) == {1}, "no try of any run was started twice"
    assert {name for name, _ in started} == {row["id"] for row in rows}
    tries = {row["id"]: row["attempt"] for row in rows}
    assert sum(count - 1 for count in tries.values()) <= len(SYSTEMS), (
        "only what the killed one ran was tried again"
    )
    assert verify(ledger, place.lake()).ok
    ledger.close()


def _all_fires(ledger: Ledger) -> bool:
    return len(ledger.read(sa.select(t.job_runs.c.id))) >= 5 * len(SYSTEMS)


def test_a_job_ends_with_its_scheduler_and_a_clean_stop_leaves_it_waiting(tmp_path: Path) -> None:
    """`auditor schedule run` itself: what it says, and how it ends."""
    place = _workspace(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)
    ledger = place.ledger()
    text = (
        "system: drafts\ntasks: {report: {}}\nschedule: [{job: verify, cron: '*/10 * * * *', grace_minutes: 1440}]"
    )
    apply_settings(ledger, text, "audit.yaml", "engineer", datetime.now(UTC) - timedelta(minutes=25))
    environment = {
        **os.environ,
        "AUDITOR_WORKSPACE": str(place.path),
        "AUDITOR_LEDGER": place.ledger_url,
        "AUDITOR_KEY_FILE": str(place.key_file),
    }
    command = [sys.executable, "-m", "auditor", "schedule", "run"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        _wait(lambda: _states(ledger)["done"] >= 2, 60, "the scheduler did nothing")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines() == [
        "This scheduler leads.",
        "Stopped; what had not ended is left for the next scheduler.",
    ]
    once = [*command, "--once"]
    done = subprocess.run(once, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    ledger.close()
