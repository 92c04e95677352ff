"""Section 4, over time: the weekly charts of stop questions, the watch list of the week, and trends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from reports.confidence import p_value
from reports.document import Badge, Block, Figures, Heading, Table, cell, paragraph
from reports.dossier import Dossier, TrendPoint
from reports.figures.chart import chart_figure
from reports.figures.marks import Mark
from reports.figures.style import Figure
from reports.figures.trend import trend_figure
from reports.numbers import day, integer, item_name, number, short, slice_name
from reports.sections.case_mix import mix_blocks, trend_points, unit_of
from reports.sections.tables import heads
from reports.text import WORDS

#: What happened meanwhile, by the measure that it is about.
Marks = Mapping[str, Sequence[Mark]]
_NONE: Final[Marks] = {}


def watching(dossier: Dossier, marks: Marks = _NONE) -> Iterator[Block]:
    """The weekly charts of stop questions, and the watch list."""
    if dossier.charts:
        yield Heading(WORDS["watching"])
        yield paragraph(WORDS["watching_lead"].format(days=dossier.maturity_days))
        yield Table(
            heads=(WORDS["question"], WORDS["version"], WORDS["held_to_head"], WORDS["status"]),
            rows=tuple(
                (
                    cell(
                        f"{one.title}, {item_name(one.item)}" if one.item else one.title,
                        one.reason,
                        style="strong",
                    ),
                    cell(one.version),
                    cell(WORDS["absent_text"])
                    if one.bound is None
                    else cell(number(one.bound, "share"), _held_to(one.held_to, one.baseline)),
                    (Badge(one.status),),
                )
                for one in dossier.charts
            ),
            numeric=(2,),
            widths=(4, 0.9, 2, 1.2),
        )
        yield Figures(tuple(charts(dossier, marks)))
    if dossier.watch_list:
        first = dossier.watch_list[0]
        yield Heading(WORDS["watch_list"])
        yield paragraph(WORDS["watch_list_lead"].format(asked=integer(first.asked), week=day(first.week)))
        yield Table(
            heads=heads("watch_list_heads"),
            rows=tuple(
                (
                    cell(one.title, style="strong"),
                    cell(slice_name(one.slice)),
                    cell(number(one.gap, "share", "rest")),
                    cell(p_value(one.p_value)),
                    cell(WORDS["watch_list_again"] if one.again else WORDS["absent_text"]),
                )
                for one in dossier.watch_list
            ),
            numeric=(2, 3),
            widths=(3, 2, 1.3, 1, 1.5),
        )


def _held_to(words: str, baseline: float | None) -> str:
    return words if baseline is None else f"{words}: {number(baseline, 'share')}"


def charts(dossier: Dossier, marks: Marks = _NONE) -> list[Figure]:
    """The charts of two weeks or more, those of the current version first."""
    drawn = sorted(
        (c for c in dossier.charts if len(c.weeks) > 1), key=lambda c: c.version != dossier.current_version
    )
    return [chart_figure(chart, f"chart{i}", marks.get(chart.measure, ())) for i, chart in enumerate(drawn)]


def trend(dossier: Dossier, marks: Marks = _NONE) -> Iterator[Block]:
    yield Heading(WORDS["trend"])
    drawn = trends(dossier, marks)
    if not drawn:
        yield paragraph(WORDS["no_trend"])
        return
    versions = ", ".join(trend_versions(dossier))
    yield paragraph(WORDS["trend_key"].format(days=dossier.maturity_days, versions=versions), small=True)
    yield Figures(tuple(drawn))
    yield from mix_blocks(dossier)


def trends(dossier: Dossier, marks: Marks = _NONE) -> list[Figure]:
    """One figure a measure, task, slice and finding, the whole system first."""
    versions = trend_versions(dossier)
    figures = []
    for i, points in enumerate(trend_points(dossier)):
        first = points[0]
        bounds = _bounds(dossier, first)
        unit, happened = unit_of(dossier, first.measure), marks.get(first.measure, ())
        figure = trend_figure(points, unit, bounds, dossier.version_changes, versions, f"trend{i}", happened)
        if figure:
            missing = ", ".join(f"{short(p.period)} {p.period.year}" for p in points if p.value is None)
            note = WORDS["trend_small"].format(periods=missing) if missing else ""
            figures.append(replace(figure, note=" ".join(filter(None, (figure.note, note)))))
    return figures


def trend_versions(dossier: Dossier) -> list[str]:
    """Versions in the order they appear over time; a trend may reach back beyond the window."""
    return list(dict.fromkeys(p.version for p in sorted(dossier.trend, key=lambda p: (p.period, p.version))))


def _bounds(dossier: Dossier, one: TrendPoint) -> list[tuple[str, float]]:
    for row in dossier.rows:
        same = (row.task, row.measure, row.slice, row.item) == (one.task, one.measure, one.slice, one.item)
        if same and not row.contrast and row.watch is not None:
            pairs = (("watch", row.watch), ("act", row.act))
            return [(name, bound) for name, bound in pairs if bound is not None]
    return []
