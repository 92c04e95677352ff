"""Section 6: do stated probabilities come true, and what can be trusted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from reports import confidence
from reports.document import Block, Figures, Heading, Section, Table, bullets, cell, paragraph
from reports.dossier import Dossier, ReliabilityBin
from reports.figures.reliability import reliability_figure
from reports.figures.style import Figure
from reports.sections.performance import MONITOR, STATED, task_blocks
from reports.sections.tables import heads
from reports.text import WORDS

_RELIABILITY: Final = 6  # diagrams drawn


def calibration(dossier: Dossier) -> Section:
    """Measures, diagrams, what the probabilities are worth, risk against coverage."""
    return Section("calibration", WORDS["reliability"], tuple(_blocks(dossier)), 6)


def _blocks(dossier: Dossier) -> Iterator[Block]:
    diagrams, left_out = reliability(dossier)
    if unclaimed := confidence.scores(dossier):
        yield bullets(unclaimed)
    if any(MONITOR.get(row.measure) in confidence.OF_CLAIMS for row in dossier.rows):
        yield paragraph(WORDS["claims_lead"])
    if diagrams:
        yield paragraph(WORDS["reliability_lead"])
        yield Figures(tuple(diagrams), square=True)
        if left_out:
            yield paragraph(WORDS["reliability_more"].format(count=left_out), small=True)
        if own := confidence.own_bins(dossier):
            yield paragraph(own, small=True)
        if few := confidence.few_samples(dossier):
            yield bullets(few)
    elif not unclaimed:
        yield paragraph(WORDS["no_reliability"])
    yield from task_blocks(dossier, STATED)
    yield from _worth(dossier)
    if bought := confidence.recalibration(dossier):
        yield Heading(WORDS["recalibrated"])
        yield paragraph(WORDS["recalibrated_lead"])
        yield bullets(bought)
    risks = confidence.figures(dossier)
    if risks:
        yield Heading(WORDS["risk"])
        yield paragraph(WORDS["risk_lead"])
        if trust := confidence.sentences(dossier):
            yield bullets(trust)
        yield Figures(tuple(risks))


def _worth(dossier: Dossier) -> Iterator[Block]:
    worth = confidence.lines(dossier)
    if not worth:
        return
    yield Heading(WORDS["worth"])
    yield paragraph(WORDS["worth_lead"])
    yield Table(
        heads=heads("worth_heads"),
        rows=tuple(
            (
                cell(one.label, style="strong"),
                *map(
                    cell, (one.n, one.brier, one.miscalibration, one.discrimination, one.uncertainty, one.p_value)
                ),
            )
            for one in worth
        ),
        numeric=tuple(range(1, 7)),
        widths=(2.4, 1, 1, 1.2, 1.2, 1.1, 1.2),
    )
    if left_out := sum(one.is_probability for one in dossier.confidence) - len(worth):
        yield paragraph(WORDS["worth_more"].format(count=left_out), small=True)


def reliability(dossier: Dossier) -> tuple[list[Figure], int]:
    """Diagrams of all findings pooled (every version) and of the worst findings; how many were left out."""
    groups: dict[tuple[str, str, str, str], list[ReliabilityBin]] = defaultdict(list)
    for one in dossier.reliability:
        groups[one.task, one.version, one.item, one.monitor].append(one)
    pooled = [key for key in groups if not confidence.is_finding(groups[key][0])]
    pooled.sort(key=lambda key: (key[1] != dossier.current_version, key))
    single = [key for key in groups if key not in pooled and key[1] == dossier.current_version]
    single.sort(key=lambda key: (-_distance(groups[key]), key))
    shown = [*pooled, *single][:_RELIABILITY]
    figures = []
    for i, key in enumerate(shown):
        version, item = key[1:3]
        label = item if confidence.is_finding(groups[key][0]) else confidence.source(groups[key][0])
        if len({k[1] for k in groups}) > 1:
            label += f", version {version}"
        figures.append(reliability_figure(groups[key], label, f"rel{i}"))
    return figures, len(groups) - len(shown)


def _distance(bins: Iterable[ReliabilityBin]) -> float:
    """Only orders the diagrams; it is never printed."""
    listed = list(bins)
    return sum(b.n * abs(b.confidence - b.frequency) for b in listed) / max(sum(b.n for b in listed), 1e-12)
