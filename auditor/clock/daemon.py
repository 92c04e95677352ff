"""The scheduler as a process: APScheduler wakes the clock at every fire time and every few seconds between.

Its job store is memory, filled from the ledger: shared job stores run jobs twice. All steps share one thread, so
no two overlap.
"""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.clock.clock import Clock
from auditor.cron import next_fire
from auditor.store import tables as t
from auditor.store.errors import StoreError
from auditor.store.ledger import Ledger

#: How often the clock steps when nothing is due: it renews its lease, looks after jobs, and reads new schedules.
HEARTBEAT: Final = timedelta(seconds=5)


def holder_name() -> str:
    """A name for this process that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def run(
    clock: Clock, ledger: Ledger, heartbeat: timedelta = HEARTBEAT, say: Callable[[str], None] = print
) -> None:
    """Step until SIGTERM or SIGINT, then stop cleanly.

    A ledger that cannot be reached is said once and tried again with the next step: no fire is lost by it.
    """
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        timezone="UTC",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    stepping = threading.Lock()
    said: dict[str, Any] = {"leading": None, "trouble": None}

    def step() -> None:
        with stepping:
            if not ended.is_set():
                one_step()

    def one_step() -> None:
        try:
            leads = clock.step(datetime.now(UTC))
            _wake_at_next_fire(scheduler, ledger, step)
        except StoreError as error:
            if said["trouble"] != str(error):
                said["trouble"] = str(error)
                say(f"{error} The clock goes on trying.")
            return
        if leads != said["leading"] or said["trouble"]:
            said["leading"], said["trouble"] = leads, None
            say("This scheduler leads." if leads else "Another scheduler leads; this one stands by.")

    scheduler.add_job(
        step, "interval", seconds=heartbeat.total_seconds(), id="heartbeat", next_run_time=datetime.now(UTC)
    )
    scheduler.start()
    ended.wait()
    with stepping:  # waiting in shutdown() instead would hold a lock that the step needs to end
        scheduler.shutdown(wait=False)
        clock.stop(datetime.now(UTC))
    say("Stopped; what had not ended is left for the next scheduler.")


def _wake_at_next_fire(scheduler: Any, ledger: Ledger, step: Callable[[], None]) -> None:
    """One APScheduler job for the next time that any schedule fires, so that no fire is late by a heartbeat."""
    columns = (t.schedules.c.cron, t.schedules.c.timezone, t.schedules.c.valid_from)
    rows = ledger.read(sa.select(*columns).where(t.schedules.c.active))
    at = datetime.now(UTC)
    times = [next_fire(row["cron"], row["timezone"], max(at, row["valid_from"])) for row in rows]
    if known := [time for time in times if time is not None]:
        scheduler.add_job(step, "date", run_date=min(known), id="next fire", replace_existing=True)
