"""Alerts of the clock: runs that were missed, and runs that failed for good."""

from collections.abc import Sequence
from typing import Any

from auditor.alerts.trouble import Trouble, report_quiet, report_trouble, settings_in_force
from auditor.store.ledger import Transaction


def job_missed(tx: Transaction, runs: Sequence[Any]) -> None:
    """Fires of one schedule that were not run in time: `stale`, since nobody looked meanwhile."""
    first, made_up = runs[0], [run for run in runs if run["status"] == "waiting"]
    count = len(runs)
    times = "run was" if count == 1 else f"{count} runs were"
    reason = f"{times} not made in time since {first['fire_at']:%Y-%m-%d %H:%M} UTC"
    reason += "; the newest is being made up." if made_up else " and will not be made up."
    _report(tx, first, "stale", "1 " + reason if count == 1 else reason, "The clock was not running.")


def job_unfinished(tx: Transaction, run: Any, note: str) -> None:
    """A run that failed in every try."""
    reason = f"The run of {run['fire_at']:%Y-%m-%d %H:%M} UTC failed {run['attempt']} times; the last time: {note}"
    _report(tx, run, "failed", reason, "")


def job_recovered(tx: Transaction, run: Any) -> None:
    """A run that ended well: trouble of its schedule is gone for now."""
    report_quiet(tx, settings_in_force(tx, run["system"]), root_of(run["schedule"]), tx.at)


def root_of(schedule: str) -> str:
    """The root of a schedule's alerts."""
    return "job/" + schedule.split("/", 1)[1]


def _report(tx: Transaction, run: Any, severity: str, reason: str, cause: str) -> None:
    name = run["schedule"].split("/", 1)[1]
    lead = {"measure": "job", "item": name}
    found = Trouble(root_of(run["schedule"]), severity, reason, cause, lead, [{**lead, "status": severity}])
    report_trouble(tx, settings_in_force(tx, run["system"]), found, None, tx.at)
