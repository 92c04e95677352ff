"""Page one: it stands alone. What is asked of the committee, the fleet, how sure the number is, what changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from reports import corrections, headline
from reports.briefing import Briefing, Change, Deployment, OpenAlert
from reports.document import (
    Badge,
    Block,
    Card,
    Cards,
    Cell,
    Facts,
    Heading,
    Legend,
    Run,
    Table,
    Verdict,
    bullets,
    cell,
    paragraph,
)
from reports.dossier import Dossier, Row
from reports.numbers import (
    NONE,
    basis,
    day,
    days,
    integer,
    moment,
    per_thousand,
    result,
    without_unit,
)
from reports.sections.alerts import alert_table
from reports.sections.people import reached_sentence
from reports.sections.performance import verdict_table
from reports.sections.scope import flow_cards, other_flows
from reports.sections.tables import heads
from reports.text import STATUSES, TASKS, WORDS, severity, words_of

_CHANGES: Final = 4  # listed on page one
_ASKED: Final = 3
_QUESTIONS: Final = 3  # of the verdict table, where a briefing fills the page
_FLEET: Final = 5  # deployments on page one of a report about one of them


def first_page(dossier: Dossier, briefing: Briefing | None) -> tuple[Block, ...]:
    """The blocks of page one."""
    return tuple(_blocks(dossier, briefing))


def _blocks(dossier: Dossier, briefing: Briefing | None) -> Iterator[Block]:
    table = headline.lines(dossier)
    yield Facts(tuple(_facts(dossier)), across=True)
    yield Verdict(WORDS["verdict"], dossier.status, headline.answer(dossier, table))
    if briefing is not None:
        yield from asked_blocks(briefing, [one for one in briefing.alerts if one.system == dossier.system])
    cards = (*error_card(dossier), *flow_cards(dossier, drawn=False))
    if cards:
        yield Cards(cards)
    if not any(flow.version == dossier.current_version for flow in dossier.flows):
        yield paragraph(WORDS["audited_none"].format(version=dossier.current_version))
    yield from triple(dossier)
    for sentence in other_flows(dossier):
        yield paragraph(sentence, small=True)
    yield Heading(WORDS["gravest"].format(version=dossier.current_version or WORDS["absent_text"]))
    if note := uncorrected([dossier]):
        yield paragraph(note, small=True)
    if table:
        shown = verdict_table(table[:_QUESTIONS] if briefing is not None else table)
        yield replace(shown, foot=WORDS["page_one_foot"])
    else:
        yield paragraph(WORDS["no_verdicts"])
    if briefing is not None:
        yield Heading(WORDS["fleet"])
        yield fleet_table(briefing, _FLEET)
        if len(briefing.fleet) > _FLEET:
            yield paragraph(WORDS["fleet_more"].format(count=len(briefing.fleet) - _FLEET), small=True)
        yield from changed_blocks(briefing)
    yield legend()


def _facts(dossier: Dossier) -> Iterator[tuple[str, Cell]]:
    yield WORDS["window"], cell(days(dossier.start, dossier.end))
    yield WORDS["as_of"], cell(moment(dossier.as_of, dossier.timezone))
    earlier = ", ".join(version for version in dossier.versions if version != dossier.current_version)
    note = WORDS["earlier_versions"].format(versions=earlier) if earlier else ""
    yield WORDS["version"], cell(dossier.current_version or WORDS["absent_text"], note)
    if dossier.owner:
        yield WORDS["owner"], cell(dossier.owner)
    if dossier.intended_use:
        yield WORDS["intended_use"], cell(dossier.intended_use)


def asked_blocks(briefing: Briefing, alerts: Sequence[OpenAlert]) -> Iterator[Block]:
    """What the committee is asked to decide: every open alert of harm, and of an audit that failed or is stale."""
    asked = sorted((one for one in alerts if one.severity != "watch"), key=lambda one: severity(one.severity))
    yield Heading(WORDS["asked"])
    if asked:
        yield alert_table(asked[:_ASKED], asked=True)
        if len(asked) > _ASKED:
            yield paragraph(WORDS["asked_more"].format(count=len(asked) - _ASKED), small=True)
    else:
        watched = sum(one.severity == "watch" for one in alerts)
        yield paragraph(WORDS["asked_none_watch"].format(count=watched) if watched else WORDS["asked_none"])
    left = [one for one in briefing.decided if one.state != "closed"]
    if left:
        overdue = sum(one.state == "overdue" for one in left)
        yield paragraph(WORDS["decided_left"].format(count=len(left), overdue=overdue), small=True)


def error_card(dossier: Dossier) -> Iterator[Card]:
    """Clinically significant errors per 1,000 reports: contradicted and unsupported apart, corrected or not."""
    rate = headline.per_thousand(dossier)
    if rate is None and not any(flow.task == "report" for flow in dossier.flows):
        return
    one = corrections.correction(dossier)
    apart = [cell(_unsupported(dossier)), cell(reached_sentence(dossier))]
    if one is not None:
        apart.append(cell(corrections.agreement(one, dossier.timezone)))
    if one is not None and one.same_window:
        label = WORDS["corrected_label"].format(reviewed=integer(one.reviewed))
        flagged = headline.whole_row(dossier, headline.PER_THOUSAND_REPORTS)
        beside = [cell(WORDS["corrected_beside"].format(rate=per_thousand(flagged)))] if flagged else []
        yield Card(
            WORDS["corrected_card"],
            corrections.per_thousand(one.process),
            (cell(label, style="strong"), *beside, *apart),
        )
        return
    unreviewed = cell(WORDS["per_thousand_earlier" if one else "per_thousand_label"], style="strong")
    if rate is None:
        yield Card(WORDS["per_thousand"], WORDS["per_thousand_missing"], (unreviewed, *apart))
        return
    meaning = cell(f"{basis(rate)}; {WORDS['per_thousand_meaning']}")
    yield Card(WORDS["per_thousand"], without_unit(rate), (unreviewed, meaning, *apart))


def triple(dossier: Dossier) -> Iterator[Block]:
    """Of report drafts always three rates together: by report, by positive claim, and what was left out."""
    rows = {measure: headline.whole_row(dossier, measure) for measure in headline.TRIPLE}
    if not any(flow.task == "report" for flow in dossier.flows) and not any(rows.values()):
        return
    missing = cell(WORDS["triple_missing"])
    pairs = [
        (WORDS[f"triple_{name}"], cell(without_unit(row), _basis(row)) if row else missing)
        for name, row in rows.items()
    ]
    yield Facts(tuple(pairs), across=True)


def _basis(row: Row) -> str:
    return basis(row) if row.value is not None and not row.suppressed else ""


def _unsupported(dossier: Dossier) -> str:
    row = headline.whole_row(dossier, "unsupported_reports")
    return WORDS["unsupported_unknown"] if row is None else WORDS["unsupported_apart"].format(share=result(row))


def fleet_table(briefing: Briefing, most: int | None = None) -> Table:
    """One line a deployment, the gravest first; what is unknown never looks fine."""
    ordered = sorted(briefing.fleet, key=lambda one: (severity(one.status if one.as_of else "stale"), one.title))
    return Table(
        heads=heads("fleet_heads"),
        rows=tuple(_deployment(one, briefing) for one in ordered[:most]),
        numeric=(2, 3, 4),
        widths=(1.2, 2.4, 1.5, 2.8, 1.7, 1.1),
        name="fleet",
    )


def _deployment(one: Deployment, briefing: Briefing) -> tuple[Cell, ...]:
    if one.as_of is None:
        missing = cell(WORDS["absent_text"])
        never = (Badge("stale"), Run(WORDS["never_audited"], "line"))
        return (never, cell(one.title, style="strong"), *[missing] * 4)
    tasks = ", ".join(TASKS.get(task, task).lower() for task in one.tasks)
    sites = ", ".join(f"{site} {words_of(status).word}" for site, status in one.sites)
    asked = cell(NONE)
    if one.primary is not None:
        asked = cell(result(one.primary), f"{one.primary.title}; {headline.bounds_of(one.primary)}")
    return (
        (Badge(one.status),),
        cell(one.title, f"{tasks}; {WORDS['version'].lower()} {one.version}", sites, style="strong"),
        cell(f"{integer(one.judged)} {WORDS['of']} {integer(one.outputs)}", day(one.as_of.date())),
        asked,
        cell(_errors(one.errors)),
        cell(integer(one.alerts), _since(one, briefing)),
    )


def _errors(row: Row | None) -> str:
    return NONE if row is None else without_unit(row)


def _since(one: Deployment, briefing: Briefing) -> str:
    """The oldest open alert's age."""
    opened = [alert.opened for alert in briefing.alerts if alert.system == one.system]
    return WORDS["alert_since"].format(day=day(min(opened).date())) if opened else ""


