"""`auditor lookback`: the cases whose signed report holds an error that the draft brought in."""

from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.console import Json, print_json, print_table, say, workspace


def add_to(app: typer.Typer) -> None:
    app.command()(lookback)


def lookback(
    system: Annotated[str, typer.Argument(help="The system, as named in its audit.yaml.")],
    audit: Annotated[str | None, typer.Option(help="Which audit (default: the newest).")] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            help="Your own case ids, one a line: names those that are affected.", exists=True, dir_okay=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Cases in which a clinically significant error of the draft was signed: somebody should look at them again.

    Known where reports are held against an independent reference (tasks.report.reference) and the signed report is
    there too, marked draft_seen: yes. Case ids are pseudonyms; with --cases your own are hashed with the key of
    the workspace, and those that are affected are printed.
    """
    import sqlalchemy as sa

    from auditor.audit.reaching import is_known
    from auditor.audit.recorded import latest_audit, settings_of
    from auditor.intake.pseudonyms import Pseudonyms
    from auditor.store import tables as t

    place = workspace()
    ledger = place.ledger()
    row = latest_audit(ledger, system, audit)
    query = sa.select(t.details.c.payload).where(t.details.c.audit == row["id"], t.details.c.kind == "look_back")
    found = [one for payload in ledger.read(query) for one in payload["payload"]]
    if cases is not None:
        names = Pseudonyms(place.key())
        own = {names.of("case", line.strip()): line.strip() for line in cases.read_text("utf-8").splitlines()}
        found = [one | {"case": own[one["case_id"]]} for one in found if one["case_id"] in own]
    if as_json:
        print_json(found)
        return
    if not found:
        known = is_known(settings_of(ledger, row), "report")
        say("No such case." if known else "It cannot be known: reports are held against the signed report itself.")
        return
    print_table(
        f"{row['id']}: signed with an error of the draft",
        ("case", "day", "version", "findings"),
        [
            (one.get("case", one["case_id"]), one["day"] or "–", one["version"], ", ".join(one["findings"]))
            for one in found
        ],
    )
