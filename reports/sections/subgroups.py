"""Section 7: subgroups: forests, gaps to everyone else with what is suppressed, and the tables behind them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reports.document import Badge, Block, Cell, Figures, Folded, Heading, Section, Table, cell, paragraph
from reports.dossier import Dossier, Row, VersusRest
from reports.figures.forest import forest_figure
from reports.figures.style import Figure
from reports.headline import PAGE_ONE, badness
from reports.numbers import NONE, basis, result, slice_name, wider, with_interval
from reports.sections.disparities import disparities
from reports.sections.tables import Matrix, foot, matrices, matrix_table
from reports.text import TASKS, WORDS, severity

_UNBROKEN: Final = "\u00a0"  # a space at which no line ends
_GAPS: Final = 12  # gaps listed when none of them is grave


def subgroups_section(dossier: Dossier) -> Section:
    """Every task of the current version, then the worst group of each attribute."""
    return Section("subgroups", WORDS["subgroups"], tuple(_blocks(dossier)), 7)


def _blocks(dossier: Dossier) -> Iterator[Block]:
    found = subgroups(dossier)
    yield paragraph(WORDS["subgroups_lead"] if found else WORDS["no_subgroups"])
    for group in found:
        yield Heading(group.heading)
        if group.forests:
            yield Figures(group.forests)
        yield from _gaps(group)
        if group.tables:
            tables = tuple(matrix_table(part, WORDS["slice"], slices=True) for part in group.tables)
            yield Folded(WORDS["other_tables"], tables)
    yield from disparities(dossier)


def _gaps(group: "Subgroups") -> Iterator[Block]:
    yield Heading(WORDS["gaps"], 4)
    if group.gaps:
        yield paragraph(WORDS["gaps_lead"])
        yield Table(
            heads=(*(WORDS[name] for name in ("slice", "measure", "gap", "ratio", "basis", "status")),),
            rows=tuple(
                (
                    cell(slice_name(r.slice), style="strong"),
                    cell(r.title),
                    _gap(r),
                    cell(_ratio(r.versus)),
                    cell(basis(r)),
                    (Badge(r.status),),
                )
                for r in group.gaps
            ),
            numeric=(2, 3, 4),
            widths=(1.3, 1.9, 2.9, 1.3, 1.8, 1.2),
            foot=foot(group.gaps),
        )
        if group.gaps_left_out:
            yield paragraph(WORDS["gaps_more"].format(count=group.gaps_left_out), small=True)
    elif not group.gaps_suppressed:
        yield paragraph(WORDS["no_gaps"])
    if group.gaps_suppressed:
        yield paragraph(WORDS["suppressed_list"].format(names=group.gaps_suppressed), small=True)


def _gap(row: Row) -> Cell:
    """The gap with its interval by itself; beneath it that of all groups at once, and that of its verdict."""
    beside = row.versus
    if beside is None or row.value is None:
        return cell(result(row), wider(row))
    lines = [WORDS["gap_joint"].format(interval=_interval(row, beside.joint_low, beside.joint_high))]
    if row.status:
        lines.append(WORDS["gap_ruled"].format(interval=_interval(row, row.low, row.high)))
    return cell(result(row), *(line.replace(" ", _UNBROKEN) for line in lines))


def _interval(row: Row, low: float | None, high: float | None) -> str:
    """The interval alone, with the digits of its value."""
    return "[" + with_interval(row.value, low, high, row.unit, row.contrast).partition("[")[2]


def _ratio(beside: VersusRest | None) -> str:
    if beside is None or beside.ratio is None or beside.ratio_low is None or beside.ratio_high is None:
        return NONE
    value, low, high = (f"{one:.2f}" for one in (beside.ratio, beside.ratio_low, beside.ratio_high))
    return WORDS["ratio_said"].format(value=value, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Subgroups:
    """The groups of one task in the current version."""

    heading: str
    forests: tuple[Figure, ...]
    tables: tuple[Matrix, ...]
    gaps: tuple[Row, ...]
    gaps_left_out: int
    gaps_suppressed: str  # names of the groups


def subgroups(dossier: Dossier) -> list[Subgroups]:
    """Forests, tables and gaps of every task; only rows of the current version and of no single finding."""
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in dossier.rows:
        if row.version == dossier.current_version and not row.item:
            by_task[row.task].append(row)
    result = []
    for place, (task, rows) in enumerate(sorted(by_task.items())):
        groups = [row for row in rows if row.slice != "all" and not row.contrast]
        gaps = [row for row in rows if row.contrast == "rest"]
        if not groups and not gaps:
            continue
        listed = sorted(
            (row for row in gaps if not row.suppressed),
            key=lambda row: (severity(row.status), -badness(row), row.measure, row.slice),
        )
        grave = sum(1 for row in listed if row.status and severity(row.status) <= severity("watch"))
        shown = listed[: max(grave, _GAPS)]
        forests, drawn = _forests(rows, groups, f"forest{place}")
        result.append(
            Subgroups(
                heading=TASKS.get(task, task),
                forests=tuple(forests),
                tables=matrices([row for row in groups if row.measure not in drawn], by_item=False),
                gaps=tuple(shown),
                gaps_left_out=len(listed) - len(shown),
                gaps_suppressed="; ".join(dict.fromkeys(slice_name(row.slice) for row in gaps if row.suppressed)),
            )
        )
    return result


def _forests(rows: Sequence[Row], groups: Sequence[Row], name: str) -> tuple[list[Figure], set[str]]:
    """Forests of the headline measures and of those that have a verdict by group, and which were drawn."""
    chosen = dict.fromkeys(row.measure for row in groups if row.status or row.measure in PAGE_ONE)
    figures: list[Figure] = []
    drawn: set[str] = set()
    for i, measure in enumerate(chosen):
        whole = next((r for r in rows if r.measure == measure and r.slice == "all" and not r.contrast), None)
        figure = forest_figure(whole, [row for row in groups if row.measure == measure], f"{name}-{i}")
        if figure:
            figures.append(figure)
            drawn.add(measure)
    return figures, drawn
