"""The audit report as sections that a template can print: what goes where is decided here, nothing is computed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from monitors.consistency import CONSISTENCY
from monitors.grounding import GROUNDING
from monitors.reproduction import REPRODUCTION
from reports.dossier import (
    Confounder,
    Dossier,
    DriftColumn,
    Estimated,
    Exemplar,
    Flow,
    Provenance,
    ReliabilityBin,
    Row,
)
from reports.figures.chart import chart_figure
from reports.figures.drift import by_excess, panel_figure, shares_figure
from reports.figures.flow import flow_figure
from reports.figures.forest import forest_figure
from reports.figures.reliability import reliability_figure
from reports.figures.style import Figure
from reports.figures.trend import trend_figure
from reports.headline import PAGE_ONE, badness
from reports.numbers import integer, number, short, slice_name, with_interval
from reports.text import OUTPUTS, PROVENANCE, TASKS, WORDS, severity

_COLUMNS: Final = 3  # measures side by side in one table
_RELIABILITY: Final = 6  # diagrams drawn
_SHARES: Final = 3  # columns of the drift panel whose shares are drawn
_WORST: Final = 8  # worst groups listed when fewer are beyond chance
_PROBED: Final = frozenset(
    one.name for one in (*GROUNDING.measures, *CONSISTENCY.measures, *REPRODUCTION.measures)
)
_INSIDE: Final = frozenset(
    part for one in GROUNDING.measures for part in one.parts if part.startswith(("yes", "no"))
)
_GAPS: Final = 12  # gaps listed when none of them is grave


@dataclass(frozen=True, slots=True)
class Matrix:
    """Findings or groups down, measures across; a cell is None where nothing was measured."""

    titles: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Row | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class TaskNumbers:
    """The measurements of one task and version."""

    heading: str
    whole: tuple[Row, ...]
    probes: tuple[Row, ...]  # of questions asked to learn whether the model looks, and holds still
    changes: tuple[Row, ...]
    findings: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Subgroups:
    """The groups of one task in the current version."""

    heading: str
    forests: tuple[Figure, ...]
    tables: tuple[Matrix, ...]
    gaps: tuple[Row, ...]
    gaps_left_out: int
    gaps_suppressed: str  # names of the groups


def flow_lines(dossier: Dossier) -> tuple[list[tuple[Flow, Figure, str]], list[str]]:
    """Flows of the current version with figure and losses, and one sentence for each other version."""
    current = [
        (flow, flow_figure(flow, f"flow{i}"), _losses(flow))
        for i, flow in enumerate(dossier.flows)
        if flow.version == dossier.current_version
    ]
    others = [
        WORDS["flow_other"].format(
            version=flow.version, judged=integer(flow.judged), outputs=integer(flow.outputs), noun=noun(flow)
        )
        for flow in dossier.flows
        if flow.version != dossier.current_version
    ]
    return current, others


def noun(flow: Flow) -> str:
    """What the outputs of a flow are called."""
    return OUTPUTS.get(flow.task, ("output", "outputs"))[0 if flow.outputs == 1 else 1]


def _losses(flow: Flow) -> str:
    lost = [
        f"{integer(getattr(flow, name))} {WORDS[name]}"
        for name in ("awaiting", "unparseable", "judge_failed", "output_error")
        if getattr(flow, name)
    ]
    said = WORDS["flow_loss"].format(losses=", ".join(lost)) if lost else WORDS["flow_lossless"]
    return said + (f" {WORDS['undated'].format(count=integer(flow.undated))}" if flow.undated else "")


def task_numbers(dossier: Dossier) -> list[TaskNumbers]:
    """One entry a task and version, the current version first."""
    by_task: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in dossier.rows:
        if row.slice == "all" and row.task:
            by_task[row.task, row.version].append(row)
    keys = sorted(by_task, key=lambda key: (key[1] != dossier.current_version, key))
    result = []
    for task, version in keys:
        rows = by_task[task, version]
        pooled = [row for row in rows if not row.item and not row.contrast]
        whole = tuple(row for row in pooled if row.measure not in _PROBED)
        probes = tuple(row for row in pooled if row.measure in _PROBED and row.measure not in _INSIDE)
        changes = tuple(row for row in rows if not row.item and row.contrast == "reference")
        findings = _matrices([row for row in rows if row.item and not row.contrast], by_item=True)
        if whole or probes or changes or findings:
            result.append(TaskNumbers(_heading(task, version, dossier), whole, probes, changes, findings))
    return result


def _heading(task: str, version: str, dossier: Dossier) -> str:
    name = TASKS.get(task, task)
    return f"{name}, {WORDS['version'].lower()} {version}" if len(dossier.versions) > 1 else name


def _matrices(rows: Sequence[Row], *, by_item: bool) -> tuple[Matrix, ...]:
    titles = dict.fromkeys((row.measure, row.title) for row in rows)
    names = dict.fromkeys(row.item if by_item else row.slice for row in rows)
    cells = {(row.item if by_item else row.slice, row.measure): row for row in rows}
    measures = list(titles)
    parts = -(-len(measures) // _COLUMNS)
    across = -(-len(measures) // max(parts, 1))  # tables of equal width: 2 + 2 rather than 3 + 1
    return tuple(
        Matrix(
            tuple(title for _, title in part),
            tuple(
                (name, tuple(cells.get((name, measure)) for measure, _ in part))
                for name in names
                if any((name, measure) in cells for measure, _ in part)
            ),
        )
        for part in (measures[i : i + across] for i in range(0, len(measures), max(across, 1)))
    )


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
                tables=_matrices([row for row in groups if row.measure not in drawn], by_item=False),
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


def reliability(dossier: Dossier) -> tuple[list[Figure], int]:
    """Diagrams of all findings pooled (every version) and of the worst findings; how many were left out."""
    groups: dict[tuple[str, str, str], list[ReliabilityBin]] = defaultdict(list)
    for one in dossier.reliability:
        groups[one.task, one.version, one.item].append(one)
    pooled = [key for key in groups if not key[2]]
    pooled.sort(key=lambda key: (key[1] != dossier.current_version, key))
    single = [key for key in groups if key[2] and key[1] == dossier.current_version]
    single.sort(key=lambda key: (-_distance(groups[key]), key))
    shown = [*pooled, *single][:_RELIABILITY]
    figures = []
    for i, key in enumerate(shown):
        task, version, item = key
        label = item or TASKS.get(task, task)
        if len({k[1] for k in groups}) > 1:
            label += f", version {version}"
        figures.append(reliability_figure(groups[key], label, f"rel{i}"))
    return figures, len(groups) - len(shown)


def _distance(bins: Iterable[ReliabilityBin]) -> float:
    """Only orders the diagrams; it is never printed."""
    listed = list(bins)
    return sum(b.n * abs(b.confidence - b.frequency) for b in listed) / max(sum(b.n for b in listed), 1e-12)


def estimates(dossier: Dossier) -> list[Estimated]:
    """Estimates of the current version by finding; of an area and the two rates only, the rest is in the JSON."""
    shown = ("estimated_sensitivity", "estimated_specificity", "estimated_auroc")
    return [one for one in dossier.estimates if one.version == dossier.current_version and one.measure in shown]


def trends(dossier: Dossier) -> list[Figure]:
    """One figure a measure, task and slice, the whole system first."""
    units = {row.measure: row.unit for row in dossier.rows}
    versions = trend_versions(dossier)
    keys = dict.fromkeys((p.task, p.measure, p.slice) for p in dossier.trend)
    figures = []
    for i, (task, measure, where) in enumerate(sorted(keys, key=lambda key: key[2] != "all")):
        points = [p for p in dossier.trend if (p.task, p.measure, p.slice) == (task, measure, where)]
        bounds = _bounds(dossier, task, measure, where)
        figure = trend_figure(
            points, units.get(measure, "share"), bounds, dossier.version_changes, versions, f"trend{i}"
        )
        if figure:
            missing = ", ".join(f"{short(p.period)} {p.period.year}" for p in points if p.value is None)
            note = WORDS["trend_small"].format(periods=missing) if missing else ""
            figures.append(Figure(figure.title, figure.svg, " ".join(filter(None, (figure.note, note)))))
    return figures


def trend_versions(dossier: Dossier) -> list[str]:
    """Versions in the order they appear over time; a trend may reach back beyond the window."""
    return list(dict.fromkeys(p.version for p in sorted(dossier.trend, key=lambda p: (p.period, p.version))))


def _bounds(dossier: Dossier, task: str, measure: str, where: str) -> list[tuple[str, float]]:
    for row in dossier.rows:
        same = (row.task, row.measure, row.slice, row.item, row.contrast) == (task, measure, where, "", "")
        if same and row.watch is not None:
            pairs = (("watch", row.watch), ("act", row.act))
            return [(name, bound) for name, bound in pairs if bound is not None]
    return []


def charts(dossier: Dossier) -> list[Figure]:
    """The charts of two weeks or more, those of the current version first."""
    drawn = sorted(
        (c for c in dossier.charts if len(c.weeks) > 1), key=lambda c: c.version != dossier.current_version
    )
    return [chart_figure(chart, f"chart{i}") for i, chart in enumerate(drawn)]


def drift(dossier: Dossier) -> list[Figure]:
    """The panel, then the shares of the columns that moved most."""
    if not dossier.drift:
        return []
    ordered = by_excess(dossier.drift)
    moved = [column for column in ordered if column.drifted] or ordered[:1]
    shares = [shares_figure(column, f"shares{i}") for i, column in enumerate(moved[:_SHARES])]
    panels = [panel_figure(part, f"drift{i}") for i, part in enumerate(_panels(dossier.drift))]
    return [*panels, *(figure for figure in shares if figure)]


def _panels(columns: Sequence[DriftColumn]) -> list[list[DriftColumn]]:
    """One panel holds each title once: the columns come task by task, and tasks share attributes."""
    panels: list[list[DriftColumn]] = []
    for column in columns:
        if not panels or column.title in {one.title for one in panels[-1]}:
            panels.append([])
        panels[-1].append(column)
    return panels


def intervals(dossier: Dossier) -> list[tuple[str, str]]:
    """How each measure's interval was made, measures with the same method together."""
    methods: dict[str, dict[str, None]] = defaultdict(dict)
    for row in dossier.rows:
        if row.interval:
            methods[row.interval][WORDS["contrasts"] if row.contrast else row.title] = None
    return [(method, "; ".join(titles)) for method, titles in sorted(methods.items())]


