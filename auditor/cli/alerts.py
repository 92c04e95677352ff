"""`auditor alerts`: what somebody must answer, and answering it."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Annotated

import typer

from auditor.cli.console import Json, actor, day, now, print_json, print_table, say, workspace

Name = Annotated[str, typer.Argument(help="The alert, as 'auditor alerts list' names it.")]
Note = Annotated[str, typer.Option(help="What there is to say; kept in its history.")]


def add_to(app: typer.Typer) -> None:
    alerts = typer.Typer(help="What somebody must answer, from opening to end.", no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {
        "list": list_alerts,
        "show": show,
        "ack": ack,
        "assign": assign,
        "investigate": investigate,
        "comment": comment,
        "resolve": resolve,
        "reopen": reopen,
        "stats": stats,
    }
    for name, command in commands.items():
        alerts.command(name)(command)
    app.add_typer(alerts, name="alerts")


def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    system: Annotated[str | None, typer.Option(help="Only of this system.")] = None,
    as_json: Json = False,
) -> None:
    """Alerts that have not ended, the gravest first."""
    import sqlalchemy as sa

    from auditor.alerts.outbox import what
    from auditor.alerts.trouble import SEVERITIES
    from auditor.store import tables as t

    query = sa.select(t.alerts).order_by(t.alerts.c.opened_at.desc(), t.alerts.c.id)
    query = query if every else query.where(t.alerts.c.status != "resolved")
    rows = workspace().ledger().read(query if system is None else query.where(t.alerts.c.system == system))
    rows = sorted(rows, key=lambda row: SEVERITIES.index(row["severity"] or "act"))
    if as_json:
        print_json([dict(row) for row in rows])
        return
    if not rows:
        say("No alerts." if every else "No alert is open.")
        return
    print_table(
        "Alerts",
        ("alert", "severity", "about", "status", "opened", "owner", "answer by", "why"),
        [
            (
                row["id"],
                (row["severity"] or "act").upper(),
                what(row),
                row["outcome"] or row["status"],
                f"{row['opened_at']:%Y-%m-%d}",
                row["owner"] or "–",
                f"{row['due_at']:%Y-%m-%d}" if row["due_at"] and row["status"] == "open" else "–",
                " ".join(filter(None, (row["reason"], row["cause"]))),
            )
            for row in rows
        ],
    )


def show(alert: Name, as_json: Json = False) -> None:
    """One alert: what it stands for, what stands out beside it, and its whole history."""
    import sqlalchemy as sa

    from auditor.alerts.events import history
    from auditor.alerts.life import alert_named
    from auditor.alerts.outbox import what
    from auditor.store import tables as t

    ledger = workspace().ledger()
    row = alert_named(ledger, alert)
    events = history(ledger, alert)
    notices = ledger.read(sa.select(t.notices).where(t.notices.c.alert == alert).order_by(t.notices.c.id))
    if as_json:
        told = [
            {name: one[name] for name in ("channel", "kind", "status", "attempts", "sent_at")} for one in notices
        ]
        print_json({**row, "history": [dict(one) for one in events], "notices": told})
        return
    say(f"{row['id']}: {what(row)} ({(row['severity'] or 'act').upper()}), {row['outcome'] or row['status']}")
    for line in filter(None, (row["reason"], row["cause"])):
        say(line)
    if row["audit"]:
        say(f"Evidence: auditor report {row['system']} --audit {row['audit']}")
    members = row["members"] or []
    if len(members) > 1:
        print_table("It stands for", ("verdict", "about", "why"), [_member(one) for one in members])
    print_table(
        "History (UTC)",
        ("when", "what", "who", "note"),
        [(f"{one['at']:%Y-%m-%d %H:%M}", one["event"], one["actor"], one["note"]) for one in events],
    )
    for one in notices:
        when = f" on {one['sent_at']:%Y-%m-%d %H:%M} UTC" if one["sent_at"] else f", {one['attempts']} attempts"
        say(f"Notice through {one['channel']}: {one['status']}{when}")


def ack(
    alert: Name,
    owner: Annotated[str | None, typer.Option(help="Who answers it (default: you).")] = None,
    note: Note = "",
) -> None:
    """Say that an alert was seen; you own it unless you name somebody else."""
    from auditor.alerts.life import acknowledge

    acknowledge(workspace().ledger(), alert, actor(), now(), owner, note)
    say(f"{alert} is acknowledged; its owner is {owner or actor()}.")


def assign(
    alert: Name,
    owner: Annotated[str, typer.Option(help="Who answers it from now on.")],
    due: Annotated[str | None, typer.Option(help="Until when, 2026-03-01 (the end of that day, UTC).")] = None,
) -> None:
    """Give an alert to somebody else."""
    from auditor.alerts import life

    until = day(due, "--due")
    moment = datetime.combine(until, time(23, 59), tzinfo=UTC) if until else None
    life.assign(workspace().ledger(), alert, actor(), now(), owner, moment)
    say(f"{alert} belongs to {owner}.")


def investigate(alert: Name, note: Note = "") -> None:
    """Say that its cause is being looked for."""
    from auditor.alerts import life

    life.investigate(workspace().ledger(), alert, actor(), now(), note)
    say(f"{alert} is being investigated.")


def comment(alert: Name, note: Note) -> None:
    """Add a note to the history of an alert."""
    from auditor.alerts import life

    life.comment(workspace().ledger(), alert, actor(), now(), note)
    say(f"{alert}: noted.")


def resolve(
    alert: Name,
    true_alarm: Annotated[
        bool | None, typer.Option("--true/--false", help="Whether something was indeed wrong.")
    ] = None,
    cause: Annotated[str, typer.Option(help="What had caused it.")] = "",
    action: Annotated[str, typer.Option(help="What was done about it.")] = "",
) -> None:
    """End an alert: true or false alarm, what had caused it, what was done."""
    from auditor.alerts import life

    outcome = {True: "true", False: "false", None: ""}[true_alarm]
    life.resolve(workspace().ledger(), alert, actor(), now(), outcome=outcome, cause=cause, action=action)
    say(f"{alert} is resolved: {outcome} alarm.")


def reopen(alert: Name, note: Note = "") -> None:
    """Take a resolution back."""
    from auditor.alerts import life

    life.reopen(workspace().ledger(), alert, actor(), now(), note)
    say(f"{alert} is open again.")


def stats(
    system: Annotated[str | None, typer.Option(help="Only of this system.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Opened on this day or later.")] = None,
    as_json: Json = False,
) -> None:
    """How good the alerts are: how many were true, how soon they were acknowledged and resolved."""
    from auditor.alerts.figures import figures

    found = figures(workspace().ledger(), system, day(start, "--from"))
    if as_json:
        print_json([one.as_row() for one in found])
        return
    if not found:
        say("No alerts.")
        return
    print_table(
        "Alerts by severity",
        ("severity", "opened", "resolved", "true", "false", "precision [95 %]", "to acknowledge", "to resolve"),
        [
            (
                one.severity,
                f"{one.opened}",
                f"{one.resolved}",
                f"{one.true}",
                f"{one.false}",
                one.precision_in_words,
                _hours(one.hours_to_acknowledge),
                _hours(one.hours_to_resolve),
            )
            for one in found
        ],
        right=("opened", "resolved", "true", "false"),
    )


def _member(one: dict[str, str]) -> tuple[str, str, str]:
    from auditor.alerts.outbox import what

    return (one["status"], what({"slice": "all", "item": "", **one}), one.get("reason", ""))


def _hours(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f} h (median)" if value < 48 else f"{value / 24:,.1f} days (median)"
