"""What every command shares: the workspace, the clock, how results and refusals are printed."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from auditor.workspace import Workspace

#: Exit codes of `auditor audit` by status; every refusal of any command is 2.
EXIT = {"ok": 0, "watch": 0, "act": 1, "failed": 2, "insufficient": 3, "stale": 3}
REFUSED = 2

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


class DateError(ValueError):
    """A date on the command line that cannot be read."""


def now() -> datetime:
    """The clock of the command line: below it, time is always a parameter."""
    return datetime.now(UTC)


def actor() -> str:
    """Who is asking, for the journal."""
    return os.environ.get("AUDITOR_ACTOR") or os.environ.get("USER") or "unknown"


def day(text: str | None, option: str) -> date | None:
    """The day that an option gives, None where it gives none. Raises DateError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise DateError(f"{option} must be a day such as 2026-03-01.") from None


def workspace() -> "Workspace":
    """The workspace that AUDITOR_WORKSPACE names (default ./workspace)."""
    from auditor.settings import Environment
    from auditor.workspace import open_workspace

    return open_workspace(Environment())


def say(message: str) -> None:
    """A line for people, on standard error so that standard output stays clean for pipes."""
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()
) -> None:
    """A table that aligns; columns named in `right` hold numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(120, console.width))
    console.print(table)


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A progress bar on standard error; yields a function (stage, done, total, detail) that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def move(stage: str, done: int, total: int, detail: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            said = f"{stage}: {detail}" if detail else stage
            bar.update(tasks[stage], completed=done, total=total, description=said)

        yield move


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