@dataclass(frozen=True, slots=True)
class ParityLine:
    """One attribute's largest differences, as printed."""

    attribute: str
    groups: int
    flagged: str
    odds: str
    note: str


def parity(dossier: Dossier) -> list[ParityLine]:
    """The largest differences between groups in the current version, in percentage points."""
    return [
        ParityLine(
            one.attribute,
            one.groups,
            number(one.demographic_parity_difference, "share", "rest").lstrip("+"),
            number(one.equalized_odds_difference, "share", "rest").lstrip("+"),
            one.note,
        )
        for one in dossier.parity
        if one.version == dossier.current_version
    ]


@dataclass(frozen=True, slots=True)
class WorstLine:
    """One attribute's worst group by one measure, as printed; `held` holds the gap with others held equal."""

    title: str
    group: str
    gap: str
    chance: str
    beyond: bool
    held: str


def worst_groups(dossier: Dossier) -> tuple[list[WorstLine], int]:
    """Worst groups of the current version, those beyond chance first and all of them; how many were left out."""
    current = [one for one in dossier.worst_groups if one.version == dossier.current_version]
    current.sort(key=lambda one: (not one.beyond_chance, -one.gap / max(one.chance_high, 1e-9)))
    shown = current[: max(_WORST, sum(one.beyond_chance for one in current))]
    lines = [
        WorstLine(
            title=one.title,
            group=WORDS["worst_of"].format(count=one.groups, names=slice_name(one.slice)),
            gap=number(one.gap, one.unit, "rest").lstrip("+"),
            chance=WORDS["worst_chance"].format(
                median=number(one.chance_median, one.unit, "rest").lstrip("+"),
                high=number(one.chance_high, one.unit, "rest").lstrip("+"),
            ),
            beyond=one.beyond_chance,
            held="; ".join(_held_equal(held, one.unit) for held in one.held_equal),
        )
        for one in shown
    ]
    return lines, len(current) - len(shown)


