"""Section 4: what was asked and answered, and how good the system is at its task."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from monitors.calibration import Calibration
from monitors.catalogue import CATALOGUE
from monitors.grounding import GROUNDING
from reports.document import Badge, Block, Folded, Heading, Section, Table, cell, paragraph
from reports.dossier import Dossier, Estimated, Row
from reports.headline import Line, lines
from reports.numbers import item_name, number, with_interval
from reports.sections.over_time import trend, watching
from reports.sections.tables import foot_of, heading, heads, matrices, matrix_table, rows_table
from reports.text import WORDS

#: Monitor of each measure: it decides the section in which a measurement stands.
MONITOR: Final[Mapping[str, str]] = {one.name: monitor.name for monitor in CATALOGUE for one in monitor.measures}
_PROBES: Final = ("grounding", "consistency", "reproduction")
_INSIDE: Final = frozenset(
    part for one in GROUNDING.measures for part in one.parts if part.startswith(("yes", "no"))
)
#: Those that hold what is stated against what came true: of findings, drafts, claims, answers and searches.
STATED: Final = frozenset(monitor.name for monitor in CATALOGUE if isinstance(monitor, Calibration))
#: All monitors but those that have a section of their own.
_MONITORS: Final = frozenset(MONITOR.values()) - {
    *("hallucination", "error_codes", "editing", "reached", *STATED),
    *("agreement_repeats", "agreement_judges", "agreement_frozen", "agreement_moved"),
}


def performance(dossier: Dossier) -> Section:
    """The verdict table, the measurements, the charts and the trend."""
    blocks: list[Block] = [Heading(WORDS["verdicts"])]
    table = lines(dossier)
    blocks.append(verdict_table(table) if table else paragraph(WORDS["no_verdicts"]))
    measured = list(task_blocks(dossier, _MONITORS))
    blocks += [Heading(WORDS["measurements"])]
    blocks += (
        [paragraph(WORDS["measurements_lead"]), *measured] if measured else [paragraph(WORDS["no_measurements"])]
    )
    blocks += [*watching(dossier), *_estimated(dossier), *trend(dossier)]
    return Section("performance", WORDS["performance"], tuple(blocks), 4)


def verdict_table(table: list[Line]) -> Table:
    """Questions and answers, as `headline.lines` orders them."""
    return Table(
        heads=(WORDS["status"], WORDS["question"], WORDS["result"], WORDS["bounds"]),
        rows=tuple(
            (
                (Badge(line.status),),
                cell(line.title, " · ".join(filter(None, (line.task, line.where))), style="strong"),
                cell(line.result, line.wider, line.basis, line.reason),
                cell(line.bounds),
            )
            for line in table
        ),
        numeric=(2, 3),
        widths=(1.2, 3, 2.6, 1.7),
        name="verdicts",
        foot=foot_of((line.method, line.title) for line in table),
    )


def task_blocks(dossier: Dossier, wanted: frozenset[str]) -> Iterator[Block]:
    """The measurements of some monitors, one task and version after the other."""
    by_task: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in dossier.rows:
        if (
            row.slice == "all"
            and row.task
            and row.unit != "distance"
            and MONITOR.get(row.measure, "hallucination") in wanted
        ):
            by_task[row.task, row.version].append(row)
    for task, version in sorted(by_task, key=lambda key: (key[1] != dossier.current_version, key)):
        rows = by_task[task, version]
        pooled = [row for row in rows if not row.item and not row.contrast]
        probes = [row for row in pooled if MONITOR.get(row.measure) in _PROBES and row.measure not in _INSIDE]
        whole = [row for row in pooled if MONITOR.get(row.measure) not in _PROBES]
        changes = [row for row in rows if not row.item and row.contrast == "reference"]
        findings = matrices([row for row in rows if row.item and not row.contrast], by_item=True)
        yield Heading(heading(task, version, dossier), 4)
        if whole:
            yield rows_table(whole, WORDS["measure"])
        if probes:
            yield Heading(WORDS["probes"], 4)
            yield paragraph(WORDS["probes_lead"])
            yield rows_table(probes, WORDS["measure"])
        if changes:
            yield Heading(WORDS["change"], 4)
            yield rows_table(changes, WORDS["measure"])
        if findings:
            item = "finding" if task == "classification" else "source" if wanted == STATED else "direction"
            yield Folded(WORDS[f"by_{item}"], tuple(matrix_table(part, WORDS[item]) for part in findings))


def _estimated(dossier: Dossier) -> Iterator[Block]:
    shown = estimates(dossier)
    if not shown:
        return
    yield Heading(WORDS["estimated"])
    yield paragraph(WORDS["estimated_lead"])
    yield Table(
        heads=heads("estimated_heads"),
        rows=tuple(
            (
                cell(one.title, item_name(one.item), style="strong"),
                cell(with_interval(one.value, one.low, one.high, one.unit)),
                cell(number(one.realised, one.unit)),
                cell(with_interval(one.error, one.error_low, one.error_high, one.unit, "rest")),
            )
            for one in shown
        ),
        numeric=(1, 2, 3),
        widths=(2.4, 2, 1.4, 2.2),
    )


def estimates(dossier: Dossier) -> list[Estimated]:
    """Estimates of the current version by finding; of an area and the two rates only, the rest is in the JSON."""
    shown = ("estimated_sensitivity", "estimated_specificity", "estimated_auroc")
    return [one for one in dossier.estimates if one.version == dossier.current_version and one.measure in shown]
