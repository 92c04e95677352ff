"""Sections 9 and 10: patient data burned into images, and what people do with the drafts."""

from collections.abc import Iterator

from reports.briefing import Briefing, ReviewQueue
from reports.document import Block, Cell, Heading, Section, Table, bullets, cell, paragraph
from reports.dossier import Dossier, Row
from reports.headline import is_whole
from reports.numbers import day, integer, number
from reports.sections.performance import MONITOR, task_blocks
from reports.sections.tables import heads
from reports.text import WORDS

_MONITORS = frozenset({"editing", "reached"})


def privacy(dossier: Dossier) -> Section:
    """Said where it is not measured: silence would be read as good news."""
    return Section("privacy", WORDS["privacy"], (paragraph(WORDS["privacy_not_measured"]),), 9)


def people(dossier: Dossier, briefing: Briefing | None) -> Section:
    """Edits, what reached the signed report, where readers and the judge differ, and the queue of reviews."""
    return Section("people", WORDS["people"], tuple(_blocks(dossier, briefing)), 10)


def _blocks(dossier: Dossier, briefing: Briefing | None) -> Iterator[Block]:
    blocks = list(task_blocks(dossier, _MONITORS))
    if blocks:
        yield paragraph(WORDS["people_lead"])
        yield from blocks
    else:
        yield paragraph(WORDS["no_people"])
    yield paragraph(reached_sentence(dossier))
    if differ := list(_differences(dossier)):
        yield Heading(WORDS["disagreement"])
        yield bullets(differ)
    yield Heading(WORDS["queue"])
    if briefing is None or not briefing.queues:
        yield paragraph(WORDS["no_queue"])
        return
    yield Table(
        heads=heads("queue_heads"),
        rows=tuple(_queue(one) for one in briefing.queues),
        numeric=(2, 3, 4),
        widths=(2.6, 1.4, 1, 1, 1, 1.4),
    )


def _queue(one: ReviewQueue) -> tuple[Cell, ...]:
    return (
        cell(one.sample, style="strong"),
        cell(day(one.drawn.date())),
        cell(integer(one.items)),
        cell(integer(one.answered)),
        cell(integer(one.readers)),
        cell(WORDS["blinded" if one.blinded else "not_blinded"]),
    )


def _differences(dossier: Dossier) -> Iterator[str]:
    for one in dossier.corrections:
        if one.read_twice:
            yield WORDS["read_twice"].format(twice=integer(one.read_twice), differ=integer(one.readers_differ))
        if one.agreement is not None:
            yield WORDS["judge_differs"].format(
                share=number(1 - one.agreement.value, "share"), reviewed=integer(one.reviewed)
            )


def reached(dossier: Dossier) -> Row | None:
    """The share of drafts whose error stands in the signed report, where it could be measured."""
    for row in dossier.rows:
        if MONITOR.get(row.measure) == "reached" and is_whole(row) and row.version == dossier.current_version:
            return None if row.suppressed or row.value is None else row
    return None


def reached_sentence(dossier: Dossier) -> str:
    """Reached the signed report: k of m, or why it is not known.

    A weighted count is rounded: each draft of a case with several counts as its share.
    """
    row = reached(dossier)
    if row is None or row.events is None:
        return WORDS["reached_unknown"]
    return WORDS["reached"].format(reached=integer(round(row.events)), of=integer(round(row.n)))
