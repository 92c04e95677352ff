"""Commands that carry an audit to people: report, reports, sign, bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, say, workspace

if TYPE_CHECKING:
    from auditor.issuing.issue import Issued


class FormatError(ValueError):
    """A report format that does not exist."""


def add_to(app: typer.Typer) -> None:
    app.command()(report)
    app.command()(reports)
    app.command()(sign)
    app.command()(bundle)


def report(
    system: Annotated[str | None, typer.Argument(help="The system, as named in its audit.yaml.")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="Of all systems instead.")] = False,
    audit: Annotated[str | None, typer.Option(help="Which audit (default: the newest).")] = None,
    format: Annotated[str, typer.Option(help="html, pdf, json, md, xml, or several with commas.")] = "html",
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
    as_json: Json = False,
) -> None:
    """Issue the weekly report of a system or of the fleet, and write its files.

    A report is issued once: asked for again while nothing has changed, the same files are written. What came later
    makes a new report that names the one before it.
    """
    from auditor.audit.pages import pages_of
    from auditor.issuing.issue import FILES
    from auditor.issuing.write import wanted_files, write_files

    if (system is None) == (not fleet):
        raise FormatError("Name a system, or ask for the report of the fleet with --fleet.")
    formats = [name.strip() for name in format.split(",")]
    for name in formats:
        if name not in FILES:
            raise FormatError(f"There is no report format {name!r}; choose from {', '.join(FILES)}.")
    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    issued = _issued(place, ledger, lake, system, audit)
    pages = pages_of(ledger, lake, issued.audit) if issued.audit and "html" in formats else {}
    written = write_files(wanted_files(issued, [FILES[name] for name in formats], pages), output)
    if as_json:
        print_json({"report": issued.report, "files": [str(path) for path in written], "issued": not issued.known})
        return
    for path in written:
        say(f"{path}")
    before = " (issued before, unchanged)" if issued.known else ""
    say(f"{issued.report}{before}. Sign it: auditor sign {issued.report} --as NAME")


def _issued(place: Any, ledger: Any, lake: Any, system: str | None, audit: str | None) -> "Issued":
    from auditor.issuing.issue import issue_fleet, issue_weekly
    from auditor.settings import Environment
    from auditor.signing.anchors import anchor_now, signing_key

    key = signing_key(place, ledger, actor(), now())
    budget = Environment().alarms_a_year
    if system is None:
        issued = issue_fleet(ledger, lake, at=now(), actor=actor(), alarms_a_year=budget, key=key)
    else:
        issued = issue_weekly(
            ledger, lake, system, audit=audit, at=now(), actor=actor(), alarms_a_year=budget, key=key
        )
    if not issued.known and (problem := anchor_now(place, ledger, actor(), now())):
        say(problem)
    return issued


def reports(
    system: Annotated[str | None, typer.Option(help="Of one system only.")] = None, as_json: Json = False
) -> None:
    """List the reports that were issued, and who signed them."""
    import sqlalchemy as sa

    from auditor.signing.signoff import by_report
    from auditor.store import tables as t

    ledger = workspace().ledger()
    query = sa.select(t.reports).order_by(t.reports.c.seq.desc())
    rows = ledger.read(query if system is None else query.where(t.reports.c.system == system))
    signed = {
        name: [", ".join(filter(None, (f"{one['full_name']}: {one['meaning']}", one["decision"]))) for one in some]
        for name, some in by_report(ledger).items()
    }
    if as_json:
        print_json([dict(row) | {"signed": signed.get(row["id"], [])} for row in rows])
        return
    print_table(
        "",
        ("report", "of", "audit", "issued", "signed", "replaces"),
        [
            (
                row["id"],
                row["system"] or "the fleet",
                row["audit"] or "–",
                f"{row['at']:%Y-%m-%d %H:%M} UTC",
                "; ".join(signed.get(row["id"], [])) or "nobody",
                row["replaces"] or "–",
            )
            for row in rows
        ],
    )


def sign(
    report: Annotated[str, typer.Argument(help="The report, as 'auditor reports' names it.")],
    name: Annotated[str, typer.Option("--as", help="Who signs: the name of an account.")],
    meaning: Annotated[str, typer.Option(help="reviewed, approved, rejected or authored.")] = "reviewed",
    decision: Annotated[str, typer.Option(help="continue, restrict, pause or re-validate.")] = "",
    note: Annotated[str, typer.Option(help="What else is to stand beside the signature.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from a pipe.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign a report with your name, the time, its meaning, and your password given again.

    The signature names the hashes of the report's files. Later data make another report and never change this.
    """
    from auditor.cli.people import ask_password
    from auditor.signing.anchors import anchor_now
    from auditor.signing.keys import known
    from auditor.signing.people import authenticate, person
    from auditor.signing.signoff import sign as sign_off
    from auditor.signing_key import read_key

    place = workspace()
    ledger = place.ledger()
    key = read_key(place.signing_key_file)
    person(ledger, name)  # before a password is asked for
    who = authenticate(ledger, name, ask_password(f"Password of {name}", password_stdin), now())
    known(ledger, key, name, now())
    number = sign_off(ledger, key, report, who, meaning=meaning, decision=decision, note=note, at=now())
    problem = anchor_now(place, ledger, name, now())
    if as_json:
        print_json({"signature": number, "report": report, "by": who["full_name"], "key": key.id})
    else:
        say(f"{report} is signed by {who['full_name']}: {meaning}{f', {decision}' if decision else ''}.")
    if problem:
        say(problem)


def bundle(
    report: Annotated[str, typer.Argument(help="The report, as 'auditor reports' names it.")],
    file: Annotated[Path, typer.Argument(help="The ZIP to write; must not exist yet.")],
    as_json: Json = False,
) -> None:
    """Write an inspector's bundle: report, evidence, journal, signatures and a verifier that needs only Python."""
    from dataclasses import asdict

    from auditor.issuing.bundle import write_bundle
    from auditor.signing.anchors import append
    from auditor.signing.keys import known
    from auditor.signing_key import read_key

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    key = read_key(place.signing_key_file)
    known(ledger, key, actor(), now())
    made, anchor = write_bundle(ledger, lake, place.identity, report, key, file, now())
    append(place.anchor_file, anchor)
    if as_json:
        print_json(asdict(made))
        return
    say(
        f"{made.file}: {made.report}, {made.entries:,} journal entries, {made.signatures} signatures.\n"
        f"Key: {made.key}\n"
        "Check it anywhere: unpack it and run 'python3 verify.py'."
    )
