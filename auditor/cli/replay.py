"""`auditor replay`: ask the live model again."""

from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.console import Json, actor, now, print_json, progress_bar, say, workspace


def add_to(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    system: Annotated[str, typer.Argument(help="The system; audit.yaml says under 'model' how to reach it.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Ask only so many questions, chosen by hash.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only cases with this attribute, site=north; may be repeated.")
    ] = None,
    images: Annotated[Path, typer.Option(help="The folder that relative image addresses start from.")] = Path(),
    tokens: Annotated[int | None, typer.Option(min=1, help="Stop after so many tokens.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after so many seconds of model time.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say how much would be asked, ask nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the model what it was asked before; answers become outputs marked 'replayed'.

    The probes of audit.yaml (other images, other words, false premises) are asked with it; they tell whether the
    answers hang on the image, and are never measured as the system's own.

    May be stopped at any moment and started again: nothing is asked twice. Exit code 3 when the server left
    questions unanswered.
    """
    from dataclasses import asdict

    from auditor.audit.scope import newest_settings
    from auditor.replay.again import Asked, ask_again, expected
    from auditor.replay.collect import Budget
    from auditor.replay.cost import Underway

    place = workspace()
    settings = newest_settings(place.ledger(), system)[1]
    asked = Asked(sample, _attributes(where or []), images, Budget(tokens, seconds))
    if dry_run:
        say(expected(place, settings, asked))
        return
    with progress_bar() as bar:

        def move(at: Underway) -> None:
            bar("asking", at.asked, at.questions, str(at))

        result = ask_again(place, settings, asked, now, actor(), progress=move, announce=say)
    if as_json:
        print_json(asdict(result))
    else:
        counted = f"{result.tokens:,} tokens, " if result.tokens else ""
        say(
            f"{result.questions:,} questions: {result.known:,} answered before, {result.asked:,} asked "
            f"({result.errors:,} errors kept, {result.unanswered:,} unanswered); "
            f"{counted}{result.seconds:,.1f} seconds of the model."
        )
        if result.stopped:
            say("Stopped at the budget; run it again to go on.")
    if result.unanswered:
        raise typer.Exit(3)


def _attributes(given: list[str]) -> dict[str, str]:
    from auditor.replay.protocol import ReplayError

    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise ReplayError("--where takes an attribute and its value, for example site=north.")
        found[name.strip()] = value.strip()
    return found
