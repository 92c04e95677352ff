"""`auditor incidents`: alerts that belong together, and what was decided about the system."""

from typing import Annotated

import typer

from auditor.cli.console import DateError, Json, actor, day, now, print_json, print_table, say, workspace

Name = Annotated[str, typer.Argument(help="The incident, as 'auditor incidents list' names it.")]


def add_to(app: typer.Typer) -> None:
    incidents = typer.Typer(help="Alerts that belong together, and what was decided.", no_args_is_help=True)
    incidents.command("open")(open_one)
    incidents.command("add")(add)
    incidents.command("decide")(decide)
    incidents.command("close")(close)
    incidents.command("list")(list_incidents)
    app.add_typer(incidents, name="incidents")


def open_one(
    title: Annotated[str, typer.Argument(help="What it is about, without anything about a patient.")],
    alerts: Annotated[list[str], typer.Option("--alert", help="An alert of it; may be repeated.")],
) -> None:
    """Open an incident over one or more alerts of a system."""
    from auditor.alerts.incidents import open_incident

    say(f"{open_incident(workspace().ledger(), title, alerts, actor(), now())} is open.")


def add(
    incident: Name, alerts: Annotated[list[str], typer.Option("--alert", help="An alert; may be repeated.")]
) -> None:
    """Add alerts to an incident."""
    from auditor.alerts.incidents import add_alerts

    add_alerts(workspace().ledger(), incident, alerts, actor(), now())
    say(f"{incident}: added.")


def decide(
    incident: Name,
    decision: Annotated[str, typer.Option(help="continue, restrict, pause or re-validate.")],
    owner: Annotated[str, typer.Option(help="Who sees to it.")],
    due: Annotated[str, typer.Option(help="By when, 2026-03-01.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Record what was decided about the system."""
    from auditor.alerts import incidents

    until = day(due, "--due")
    if until is None:
        raise DateError("--due must be a day such as 2026-03-01.")
    incidents.decide(
        workspace().ledger(), incident, actor(), now(), decision=decision, owner=owner, due=until, note=note
    )
    say(f"{incident}: {decision}; {owner} by {until}.")


def close(
    incident: Name,
    follow_up: Annotated[str, typer.Option(help="The audit that shows how it ended.")],
    note: Annotated[str, typer.Option(help="What there is to say.")] = "",
) -> None:
    """End an incident: all its alerts are resolved, and an audit made since shows how it ended."""
    from auditor.alerts import incidents

    incidents.close(workspace().ledger(), incident, actor(), now(), follow_up=follow_up, note=note)
    say(f"{incident} is closed.")


def list_incidents(as_json: Json = False) -> None:
    """Every incident, the newest first."""
    import sqlalchemy as sa

    from auditor.store import tables as t

    ledger = workspace().ledger()
    rows = ledger.read(sa.select(t.incidents).order_by(t.incidents.c.seq.desc()))
    linked = ledger.read(sa.select(t.alerts.c.id, t.alerts.c.incident).where(t.alerts.c.incident.is_not(None)))
    alerts = {row["id"]: [one["id"] for one in linked if one["incident"] == row["id"]] for row in rows}
    if as_json:
        print_json([{**row, "alerts": alerts[row["id"]]} for row in rows])
        return
    if not rows:
        say("No incidents.")
        return
    print_table(
        "Incidents",
        ("incident", "system", "title", "status", "decision", "owner", "due", "alerts", "follow-up"),
        [
            (
                row["id"],
                row["system"],
                row["title"],
                row["status"],
                row["decision"] or "none yet",
                row["owner"] or "–",
                str(row["due"] or "–"),
                ", ".join(alerts[row["id"]]),
                row["follow_up"] or "–",
            )
            for row in rows
        ],
    )