def changed_blocks(briefing: Briefing) -> Iterator[Block]:
    """What is not as it was in the report before."""
    yield Heading(WORDS["changed"])
    if not briefing.previous:
        yield paragraph(WORDS["first_report"])
        return
    if not briefing.changes:
        yield paragraph(WORDS["nothing_changed"].format(report=briefing.previous))
        return
    yield bullets(change_sentence(one) for one in briefing.changes[:_CHANGES])
    if len(briefing.changes) > _CHANGES:
        yield paragraph(WORDS["changed_more"].format(count=len(briefing.changes) - _CHANGES), small=True)


def change_sentence(one: Change) -> str:
    """A change in a sentence; statuses by their words."""
    about = {
        name: words_of(text).word if name in ("was", "now") and text in STATUSES else text
        for name, text in one.about
    }
    return WORDS[f"change_{one.kind}"].format(**about)


def uncorrected(dossiers: Sequence[Dossier]) -> str:
    """That error rates are a machine's own, where no review of the window corrects them; "" where reviews do."""
    for dossier in dossiers:
        one = corrections.correction(dossier)
        generated = any(flow.task == "report" for flow in dossier.flows)
        if generated and (one is None or not one.same_window):
            return WORDS["uncorrected_note"]
    return ""


def legend() -> Legend:
    """What the verdicts mean."""
    return Legend(
        WORDS["legend"],
        tuple((Badge(name), Run(f" {words.meaning}")) for name, words in STATUSES.items() if name),
    )
