"""Section 3: what was audited: from outputs to judgements, how final it is, which versions."""

from collections.abc import Iterator

from reports.document import Block, Card, Cards, Cell, Facts, Heading, Section, cell, paragraph
from reports.dossier import Dossier, Flow
from reports.draft_seen import seen_sentence
from reports.figures.flow import flow_figure
from reports.numbers import day, days, integer, moment
from reports.sections.selected import selection
from reports.text import OUTPUTS, TASKS, WORDS


def scope(dossier: Dossier) -> Section:
    """Flows of the current version, sentences on the others, and what the window holds."""
    return Section("scope", WORDS["scope"], tuple(_blocks(dossier)), 3)


def _blocks(dossier: Dossier) -> Iterator[Block]:
    yield Facts(tuple(_facts(dossier)))
    cards = flow_cards(dossier, drawn=True)
    if cards:
        yield Heading(WORDS["flow"])
        yield Cards(tuple(cards))
    else:
        yield paragraph(WORDS["audited_none"].format(version=dossier.current_version))
    for sentence in other_flows(dossier):
        yield paragraph(sentence, small=True)
    yield from selection(dossier)
    if dossier.version_changes:
        changed = "; ".join(f"{version} ({day(since)})" for since, version in dossier.version_changes)
        yield paragraph(WORDS["version_changes"].format(changes=changed))


def _facts(dossier: Dossier) -> Iterator[tuple[str, Cell]]:
    yield WORDS["window"], cell(days(dossier.start, dossier.end))
    yield WORDS["as_of"], cell(moment(dossier.as_of, dossier.timezone))
    yield WORDS["final"], cell(WORDS["maturity"].format(days=dossier.maturity_days))


def flow_cards(dossier: Dossier, *, drawn: bool) -> list[Card]:
    """One card a task of the current version; with the figure where there is room for it."""
    return [
        Card(
            title=TASKS.get(flow.task, flow.task) if drawn else audited(flow),
            big=audited(flow) if drawn else "",
            lines=(cell(_people(flow)), cell(losses(flow)), *_seen(dossier, flow)),
            figure=flow_figure(flow, f"flow{i}") if drawn else None,
        )
        for i, flow in enumerate(dossier.flows)
        if flow.version == dossier.current_version
    ]


def _seen(dossier: Dossier, flow: Flow) -> tuple[Cell, ...]:
    """What is known of references that were written with the draft in view."""
    sentence = seen_sentence(dossier, flow.version) if flow.task == "report" else ""
    return (cell(sentence),) if sentence else ()


def audited(flow: Flow) -> str:
    """Audited so many of so many."""
    return WORDS["audited"].format(
        judged=integer(flow.judged),
        outputs=integer(flow.outputs),
        noun=OUTPUTS.get(flow.task, ("output", "outputs"))[flow.outputs != 1],
    )


def other_flows(dossier: Dossier) -> list[str]:
    """One sentence for each flow of another version."""
    return [
        WORDS["flow_other"].format(
            version=flow.version,
            judged=integer(flow.judged),
            outputs=integer(flow.outputs),
            noun=OUTPUTS.get(flow.task, ("output", "outputs"))[flow.outputs != 1],
        )
        for flow in dossier.flows
        if flow.version != dossier.current_version
    ]


def _people(flow: Flow) -> str:
    unit = WORDS["units_unkeyed"] if flow.study_clustered_share else WORDS["patients"]
    return WORDS["audited_patients"].format(patients=integer(flow.patients), unit=unit, cases=integer(flow.cases))


def losses(flow: Flow) -> str:
    """What was not audited and why; what has no time."""
    lost = [
        f"{integer(getattr(flow, name))} {WORDS[name]}"
        for name in ("awaiting", "unparseable", "judge_failed", "output_error")
        if getattr(flow, name)
    ]
    said = WORDS["flow_loss"].format(losses=", ".join(lost)) if lost else WORDS["flow_lossless"]
    return said + (f" {WORDS['undated'].format(count=integer(flow.undated))}" if flow.undated else "")
