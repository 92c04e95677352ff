"""Trends at the case mix of the reference window: crude, standardised and their difference, period by period."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.document import Block, Cell, Folded, Table, cell, paragraph
from reports.dossier import Dossier, TrendPoint
from reports.numbers import NONE, day, item_name, number, with_interval
from reports.sections.tables import heads
from reports.text import WORDS


def trend_points(dossier: Dossier) -> list[list[TrendPoint]]:
    """The points of each measure, task, slice and finding, the whole system first; titled with the finding."""
    groups: dict[tuple[str, str, str, str], list[TrendPoint]] = {}
    for one in dossier.trend:
        titled = replace(one, title=f"{one.title}, {item_name(one.item)}") if one.item else one
        groups.setdefault((one.task, one.measure, one.slice, one.item), []).append(titled)
    return [groups[key] for key in sorted(groups, key=lambda key: (key[2] != "all", key[3] != ""))]


def unit_of(dossier: Dossier, measure: str) -> str:
    return next((row.unit for row in dossier.rows if row.measure == measure), "share")


def mix_blocks(dossier: Dossier) -> Iterator[Block]:
    """A table for each trend that is standardised, and which trends are shown crude and why."""
    drawn = [points for points in trend_points(dossier) if any(p.value is not None for p in points)]
    crude: dict[str, list[str]] = {}
    for points in drawn:
        if all(p.covered is None for p in points):
            for reason in dict.fromkeys(p.not_standardised for p in points if p.value is not None):
                crude.setdefault(reason, []).append(points[0].title)
    for reason, titles in crude.items():
        if reason:
            yield paragraph(WORDS["mix_crude"].format(titles="; ".join(titles), reason=reason), small=True)
    held = [points for points in drawn if any(p.covered is not None for p in points)]
    if held:
        yield paragraph(WORDS["mix_lead"], small=True)
    for points in held:
        title = WORDS["mix_title"].format(title=points[0].title)
        yield Folded(title, (_table(points, unit_of(dossier, points[0].measure)),))


def _table(points: Sequence[TrendPoint], unit: str) -> Table:
    versions = len({p.version for p in points}) > 1
    return Table(
        heads=heads("mix_heads"),
        rows=tuple(
            (
                cell(
                    day(p.period),
                    WORDS["mix_version"].format(version=p.version) if versions else "",
                    "" if p.mature else WORDS["mix_open"],
                ),
                cell(with_interval(p.value, p.low, p.high, unit)),
                _standardised(p, unit),
                cell(number(p.difference, unit, "reference")),
                cell(number(p.covered, "share")),
                cell(_outside(p)),
            )
            for p in sorted(points, key=lambda p: (p.period, p.version))
        ),
        numeric=(1, 2, 3, 4, 5),
        widths=(1.6, 2, 2.2, 1.2, 1, 1.2),
    )


def _standardised(one: TrendPoint, unit: str) -> Cell:
    if one.standardised is None:
        return cell(one.not_standardised or NONE)
    said = with_interval(one.standardised, one.standardised_low, one.standardised_high, unit)
    return cell(said, one.not_standardised)


def _outside(one: TrendPoint) -> str:
    if one.covered is not None and one.outside is None:
        return WORDS["mix_few"]
    return number(one.outside, "share")
