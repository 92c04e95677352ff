"""Commands that take rows in: ingest, and what to do about the rows that could not be taken."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, progress_bar, say, workspace
from auditor.records import RECORDS, Kind

if TYPE_CHECKING:
    from auditor.intake.ingest import IngestResult
    from auditor.intake.mapping import ColumnMapping
    from auditor.settings import AuditSettings
    from auditor.store.ledger import Ledger


class RequestError(ValueError):
    """A request that names no kind, no file or no system there is."""


System = Annotated[str | None, typer.Option(help="The system (needed where the workspace has several).")]


def add_to(app: typer.Typer) -> None:
    app.command()(ingest)
    quarantine = typer.Typer(help="Rows that could not be taken in, and why.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("export")(quarantine_export)
    quarantine.command("retry")(quarantine_retry)
    app.add_typer(quarantine, name="quarantine")


def ingest(
    kind: Annotated[str, typer.Argument(help="outputs, references or cases.")],
    files: Annotated[list[Path] | None, typer.Argument(help="JSON Lines, CSV (also .gz) or Parquet.")] = None,
    system: System = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML that names foreign columns.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Check everything, write nothing.")] = False,
    check_images: Annotated[bool, typer.Option(help="Open every image, to see that it can be read.")] = False,
    image_statistics: Annotated[
        bool, typer.Option(help="Cases: add brightness, contrast, sharpness, clipping and size of their images.")
    ] = False,
    watch: Annotated[Path | None, typer.Option(help="Take every new file of this folder, until Ctrl-C.")] = None,
    as_json: Json = False,
) -> None:
    """Take files in. Bad rows go to quarantine with a reason, the rest of the file goes in.

    Exit code 0 also when rows were quarantined: nothing is lost, and 'auditor quarantine list' has them.
    """
    which = _kind(kind)
    if not files and watch is None:
        raise RequestError("Name at least one file, or a folder with --watch.")
    place = workspace()
    ledger = place.ledger()
    settings = _settings(ledger, system)
    read_mapping = _mapping(mapping, which) if mapping else None

    def take(file: Path) -> "IngestResult":
        from auditor.intake.ingest import ingest as take_in

        with progress_bar() as progress:
            return take_in(
                file,
                which,
                settings=settings,
                mapping=read_mapping,
                ledger=ledger,
                lake=place.lake(),
                key=place.key(),
                received_at=now(),
                actor=actor(),
                dry_run=dry_run,
                check_images=check_images,
                image_statistics=image_statistics,
                workers=min(os.cpu_count() or 1, 4),
                progress=lambda done, total: progress(f"reading {file.name}", done, total),
            )

    results = []
    for file in files or ():
        result = take(file)
        results.append(_result(file, result))
        if not as_json:
            _tell(file, result, dry_run)
    if as_json:
        print_json(results)
    if watch is not None:
        _watch(watch, take)


def quarantine_list(
    system: System = None,
    every: Annotated[bool, typer.Option("--all", help="Rows that went in later, too.")] = False,
    as_json: Json = False,
) -> None:
    """The rows that wait, with their reason."""
    from auditor.intake.quarantine import listed

    ledger = workspace().ledger()
    rows = listed(ledger, _settings(ledger, system).system, resolved=every)
    if as_json:
        print_json(
            [
                {
                    "id": row.id,
                    "kind": row.kind,
                    "file_sha256": row.file_sha256,
                    "row": row.row,
                    "field": row.field,
                    "reason": row.reason,
                    "status": row.status,
                    "received_at": row.received_at,
                }
                for row in rows
            ]
        )
    elif not rows:
        say("No row is in quarantine.")
    else:
        print_table(
            "Quarantine",
            ("id", "kind", "file", "row", "reason", "status"),
            [(str(r.id), r.kind, Path(r.file).name, f"{r.row:,}", r.reason, r.status) for r in rows],
            right=("id", "row"),
        )


def quarantine_export(
    output: Annotated[Path, typer.Argument(help="Where to write JSON lines; - prints.")] = Path("-"),
    system: System = None,
) -> None:
    """The waiting rows as JSON lines without identifiers, for the people who made the file."""
    from auditor.intake.quarantine import export

    ledger = workspace().ledger()
    name = _settings(ledger, system).system
    if str(output) == "-":
        export(ledger, name, sys.stdout)
        return
    with output.open("w", encoding="utf-8") as file:
        say(f"{export(ledger, name, file):,} rows → {output}")


def quarantine_retry(
    system: System = None,
    mapping: Annotated[
        list[str] | None, typer.Option(help="Mapping of a kind, as KIND=FILE; may be given for each kind.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the sources again and take in the rows that are in order by now."""
    from auditor.intake.quarantine import retry

    place = workspace()
    ledger = place.ledger()
    mappings: dict[Kind, ColumnMapping] = {}
    for entry in mapping or ():
        kind, _, file = entry.partition("=")
        mappings[_kind(kind)] = _mapping(Path(file), _kind(kind))
    result = retry(
        settings=_settings(ledger, system),
        mappings=mappings,
        ledger=ledger,
        lake=place.lake(),
        key=place.key(),
        received_at=now(),
        actor=actor(),
    )
    if as_json:
        print_json(
            {"tried": result.tried, "resolved": result.resolved, "still": result.still, "notes": result.notes}
        )
        return
    for note in result.notes:
        say(note)
    say(f"{result.tried:,} rows tried, {result.resolved:,} went in, {result.still:,} stay in quarantine.")


