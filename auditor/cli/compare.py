"""`auditor compare`: two versions on the same cases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, progress_bar, say, workspace

if TYPE_CHECKING:
    from reports.comparison import ComparedMeasure, Comparison

#: 0: nothing that decides is worse; 1: something is; 3: it cannot be told yet.
EXIT = {"ok": 0, "undecided": 3, "insufficient": 3, "worse": 1}
_LISTED = 12


class MarginError(ValueError):
    """A margin that cannot be read."""


class OutputError(ValueError):
    """A file that the comparison cannot be written to."""


def add_to(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    old: Annotated[str, typer.Argument(help="The version in use.")],
    new: Annotated[str, typer.Argument(help="The version that is to follow it.")],
    system: Annotated[str, typer.Option(help="The system, as named in its audit.yaml.")],
    margin: Annotated[
        list[str] | None, typer.Option(help="The largest loss that is accepted, accuracy=0.02; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the committee's report to this file, .html or .pdf.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two versions on the cases that both answered, as evidence before a change.

    Measures named in audit.yaml's thresholds or by --margin decide; all others are shown. Cases that were fixed
    and cases that were broken are listed by their pseudonyms.

    Exit code: 0 nothing that decides is worse, 1 something is, 2 error, 3 too little to tell.
    """
    from dataclasses import asdict

    from auditor.audit.comparing import compare as compared
    from reports.comparison_page import render, render_pdf

    if output is not None and output.suffix not in (".html", ".pdf"):
        raise OutputError("--output takes a file that ends in .html or .pdf.")
    place = workspace()
    with progress_bar() as progress:
        found = compared(
            place.ledger(),
            place.lake(),
            system,
            old,
            new,
            as_of=now(),
            clock=now,
            actor=actor(),
            margins=_margins(margin or []),
            progress=progress,
        )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(render_pdf(found) if output.suffix == ".pdf" else render(found).encode())
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
        if output is not None:
            say(f"{output}")
    raise typer.Exit(EXIT[found.status])


def _margins(given: list[str]) -> dict[str, float]:
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            size = float(value)
        except ValueError:
            size = -1.0
        if not name or not 0 <= size <= 1:
            raise MarginError("--margin takes a measure and a loss from 0 to 1, for example accuracy=0.02.")
        found[name.strip()] = size
    return found


def _print(found: "Comparison") -> None:
    from reports.comparison_page import by_gravity
    from reports.numbers import item_name, number, slice_name, with_interval
    from reports.text import OUTPUTS, TASKS

    for shared in found.shared:
        say(
            f"{TASKS[shared.task]}: {shared.shared:,} {OUTPUTS[shared.task][1]} of both about "
            f"{shared.cases:,} cases of {shared.patients:,} patients; {found.old} alone "
            f"{shared.only_old:,}, {found.new} alone {shared.only_new:,}."
        )

    def where(one: "ComparedMeasure") -> str:
        parts = [item_name(one.item), "" if one.slice == "all" else slice_name(one.slice)]
        return ", ".join(filter(None, parts))

    chosen = [one for one in by_gravity(found.measures) if not one.suppressed and one.value is not None]
    decided = [one for one in chosen if one.status]
    shown = decided or [one for one in chosen if one.slice == "all" and not one.item]
    print_table(
        f"{found.title}: {found.new} against {found.old}: {found.status.upper()}",
        ("verdict", "measure", "where", found.old, found.new, "difference [interval]"),
        [
            (
                one.status or "shown",
                one.title,
                where(one),
                number(one.old, one.unit),
                number(one.new, one.unit),
                with_interval(one.value, one.low, one.high, one.unit, "reference"),
            )
            for one in shown
        ],
        right=(found.old, found.new, "difference [interval]"),
    )
    print_table(
        "",
        ("error", "in both", "fixed", "broken"),
        [
            (one.error, f"{one.both:,}", f"{len(one.fixed):,}", f"{len(one.broken):,}")
            for one in found.changed[:_LISTED]
        ],
        right=("in both", "fixed", "broken"),
    )
