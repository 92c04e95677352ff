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
    from auditor.replay.collect import Budget, expected_cost
    from auditor.replay.collect import replay as ask
    from auditor.replay.families import model_for
    from auditor.replay.notebook import Notebook
    from auditor.replay.probes import probes
    from auditor.replay.questions import model_of, questions
    from auditor.store.model_facts import keep_facts

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    settings = newest_settings(ledger, system)[1]
    setting = model_of(settings)
    model = model_for(settings, images)
    plain = questions(settings, ledger, lake, model.fingerprint, sample, _attributes(where or []))
    probing = probes(settings, ledger, lake, model.fingerprint, plain)
    prompts = [*plain, *probing]
    if dry_run:
        expected = expected_cost(ledger, lake, settings, len(prompts))
        say(
            f"{len(plain):,} questions and {len(probing):,} probes for version {setting.version}{expected}; "
            "nothing was asked."
        )
        return
    with ledger.transaction(actor=actor(), at=now()) as tx:
        keep_facts(tx, system, setting.version, model.fingerprint, model.facts)
    with Notebook(place.path / "replay" / f"{system}.jsonl") as notebook, progress_bar() as bar:
        result = ask(
            prompts,
            model,
            notebook,
            settings=settings,
            version=setting.version,
            ledger=ledger,
            lake=lake,
            clock=now,
            actor=actor(),
            budget=Budget(tokens, seconds),
            progress=lambda done, total: bar("asking", done, total),
        )
    if as_json:
        print_json(asdict(result))
    else:
        say(
            f"{result.questions:,} questions: {result.known:,} answered before, {result.asked:,} asked "
            f"({result.errors:,} errors kept, {result.unanswered:,} unanswered); "
            f"{result.tokens:,} tokens, {result.seconds:,.1f} seconds of the model."
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
