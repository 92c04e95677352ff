"""`auditor notify`: try a channel, send what waits, see what did not arrive."""

from typing import Annotated

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, say, workspace


def add_to(app: typer.Typer) -> None:
    notify = typer.Typer(help="Notices: how alerts reach people.", no_args_is_help=True)
    notify.command("test")(test)
    notify.command("send")(send)
    notify.command("list")(list_notices)
    app.add_typer(notify, name="notify")


def test(
    system: Annotated[str, typer.Argument(help="The system whose audit.yaml names the channels.")],
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    as_json: Json = False,
) -> None:
    """Send a test notice through every channel; exit code 1 when one does not take it."""
    from auditor.alerts.channels import ChannelError
    from auditor.alerts.channels import send as send_notice
    from auditor.audit.scope import newest_settings

    settings = newest_settings(workspace().ledger(), system)[1]
    chosen = [one for one in settings.notices.channels if channel in (None, one.name)]
    if not chosen:
        missing = f"{system} has no channel {channel}" if channel else f"{system} has no channels"
        raise ChannelError(f"{missing}; name it under 'notices' in audit.yaml and apply it.")
    results: dict[str, str | None] = {}
    for one in chosen:
        notice = {"id": 0, "system": system, "kind": "test", "alert": None}
        words = {"subject": f"[{system}] test of {one.name}", "body": "This is a test; nothing is wrong."}
        try:
            send_notice(one, notice | words, now())
            results[one.name] = None
        except ChannelError as error:
            results[one.name] = str(error)
    if as_json:
        print_json(
            [{"channel": name, "sent": problem is None, "problem": problem} for name, problem in results.items()]
        )
    else:
        for name, problem in results.items():
            say(f"{name}: {problem or 'sent; look whether it arrived'}")
    if any(results.values()):
        raise typer.Exit(1)


def send(as_json: Json = False) -> None:
    """Send what waits, escalate what is late, and make the digests that are due; the scheduler does it too.

    Exit code 1 when something could not be sent; it is tried again.
    """
    from auditor.alerts.deliver import tend

    sent, failed = tend(workspace().ledger(), actor(), now())
    if as_json:
        print_json({"sent": sent, "failed": failed})
    else:
        say(f"{sent} sent, {failed} to be tried again.")
    if failed:
        raise typer.Exit(1)


def list_notices(
    every: Annotated[bool, typer.Option("--all", help="Those that were sent, too.")] = False, as_json: Json = False
) -> None:
    """Notices that have not been sent, and why."""
    import sqlalchemy as sa

    from auditor.store import tables as t

    query = sa.select(t.notices).order_by(t.notices.c.id)
    rows = workspace().ledger().read(query if every else query.where(t.notices.c.status != "sent"))
    if as_json:
        print_json([dict(row) for row in rows])
        return
    if not rows:
        say("No notices." if every else "Every notice was sent.")
        return
    print_table(
        "Notices (UTC)",
        ("made", "channel", "kind", "subject", "status", "tries", "last trouble"),
        [
            (
                f"{row['created_at']:%Y-%m-%d %H:%M}",
                row["channel"],
                row["kind"],
                row["subject"],
                row["status"],
                f"{row['attempts']}",
                row["last_error"] or "–",
            )
            for row in rows
        ],
        right=("tries",),
    )