def _held_equal(one: Confounder, unit: str) -> str:
    name = one.attribute.replace("_", " ")
    if one.adjusted is None:
        return WORDS["held_not"].format(attribute=name)
    said = with_interval(one.adjusted, one.adjusted_low, one.adjusted_high, unit, "rest")
    return WORDS["held"].format(attribute=name, gap=said)


def limits(dossier: Dossier) -> list[str]:
    """What must be known, each sentence once: what the audit said and what holds for every report."""
    looks = WORDS["repeated_charts" if dossier.charts else "repeated"]
    standing = [looks, WORDS["maturity"].format(days=dossier.maturity_days)]
    if any(flow.task == "report" for flow in dossier.flows):
        standing.append(WORDS["unsupported"])
    said = list(dossier.limits)
    opening = {sentence.split(":")[0] for sentence in said}
    return said + [sentence for sentence in standing if sentence.split(":")[0] not in opening]


def provenance(one: Provenance) -> list[tuple[str, str]]:
    """Label and value of every line of the provenance table."""
    lines = []
    for field, label in PROVENANCE:
        value = getattr(one, field)
        if isinstance(value, tuple):
            value = "; ".join(f"{name} {version}" for name, version in value)
        lines.append((label, WORDS["absent_text"] if value in (None, "") else str(value)))
    return lines


def marked(text: str, span: tuple[int, int] | None) -> tuple[str, str, str]:
    """Text before, within and after a span; a span that does not lie in the text marks nothing.

    >>> marked("Right effusion.", (0, 5))
    ('', 'Right', ' effusion.')
    >>> marked("Right effusion.", (9, 99))
    ('Right effusion.', '', '')
    """
    if span is None or not 0 <= span[0] < span[1] <= len(text):
        return text, "", ""
    return text[: span[0]], text[span[0] : span[1]], text[span[1] :]


def exemplars_lead(policy: str, shown: Sequence[Exemplar]) -> str:
    """What stands above the examples."""
    if not shown:
        return WORDS["no_exemplars"]
    if policy == "none":
        return WORDS["exemplars_withheld"]
    lead = WORDS["exemplars_lead"]
    return f"{lead} {WORDS['exemplars_span']}" if policy == "span" else lead
