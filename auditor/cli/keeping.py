"""`auditor erase`, `auditor hold`, `auditor retention`: what must go, what must stay, and for how long."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, say, workspace

if TYPE_CHECKING:
    from auditor.keeping.rewriting import Erased
    from auditor.settings import AuditSettings
    from auditor.workspace import Workspace

System = Annotated[str, typer.Argument(help="The system, as its audit.yaml names it.")]
Reason = Annotated[str, typer.Option(help="Why; kept for ever, so without anything about a patient.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
#: A file, never a word of the command line: that would stay in the history of the shell.
Patients = typer.Option(help="Patients, one identifier a line as the hospital writes it; - for standard input.")


class AskError(ValueError):
    """Something that cannot be undone was neither confirmed nor could be asked about."""


class PatientFileError(ValueError):
    """The file of patients cannot be used; says which line, never what stands there."""


def add_to(app: typer.Typer) -> None:
    app.command()(erase)
    hold = typer.Typer(help="Legal holds: while one stands, nothing it covers is erased.", no_args_is_help=True)
    hold.command("place")(place_hold)
    hold.command("lift")(lift_hold)
    hold.command("list")(list_holds)
    app.add_typer(hold, name="hold")
    retention = typer.Typer(help="Rows older than they must be kept.", no_args_is_help=True)
    retention.command("show")(show_retention)
    retention.command("apply")(apply_retention)
    app.add_typer(retention, name="retention")


def erase(
    system: System,
    patient_file: Annotated[Path, Patients],
    reason: Reason,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase every row of a patient from the lake; the journal keeps that it was done, when and why.

    Do it when no intake and no audit of the system is at work, and audit again afterwards.
    """
    from auditor.cases.building import sweep
    from auditor.keeping.erasure import erase_patient, unknown_patients
    from auditor.keeping.holds import refuse_if_held

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    subjects = _subjects(place, patient_file)
    unknown = unknown_patients(ledger, lake, system, set(subjects))
    for subject, line in subjects.items():  # all of them before anything is erased
        if subject in unknown:
            raise PatientFileError(f"Line {line}: nothing of this patient is in {system}; nothing was erased.")
        refuse_if_held(ledger, system, subject)
    _confirm(f"Erase all rows of {_counted(len(subjects), 'patient')} from {system}? It cannot be undone.", yes)
    made = [
        (subject, erase_patient(ledger, lake, system, subject, reason, actor(), now())) for subject in subjects
    ]
    sweep(ledger, place.path)  # lists of cases that were made of what is no more
    if as_json:
        print_json([{"subject": subject, **asdict(erased)} for subject, erased in made])
        return
    for _, erased in made:
        _tell(erased)
    if any(erased.total for _, erased in made):
        say(f"Run 'auditor audit {system}' for an audit without these rows.")


def place_hold(
    system: System, reason: Reason, patient_file: Annotated[Path | None, Patients] = None, as_json: Json = False
) -> None:
    """Forbid erasure of a whole system's rows, or of the patients' in a file."""
    from auditor.keeping.erasure import unknown_patients
    from auditor.keeping.holds import place as put

    place = workspace()
    ledger = place.ledger()
    subjects: dict[str | None, int] = {None: 0}
    if patient_file is not None:
        subjects = dict[str | None, int](_subjects(place, patient_file).items())
    unknown = unknown_patients(ledger, place.lake(), system, {s for s in subjects if s is not None})
    numbers = [put(ledger, system, reason, actor(), now(), subject) for subject in subjects]
    for line in (line for subject, line in subjects.items() if subject in unknown):
        say(f"Line {line}: nothing of this patient is in {system} yet; check the identifier. The hold stands.")
    if as_json:
        print_json({"holds": numbers})
        return
    covered = "the whole system" if patient_file is None else _counted(len(subjects), "patient")
    say(f"{system}: {covered} under hold ({', '.join(map(str, numbers))}).")


def lift_hold(number: Annotated[int, typer.Argument(help="The hold, as 'auditor hold list' numbers it.")]) -> None:
    """End a hold; what it covered may be erased again."""
    from auditor.keeping.holds import lift

    lift(workspace().ledger(), number, actor(), now())
    say(f"Hold {number} is lifted.")


