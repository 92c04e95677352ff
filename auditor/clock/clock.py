"""One step of the clock: hold the lease, write down what is due, start it, and record how it ended.

A step is a function of the ledger and of the time it is given. Any number of schedulers may step at one ledger:
one holds the lease, and every change of a run is made in a transaction that has just renewed it, so a scheduler
that was frozen or cut off finds the lease gone and changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from auditor.alerts.jobs import job_missed, job_recovered, job_unfinished
from auditor.clock.children import Child, Starter
from auditor.clock.jobs import Outcome
from auditor.clock.plan import plan
from auditor.clock.schedules import Schedule, schedule_of
from auditor.store import tables as t
from auditor.store.ledger import Ledger, Transaction

#: A scheduler that has not been heard of for so long has lost its lease to the next that asks.
LEASE: Final = timedelta(seconds=60)


class _NotLeadingError(Exception):
    """Another scheduler holds the lease."""


@dataclass
class _Started:
    schedule: Schedule
    child: Child
    since: datetime


@dataclass
class Clock:
    """A scheduler at one ledger. `holder` is a name that no other scheduler has."""

    ledger: Ledger
    start: Starter
    holder: str
    actor: str = "clock"
    lease: timedelta = LEASE
    after: Callable[[datetime], object] = lambda now: None  # what is done at the end of each leading step
    _running: dict[str, _Started] = field(default_factory=dict)

    def step(self, now: datetime) -> bool:
        """Do all that can be done now; whether this scheduler leads. Returns at once while jobs go on."""
        try:
            self._take_over(now)
            self._plan(now)
            self._collect(now)
            while self._start_waiting(now):
                self._collect(now)
        except _NotLeadingError:
            for one in self._running.values():
                one.child.stop()
            self._running.clear()
            return False
        self.after(now)
        return True

    @property
    def busy(self) -> bool:
        """Whether a job of this scheduler is going on."""
        return bool(self._running)

    def stop(self, now: datetime) -> None:
        """End the running jobs, leave them waiting for whoever comes next, and give the lease back."""
        for one in self._running.values():
            one.child.stop()
        try:
            with self._leading(now) as tx:
                for name in self._running:
                    waiting = {"status": "waiting", "not_before": now, "note": "the scheduler was stopped"}
                    tx.update(t.job_runs, name, waiting | {"holder": None, "started_at": None})
                tx.lease(self.holder, now)
        except _NotLeadingError:
            pass  # whoever leads now has taken them over
        self._running.clear()

    @contextmanager
    def _leading(self, now: datetime) -> Iterator[Transaction]:
        with self.ledger.transaction(actor=self.actor, at=now) as tx:
            if not tx.lease(self.holder, now + self.lease):
                raise _NotLeadingError
            yield tx

    def _take_over(self, now: datetime) -> None:
        """Runs that a scheduler left behind when it died count as a failed try."""
        with self._leading(now) as tx:
            left = tx.read(sa.select(t.job_runs).where(t.job_runs.c.status == "running"))
            for run in left:
                if run["holder"] != self.holder or run["id"] not in self._running:
                    schedule = _schedule(tx, run["schedule"])
                    # the job is not to blame: its next try need not wait
                    _end(tx, run, schedule, Outcome(False, "its scheduler was lost while it ran"), pause=False)

    def _plan(self, now: datetime) -> None:
        with self._leading(now) as tx:
            missed = plan(tx)
            for name in dict.fromkeys(run["schedule"] for run in missed):
                job_missed(tx, [run for run in missed if run["schedule"] == name])

    def _start_waiting(self, now: datetime) -> int:
        """Start what waits, one job a system at a time, the longest due first; says how many."""
        with self._leading(now) as tx:
            waiting = tx.read(
                sa.select(t.job_runs, t.schedules.c.options)
                .join(t.schedules, t.schedules.c.id == t.job_runs.c.schedule)
                .where(t.job_runs.c.status == "waiting", t.job_runs.c.not_before <= now)
                .order_by(t.job_runs.c.fire_at, t.job_runs.c.id)
            )
            busy = {one.schedule.system for one in self._running.values()}
            chosen = []
            for row in waiting:
                if row["system"] not in busy:
                    busy.add(row["system"])
                    run: dict[str, Any] = {str(name): value for name, value in row.items()}
                    chosen.append((run, _schedule(tx, run["schedule"])))
                    claimed = {"status": "running", "started_at": now, "holder": self.holder}
                    tx.update(t.job_runs, run["id"], claimed)
        for claim, schedule in chosen:
            self._running[claim["id"]] = _Started(schedule, self.start(claim), now)
        return len(chosen)

    def _collect(self, now: datetime) -> None:
        """Record what has ended, and end what takes too long."""
        ended: dict[str, Outcome] = {}
        for name, one in self._running.items():
            outcome = one.child.poll()
            if outcome is None and now - one.since > one.schedule.timeout:
                one.child.stop()
                minutes = round(one.schedule.timeout.total_seconds() / 60)
                outcome = Outcome(False, f"stopped: it took longer than {minutes:,} minutes")
            if outcome is not None:
                ended[name] = outcome
        if not ended:
            return
        with self._leading(now) as tx:
            for name, outcome in ended.items():
                run = tx.read(sa.select(t.job_runs).where(t.job_runs.c.id == name))[0]
                _end(tx, run, self._running[name].schedule, outcome)
        for name in ended:
            del self._running[name]


def _schedule(tx: Transaction, name: str) -> Schedule:
    return schedule_of(tx.read(sa.select(t.schedules).where(t.schedules.c.id == name))[0])


def _end(tx: Transaction, run: Any, schedule: Schedule, outcome: Outcome, pause: bool = True) -> None:
    """Record how a try ended: done, to be tried again later, or failed for good, which somebody must answer."""
    if outcome.ok:
        late = f" ({run['note']})" if run["note"].startswith("late by") else ""
        tx.update(t.job_runs, run["id"], {"status": "done", "finished_at": tx.at, "note": outcome.note + late})
        job_recovered(tx, run)
        return
    if run["attempt"] <= schedule.retries:
        wait = schedule.backoff * 2 ** (run["attempt"] - 1) if pause else timedelta(0)
        again = {"status": "waiting", "attempt": run["attempt"] + 1, "not_before": tx.at + wait, "holder": None}
        tx.update(t.job_runs, run["id"], again | {"started_at": None, "note": outcome.note})
        return
    tx.update(t.job_runs, run["id"], {"status": "failed", "finished_at": tx.at, "note": outcome.note})
    job_unfinished(tx, run, outcome.note)
