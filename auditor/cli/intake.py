"""Commands that take rows in: ingest, and what to do about the rows that could not be taken."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, progress_bar, say, workspace

if TYPE_CHECKING:
    from auditor.workspace import Workspace

KINDS = ("outputs", "references", "cases")


class KindError(ValueError):
    """A kind of record that does not exist, or a system that must be named."""


def add_to(app: typer.Typer) -> None:
    app.command()(ingest)
    quarantine = typer.Typer(help="Rows that could not be taken in, and why.", no_args_is_help=True)
    quarantine.command("list")(quarantine_list)
    quarantine.command("export")(quarantine_export)
    quarantine.command("retry")(quarantine_retry)
    app.add_typer(quarantine, name="quarantine")