def list_holds(
    system: Annotated[str | None, typer.Argument(help="Only of this system.")] = None, as_json: Json = False
) -> None:
    """The holds that stand; patients by keyed hash."""
    from auditor.keeping.holds import check_system, standing

    ledger = workspace().ledger()
    if system is not None:
        check_system(ledger, system)
    holds = standing(ledger, system)
    if as_json:
        print_json([asdict(hold) for hold in holds])
        return
    if not holds:
        say("No hold stands.")
        return
    print_table(
        "Holds",
        ("hold", "system", "covers", "since", "by", "reason"),
        [
            (str(h.id), h.system, h.subject or "everything", f"{h.placed_at:%Y-%m-%d}", h.actor, h.reason)
            for h in holds
        ],
    )


def show_retention(system: System, as_json: Json = False) -> None:
    """How long rows are kept, and what is older than that today."""
    from auditor.keeping.retention import due

    place = workspace()
    settings, today = _in_force(place, system)
    found = due(place.ledger(), place.lake(), settings, today)
    if as_json:
        print_json({"system": system, **asdict(found)})
        return
    say(f"{system} keeps rows for {found.years} years: those dated before {found.before} are past it.")
    say(f"Past it: {_listed(found.rows) or 'none'}.")
    if found.held:
        say(f"Kept for a hold on their patient: {found.held:,} outputs and studies.")


def apply_retention(system: System, yes: Yes = False, as_json: Json = False) -> None:
    """Erase what is past retention; refused under a hold on the system, and without the patients under a hold."""
    from auditor.keeping.holds import refuse_if_held
    from auditor.keeping.retention import apply, due

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    settings, today = _in_force(place, system)
    refuse_if_held(ledger, system)
    found = due(ledger, lake, settings, today)
    if found.rows:
        _confirm(f"Erase from {system}: {_listed(found.rows)}, dated before {found.before}?", yes)
    erased = apply(ledger, lake, settings, today, actor(), now())
    if as_json:
        print_json({"system": system, "before": found.before, "held": found.held, **asdict(erased)})
        return
    _tell(erased)


def _in_force(place: "Workspace", system: str) -> "tuple[AuditSettings, date]":
    """The settings applied last, and the day it is in the system's zone."""
    from auditor.audit.scope import newest_settings

    _, settings = newest_settings(place.ledger(), system)
    return settings, now().astimezone(ZoneInfo(settings.timezone)).date()


def _subjects(place: "Workspace", file: Path) -> dict[str, int]:
    """The keyed hash of each patient in a file, and the line on which it stands first."""
    from auditor.keeping.erasure import subject_of

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PatientFileError("The file of patients is not UTF-8 text; save it as UTF-8.") from None
    key, subjects = place.key(), dict[str, int]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            subjects.setdefault(subject_of(key, line), number)
    if not subjects:
        raise PatientFileError("The file of patients is empty; write one identifier a line.")
    return subjects


def _confirm(question: str, yes: bool) -> None:
    """Raises AskError where nobody can be asked, and ends the command where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise AskError("Nothing was erased: where nobody can be asked, say --yes.")
    if not typer.confirm(question, err=True):
        raise AskError("Nothing was erased.")


def _tell(erased: "Erased") -> None:
    if not erased.total:
        say("Nothing was left to erase." + (f" {erased.deleted} old files deleted." if erased.deleted else ""))
        return
    say(
        f"Erased: {_listed(erased.rows)}; {_counted(erased.rewritten, 'segment')} rewritten, "
        f"{_counted(erased.retired, 'segment')} of sums retired, {_counted(erased.deleted, 'old file')} deleted."
    )
    if erased.lost_judges:
        say(
            f"Judgements by {_counted(len(erased.lost_judges), 'earlier judge')} stay: they hold counts and no "
            "identifier, and nobody can tell any more whose they are."
        )


def _listed(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind if count != 1 else kind.removesuffix('s')}" for kind, count in rows.items())


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
