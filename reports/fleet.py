"""The weekly report of the fleet: page one stands alone, then a page's worth for each system."""

from collections.abc import Iterator, Sequence

from reports import headline
from reports.briefing import Briefing
from reports.document import (
    Block,
    Cards,
    Document,
    Facts,
    Heading,
    Section,
    Verdict,
    bullets,
    cell,
    consecutive,
    paragraph,
)
from reports.dossier import Dossier
from reports.numbers import days, moment
from reports.sections.alerts import alerts
from reports.sections.evidence import limits
from reports.sections.first import (
    asked_blocks,
    changed_blocks,
    error_card,
    fleet_table,
    legend,
    triple,
    uncorrected,
)
from reports.sections.performance import verdict_table
from reports.sections.scope import flow_cards
from reports.text import LANGUAGE, WORDS, severity
from reports.weekly import footer

_QUESTIONS = 8  # of each system


def fleet(dossiers: Sequence[Dossier], briefing: Briefing) -> Document:
    """All systems, the gravest first."""
    ordered = sorted(dossiers, key=lambda one: (severity(one.status), one.title))
    simulated = all(one.simulated for one in dossiers)
    sections = [
        Section(one.system, one.title or one.system, consecutive(_system(one, briefing), 2), number)
        for number, one in enumerate(ordered, 1)
    ]
    around = alerts(briefing)
    return Document(
        language=LANGUAGE,
        title=WORDS["fleet_title"],
        kicker=WORDS["kicker_fleet"],
        about=f"{WORDS['kicker_fleet']} · {moment(briefing.issued, briefing.timezone)}",
        dated=briefing.issued.date(),
        banner=WORDS["simulated"] if simulated else "",
        footer=footer(briefing, ""),
        first=consecutive(_first(ordered, briefing), 1),
        sections=(*sections, Section("alerts", around.title, consecutive(around.blocks, 2), len(sections) + 1)),
    )


def _first(ordered: Sequence[Dossier], briefing: Briefing) -> Iterator[Block]:
    worst = ordered[0]
    others = sum(one.status == worst.status for one in ordered) - 1
    never = sum(one.as_of is None for one in briefing.fleet)
    parts = [headline.answer(worst, headline.lines(worst))]
    parts += [WORDS["fleet_others"].format(count=others)] if others else []
    parts.append(WORDS["fleet_audited"].format(count=len(ordered), never=never))
    yield Verdict(WORDS["fleet_verdict"], worst.status, " ".join(parts))
    yield from asked_blocks(briefing, briefing.alerts)
    yield Heading(WORDS["fleet"])
    yield fleet_table(briefing)
    if note := uncorrected(ordered):
        yield paragraph(note, small=True)
    yield from changed_blocks(briefing)
    yield legend()


def _system(dossier: Dossier, briefing: Briefing) -> Iterator[Block]:
    table = headline.lines(dossier)
    yield Facts(
        (
            (WORDS["window"], cell(days(dossier.start, dossier.end))),
            (WORDS["as_of"], cell(moment(dossier.as_of, dossier.timezone))),
            (WORDS["version"], cell(dossier.current_version or WORDS["absent_text"])),
            (WORDS["owner"], cell(dossier.owner or WORDS["absent_text"])),
        ),
        across=True,
    )
    yield Verdict(WORDS["verdict"], dossier.status, headline.answer(dossier, table))
    cards = (*error_card(dossier), *flow_cards(dossier, drawn=False))
    if cards:
        yield Cards(cards)
    yield from triple(dossier)
    if table:
        yield verdict_table(table[:_QUESTIONS])
        if len(table) > _QUESTIONS:
            yield paragraph(WORDS["questions_more"].format(count=len(table) - _QUESTIONS), small=True)
    else:
        yield paragraph(WORDS["no_verdicts"])
    yield Heading(WORDS["methods_limits"])
    yield bullets(limits(dossier)[:3])
