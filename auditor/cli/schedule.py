"""`auditor schedule`: what runs when, the scheduler itself, and a look from outside at whether it runs."""

from datetime import datetime
from typing import Annotated, Any

import typer

from auditor.cli.console import EXIT, Json, actor, now, print_json, print_table, say, workspace

_MARK = {"done": "done", "failed": "FAILED", "skipped": "skipped", "waiting": "waiting", "running": "running"}


def add_to(app: typer.Typer) -> None:
    schedule = typer.Typer(help="The clock: jobs of every system at their times.", no_args_is_help=True)
    schedule.command("list")(list_schedules)
    schedule.command("runs")(list_runs)
    schedule.command("run")(run)
    schedule.command("check")(check)
    app.add_typer(schedule, name="schedule")


def list_schedules(as_json: Json = False) -> None:
    """Every job in force: when it fires next, and how its last run ended."""
    import sqlalchemy as sa

    from auditor.cron import next_fire
    from auditor.store import tables as t

    ledger, at = workspace().ledger(), now()
    rows = ledger.read(sa.select(t.schedules).where(t.schedules.c.active).order_by(t.schedules.c.id))
    newest = {
        row["schedule"]: row
        for row in ledger.read(
            sa.select(t.job_runs).where(t.job_runs.c.status != "skipped").order_by(t.job_runs.c.fire_at)
        )
    }
    found = [
        {
            "schedule": row["id"],
            "job": row["job"],
            "cron": row["cron"],
            "timezone": row["timezone"],
            "next": next_fire(row["cron"], row["timezone"], max(at, row["valid_from"])),
            "last": newest[row["id"]]["fire_at"] if row["id"] in newest else None,
            "status": newest[row["id"]]["status"] if row["id"] in newest else None,
            "note": newest[row["id"]]["note"] if row["id"] in newest else "",
        }
        for row in rows
    ]
    if as_json:
        print_json(found)
        return
    if not found:
        say("Nothing is scheduled: name jobs under 'schedule' in audit.yaml and apply it.")
        return
    columns = ("schedule", "job", "times", "next", "last", "how it ended")
    print_table(
        "Schedule (times in each system's own zone)",
        columns,
        [
            (
                one["schedule"],
                one["job"],
                f"{one['cron']} {one['timezone']}",
                _local(one["next"], one["timezone"]),
                _local(one["last"], one["timezone"]),
                ": ".join(filter(None, (_MARK.get(one["status"] or "", "never ran"), one["note"]))),
            )
            for one in found
        ],
    )


def list_runs(
    system: Annotated[str | None, typer.Option(help="Only of this system.")] = None,
    count: Annotated[int, typer.Option("--n", min=1, help="How many, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """The newest runs: when they were due, how many tries they took, how they ended."""
    import sqlalchemy as sa

    from auditor.store import tables as t

    query = sa.select(t.job_runs).order_by(t.job_runs.c.fire_at.desc(), t.job_runs.c.id).limit(count)
    rows = workspace().ledger().read(query if system is None else query.where(t.job_runs.c.system == system))
    if as_json:
        print_json([dict(row) for row in rows])
        return
    print_table(
        "Runs (UTC)",
        ("due", "schedule", "status", "tries", "took", "note"),
        [
            (
                f"{row['fire_at']:%Y-%m-%d %H:%M}",
                row["schedule"],
                _MARK[row["status"]],
                f"{row['attempt']}",
                _took(row),
                row["note"],
            )
            for row in rows
        ],
        right=("tries", "took"),
    )


def run(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now and end, for cron or a timer.")] = False,
) -> None:
    """Run the scheduler until it is told to stop (Ctrl-C or SIGTERM).

    Start as many as you like, on as many machines: one leads, the others stand by and take over within a minute.
    Every time of every job is run once.
    """
    import time

    from auditor.alerts.deliver import tend
    from auditor.clock.children import processes
    from auditor.clock.clock import Clock
    from auditor.clock.daemon import holder_name
    from auditor.clock.daemon import run as run_daemon

    place = workspace()
    ledger = place.ledger()
    ledger.head()  # a workspace that cannot be used is said now, not by every step
    who = "clock"
    clock = Clock(ledger, processes(place, who), holder_name(), who, after=lambda at: tend(ledger, who, at))
    if not once:
        run_daemon(clock, ledger, say=say)
        return
    if not clock.step(now()):
        say("Another scheduler is running; it does what is due.")
        return
    while clock.busy:
        time.sleep(0.2)
        clock.step(now())
    clock.stop(now())


def check(as_json: Json = False) -> None:
    """Whether the clock is running: names every run that is overdue, and opens an alert for it.

    For cron or a monitoring system, beside the scheduler. Exit code 3 when something is overdue.
    """
    from auditor.alerts.jobs import job_missed
    from auditor.clock.plan import overdue

    ledger = workspace().ledger()
    with ledger.transaction(actor(), now()) as tx:
        found = overdue(tx)
        late: dict[str, list[dict[str, Any]]] = {}
        for one, due in found:
            run = {"schedule": one.id, "system": one.system, "fire_at": due, "status": "overdue"}
            late.setdefault(one.id, []).append(run)
        for runs in late.values():
            job_missed(tx, runs)
    if as_json:
        print_json([{"schedule": schedule.id, "due": at} for schedule, at in found])
    elif found:
        for schedule, at in found:
            say(f"Overdue: {schedule.id} of {_local(at, schedule.timezone)}. Is 'auditor schedule run' running?")
    else:
        say("Every job has had its runs in time.")
    if found:
        raise typer.Exit(EXIT["stale"])


def _local(moment: datetime | None, timezone: str) -> str:
    from zoneinfo import ZoneInfo

    return f"{moment.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M}" if moment else "–"


def _took(row: Any) -> str:
    if not (row["started_at"] and row["finished_at"]):
        return "–"
    return f"{(row['finished_at'] - row['started_at']).total_seconds():,.0f} s"