def _watch(folder: Path, take: Any) -> None:
    from auditor.intake.watch import watch as look

    def one(file: Path) -> None:
        try:
            _tell(file, take(file), dry_run=False)
        except ValueError as refusal:
            # one bad file must not end the watch over the others
            say(str(refusal))

    if not folder.is_dir():
        raise RequestError(f"{folder} is not a folder; --watch needs one.")
    say(f"Watching {folder}; end with Ctrl-C.")
    look(folder, one, sleep=time.sleep)


def _kind(kind: str) -> Kind:
    if kind not in RECORDS:
        raise RequestError(f"There is no kind {kind!r}; choose outputs, references or cases.")
    return kind


def _mapping(file: Path, kind: Kind) -> "ColumnMapping":
    from auditor.intake.mapping import parse_mapping

    try:
        return parse_mapping(file.read_text(encoding="utf-8"), kind, file.name)
    except UnicodeDecodeError:
        raise RequestError(f"{file} is not UTF-8 text; a mapping is a YAML file.") from None


def _settings(ledger: "Ledger", system: str | None) -> "AuditSettings":
    """The settings of the named system, or of the only one there is."""
    import sqlalchemy as sa

    from auditor.audit.scope import newest_settings
    from auditor.store import tables as t

    if system is None:
        names = sorted(row["name"] for row in ledger.read(sa.select(t.systems.c.name)))
        if not names:
            raise RequestError("No system is registered yet: run 'auditor apply audit.yaml' first.")
        if len(names) > 1:
            raise RequestError(f"Which system? Name one with --system: {', '.join(names)}.")
        system = names[0]
    return newest_settings(ledger, system)[1]


def _result(file: Path, result: "IngestResult") -> dict[str, Any]:
    return {
        "file": str(file),
        "rows": result.rows,
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "conflicts": result.conflicts,
        "quarantined": result.quarantined,
        "already": result.already,
        "reasons": [{"reason": reason, "rows": rows} for reason, rows in result.reasons],
        "notes": list(result.notes),
    }


def _tell(file: Path, result: "IngestResult", dry_run: bool) -> None:
    if result.already:
        say(f"{file.name}: taken in before ({result.rows:,} rows); nothing to do.")
        return
    words = "would go in" if dry_run else "went in"
    say(
        f"{file.name}: {result.rows:,} rows; {result.accepted:,} {words}, {result.duplicates:,} were there, "
        f"{result.quarantined:,} to quarantine."
    )
    for reason, rows in result.reasons[:10]:
        say(f"  {rows:,} × {reason}")
    for note in result.notes:
        say(f"  {note}")
