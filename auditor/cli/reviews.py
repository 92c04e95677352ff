"""Commands of the reviewed sample: draw one for a radiologist, take the answers back, see what they correct."""

from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.console import Json, actor, day, now, print_json, print_table, say, workspace

if TYPE_CHECKING:
    from auditor.reviews.correct import Correction
    from monitors.adjudication import Corrected
    from monitors.judge_accuracy import Accuracy

_CLASSES = {
    "contradicted": "the judge finds a contradiction",
    "unsupported": "the judge finds something the reference is silent about",
    "unflagged": "the judge finds no fabrication",
    "missing": "the judge has no judgement",
}


_JUDGE = {
    "agreement": "Reports where judge (significant contradiction) and reviewers (significant fabrication) agree",
    "sensitivity": "Of the reports in which reviewers find one, the judge does in",
    "specificity": "Of the reports in which reviewers find none, the judge finds none in",
}


def add_to(app: typer.Typer) -> None:
    reviews = typer.Typer(help="A radiologist's sample that corrects the automatic numbers.", no_args_is_help=True)
    reviews.command("sample")(sample)
    reviews.command("import")(import_sheet)
    app.add_typer(reviews, name="reviews")


def sample(
    system: Annotated[str, typer.Argument(help="The system, as named in its audit.yaml.")],
    output: Annotated[Path, typer.Option(help="The sheet to write, .csv or .jsonl; must not exist yet.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many reports to review.")] = 200,
    start: Annotated[str | None, typer.Option("--from", help="First day (default: the newest audit's).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, included (default: the audit's).")] = None,
    blind: Annotated[bool, typer.Option(help="Leave out what the judge found.")] = False,
    as_json: Json = False,
) -> None:
    """Draw reports of the newest audit for a radiologist and write the sheet to fill in.

    The sheet holds report texts and is readable by you alone (mode 0600): keep it as you keep reports.
    """
    from auditor.reviews.draw import draw_sample

    place = workspace()
    drawn = draw_sample(
        place.ledger(),
        place.lake(),
        system,
        n=n,
        output=output,
        at=now(),
        actor=actor(),
        blinded=blind,
        start=day(start, "--from"),
        end=day(end, "--to"),
    )
    if as_json:
        strata = [{"stratum": name, "reports": rows, "drawn": taken} for name, rows, taken in drawn.strata]
        about = {"sample": drawn.sample, "audit": drawn.audit, "version": drawn.version, "blinded": drawn.blinded}
        counts = {"drawn": drawn.drawn, "ask_for": drawn.ask_for or None, "again": drawn.again}
        print_json({**about, "file": str(output), **counts, "strata": strata})
        return
    print_table(
        f"Sample {drawn.sample}: version {drawn.version}, {drawn.window}",
        ("stratum", "reports", "drawn"),
        [(_CLASSES[name], f"{rows:,}", f"{taken:,}") for name, rows, taken in drawn.strata],
        right=("reports", "drawn"),
    )
    if drawn.drawn < n:
        say(f"The window has only {drawn.drawn:,} reports to review.")
    if drawn.ask_for:
        say(
            f"Few unflagged reports are drawn for an error that may be rare, so its upper limit will be cautious: "
            f"ask for --n {drawn.ask_for} or more."
        )
    say(
        f"{output}: {drawn.drawn:,} reports. It holds report texts and is readable by you alone (mode 0600); "
        "keep it as you keep reports, and delete it when its answers are in.\n"
        f"Then: auditor reviews import {output} --reviewer NAME"
    )


def import_sheet(
    file: Annotated[Path, typer.Argument(help="The sheet as the reviewer filled it in.")],
    reviewer: Annotated[str, typer.Option(help="Who read; kept as a pseudonym. Spell it the same every time.")],
    as_json: Json = False,
) -> None:
    """Take a reviewer's answers in, all or none, and print the corrected rate. Harmless to repeat."""
    from auditor.reviews.correct import correct, sample_named
    from auditor.reviews.take_in import import_reviews
    from monitors.reviewed import AdjudicationError

    place = workspace()
    ledger = place.ledger()
    result = import_reviews(ledger, file, reviewer=reviewer, key=place.key(), at=now(), actor=actor())
    try:
        found = correct(ledger, sample_named(ledger, result.sample))
    except AdjudicationError:  # everything so far was skipped
        found = None
    if as_json:
        about = {name: getattr(result, name) for name in ("sample", "system", "reader", "new", "corrected")}
        counts = {name: getattr(result, name) for name in ("unchanged", "skipped", "open")}
        print_json({**about, **counts, "correction": found and _as_json(found)})
        return
    say(
        f"{result.sample}: {result.new:,} new, {result.corrected:,} corrected, {result.unchanged:,} unchanged; "
        f"{result.skipped:,} skipped; {result.open:,} of the sample not answered by this reader yet."
    )
    if found is None:
        say("Every review so far was skipped: there is nothing to correct with.")
    else:
        _print(found)


def _print(found: "Correction") -> None:
    rates = [
        ("the system (process)", found.process),
        ("the reports of this window", found.window),
        *([("the system, by PPI++", found.powered)] if found.powered else []),
    ]
    place = f"version {found.sample.version}, {found.sample.window}"
    print_table(
        f"Clinically significant fabrication, corrected by reviews: {place}",
        ("rate of", "share", "95 % interval", "reviews", "positive", "effective n"),
        [
            (
                name,
                f"{rate.value:.1%}",
                f"{rate.low:.1%}–{rate.high:.1%}",
                f"{rate.reviewed:,}",
                f"{rate.events:g}",
                f"{rate.n_eff:.0f}",
            )
            for name, rate in rates
        ],
        right=("share", "95 % interval", "reviews", "positive", "effective n"),
    )
    flagged = " or ".join(found.sample.frame.flagged)
    say(f"Uncorrected: the judge flags {found.judge_rate:.1%} of these reports as {flagged}.")
    for name, rate in _known(found).items():
        say(f"{_JUDGE[name]}: {rate.value:.0%} ({rate.low:.0%}–{rate.high:.0%}).")
    if found.twice:
        say(f"{found.twice:,} reports were read twice or more; readers differ on {found.split:,}.")
    for note in found.notes:
        say(f"Note: {note}.")


def _as_json(found: "Correction") -> dict[str, Any]:
    return {
        "question": found.question,
        "process": _rate(found.process),
        "window": _rate(found.window),
        "ppi": found.powered and _rate(found.powered),
        "judge_rate": found.judge_rate,
        "agreement": None,
        "sensitivity": None,
        "specificity": None,
        **{name: asdict(rate) for name, rate in _known(found).items()},
        "drawn": found.drawn,
        "not_returned": found.open,
        "readers": found.readers,
        "read_twice": found.twice,
        "readers_differ": found.split,
        "notes": list(found.notes),
    }


def _known(found: "Correction") -> dict[str, "Accuracy"]:
    """Agreement, sensitivity and specificity of the judge, where the reviews can tell them."""
    names = ("agreement", "sensitivity", "specificity")
    rates = {name: getattr(found.accuracy, name) for name in names}
    return {name: rate for name, rate in rates.items() if not isnan(rate.value)}


def _rate(rate: "Corrected") -> dict[str, Any]:
    named = {name: value for name, value in asdict(rate).items() if name not in ("strata", "note")}
    return named | {"strata": [asdict(one) for one in rate.strata]}
