"""A Comparison as a document for the committee: what decides, cases fixed and broken, and everything else."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from reports import html, pdf
from reports.comparison import ChangedCases, ComparedMeasure, Comparison
from reports.document import Block, Cell, Document, Folded, Run, Section, Table, Verdict, bullets, cell, paragraph
from reports.export_json import as_text
from reports.numbers import integer, item_name, number, people, slice_name, with_interval
from reports.text import COMPARISON, LANGUAGE, OUTPUTS, TASKS, WORDS

#: Gravest first; what decides nothing comes last.
_ORDER: Final = ("worse", "insufficient", "undecided", "not worse", "better", "")
_STATUS: Final = {"worse": "act", "insufficient": "insufficient", "undecided": "watch", "ok": "ok"}
_LISTED: Final = 30


def render(comparison: Comparison) -> str:
    """The page of one comparison; the same comparison always gives the same bytes."""
    return html.page(document(html.printable(comparison)))


def render_pdf(comparison: Comparison, *, paper: pdf.Paper = "a4") -> bytes:
    """The same as PDF/A-3 and PDF/UA, with the comparison's JSON inside."""
    from dataclasses import asdict

    inside = as_text({"comparison": asdict(comparison)})
    return pdf.render(document(html.printable(comparison)), {"comparison.json": inside}, paper=paper)


def document(d: Comparison) -> Document:
    """What decides on page one, then cases and the numbers that decide nothing."""
    title = f"{d.title}: {d.new} {COMPARISON['against']} {d.old}"
    return Document(
        language=LANGUAGE,
        title=title,
        kicker=COMPARISON["kicker"],
        about=f"{d.title} · {COMPARISON['kicker']} · {d.old} → {d.new}",
        dated=datetime.fromisoformat(d.as_of).date(),
        banner=WORDS["simulated"] if d.simulated else "",
        footer=COMPARISON["provenance"].format(
            as_of=d.as_of, settings=d.settings[:16], inputs=d.inputs[:16], code=d.code
        ),
        first=tuple(_first(d)),
        sections=(
            Section("deciding", COMPARISON["deciding"], tuple(_deciding(d)), 1),
            Section("changed", COMPARISON["changed"], tuple(_changed(d)), 2),
            Section("whole", COMPARISON["whole"], tuple(_whole(d)), 3),
        ),
    )


def by_gravity(measures: Sequence[ComparedMeasure]) -> list[ComparedMeasure]:
    """Those that decide first, the gravest of them first."""
    return sorted(measures, key=lambda one: (_ORDER.index(one.status), one.task, one.measure, one.item, one.slice))


def _chosen(d: Comparison) -> list[ComparedMeasure]:
    return [one for one in by_gravity(d.measures) if not one.suppressed and one.value is not None]


def _first(d: Comparison) -> Iterator[Block]:
    answer = COMPARISON[f"answer_{d.status}"].format(old=d.old, new=d.new)
    yield Verdict(COMPARISON["kicker"], _STATUS[d.status], answer)
    for s in d.shared:
        counts = {
            name: integer(getattr(s, name)) for name in ("shared", "cases", "patients", "only_old", "only_new")
        }
        noun = OUTPUTS[s.task][s.shared != 1]
        yield paragraph(COMPARISON["shared"].format(task=TASKS[s.task], noun=noun, old=d.old, new=d.new, **counts))


def _deciding(d: Comparison) -> Iterator[Block]:
    yield paragraph(COMPARISON["deciding_lead"])
    rows = [one for one in _chosen(d) if one.status]
    yield _table(d, rows, verdicts=True) if rows else paragraph(COMPARISON["nothing_decides"])


def _changed(d: Comparison) -> Iterator[Block]:
    yield paragraph(COMPARISON["changed_lead"])
    yield Table(
        heads=tuple(COMPARISON[name] for name in ("error", "both", "fixed", "broken")),
        rows=tuple(
            (
                cell(one.error, style="strong"),
                *map(cell, map(integer, (one.both, len(one.fixed), len(one.broken)))),
            )
            for one in d.changed
        ),
        numeric=(1, 2, 3),
        widths=(3, 1, 1, 1),
    )
    for one in d.changed:
        if one.broken:
            yield _broken(one)


def _broken(one: ChangedCases) -> Folded:
    count = integer(len(one.broken))
    names = ", ".join(one.broken[:_LISTED])
    if len(one.broken) > _LISTED:
        names += f" {COMPARISON['more'].format(count=integer(len(one.broken) - _LISTED))}"
    title = COMPARISON["list_broken"].format(error=one.error, count=count)
    return Folded(title, (paragraph(names, small=True),))


def _whole(d: Comparison) -> Iterator[Block]:
    shown = [one for one in _chosen(d) if not one.status]
    whole = [one for one in shown if one.slice == "all" and not one.item]
    parts = [one for one in shown if one.slice != "all" or one.item]
    yield paragraph(COMPARISON["whole_lead"])
    if whole:
        yield _table(d, whole, verdicts=False)
    if parts:
        yield Folded(COMPARISON["parts"], (_table(d, parts, verdicts=False),))
    if hidden := sum(one.suppressed for one in d.measures):
        yield bullets([COMPARISON["hidden"].format(count=integer(hidden))])


def _table(d: Comparison, rows: Sequence[ComparedMeasure], *, verdicts: bool) -> Table:
    heads = (WORDS["measure"], d.old, d.new, COMPARISON["difference"], WORDS["basis"])
    return Table(
        heads=(*heads, WORDS["status"]) if verdicts else heads,
        rows=tuple(_row(one, verdicts=verdicts) for one in rows),
        numeric=(1, 2, 3, 4),
        widths=(3, 1, 1, 2.2, 1.7, 2.2) if verdicts else (3.4, 1, 1, 2.4, 2),
    )


def _row(one: ComparedMeasure, *, verdicts: bool) -> tuple[Cell, ...]:
    where = [COMPARISON["worse_when"][one.direction], item_name(one.item) if one.item else ""]
    where.append(slice_name(one.slice) if one.slice != "all" else "")
    cells = (
        cell(one.title, " · ".join(filter(None, where)), style="strong"),
        cell(number(one.old, one.unit)),
        cell(number(one.new, one.unit)),
        cell(with_interval(one.value, one.low, one.high, one.unit, "reference")),
        cell(f"{integer(one.n or 0)} {one.counted}", people(one.patients or 0, True, WORDS["patients"])),
    )
    if not verdicts:
        return cells
    margin = COMPARISON["margin"].format(margin=number(one.margin, one.unit)) if one.margin else ""
    reason = " ".join(filter(None, (one.reason, margin)))
    return (*cells, (Run(COMPARISON["verdicts"][one.status], "strong"), Run(reason, "line")))
