"""Section 12: controls and their evidence, methods, limits, what is not measured, signatures, provenance."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from reports.briefing import Briefing
from reports.controls import ControlLine
from reports.document import Block, Cell, Facts, Folded, Heading, Run, Section, Table, bullets, cell, paragraph
from reports.dossier import Dossier, Provenance
from reports.numbers import day, moment
from reports.sections.tables import heads
from reports.text import PROVENANCE, WORDS

#: Measures computed from counts by bins of the score.
_ON_GRID: Final = ("auroc", "auprc")


def evidence(dossier: Dossier, briefing: Briefing | None) -> Section:
    """What an inspector asks for first."""
    return Section("evidence", WORDS["evidence"], tuple(_blocks(dossier, briefing)), 12)


def _blocks(dossier: Dossier, briefing: Briefing | None) -> Iterator[Block]:
    if briefing is not None:
        yield from _controls(briefing)
    yield Heading(WORDS["methods_limits"])
    yield bullets(limits(dossier))
    yield Heading(WORDS["methods"])
    yield paragraph(WORDS["rule"])
    if methods := intervals(dossier):
        yield Heading(WORDS["methods_intervals"], 4)
        rows = tuple((cell(method, style="strong"), cell(measures)) for method, measures in methods)
        yield Table(heads=(WORDS["interval_method"], WORDS["measures"]), rows=rows, widths=(2, 3))
    if any(row.measure in _ON_GRID for row in dossier.rows):
        yield paragraph(WORDS["score_grid"], small=True)
    if briefing is not None:
        yield from _rules(briefing)
        yield from _signatures(briefing)
    yield Heading(WORDS["provenance"])
    yield paragraph(WORDS["provenance_lead"])
    if dossier.provenance.restates:
        yield paragraph(WORDS["restates"].format(audit=dossier.provenance.restates))
    yield Facts(tuple((label, (Run(value, "code"),)) for label, value in provenance(dossier.provenance, briefing)))


def _controls(briefing: Briefing) -> Iterator[Block]:
    current = sum(line.state == "evidence current" for line in briefing.controls)
    yield Heading(WORDS["controls"])
    count = WORDS["controls_count"].format(
        current=current,
        all=len(briefing.controls),
        gaps=sum(line.state == "gap" for line in briefing.controls),
        elsewhere=sum(line.state == "kept elsewhere" for line in briefing.controls),
    )
    yield paragraph(f"{WORDS['controls_lead']} {count}")
    yield Table(
        heads=heads("evidence_heads"),
        rows=tuple(
            (
                cell(one.item, style="strong"),
                cell(one.title),
                cell(WORDS[f"evidence_{one.state}"], style="" if one.state == "current" else "strong"),
                cell(day(one.at.date()) if one.at else WORDS["absent_text"]),
                cell(one.note or one.where),
            )
            for one in briefing.evidence
        ),
        widths=(0.6, 2.4, 1, 1.4, 3.6),
    )
    rows = tuple(
        (
            cell(line.control.framework),
            cell(line.control.id, style="strong"),
            cell(line.control.asks),
            cell(", ".join(item for item, _ in line.control.evidence)),
            _standing(line),
        )
        for line in briefing.controls
    )
    yield Folded(
        WORDS["controls_table"],
        (Table(heads=heads("control_heads"), rows=rows, widths=(1.5, 1.5, 3.4, 1.3, 1.5)),),
    )


def _standing(line: ControlLine) -> Cell:
    if line.state == "gap":  # also where no item is missing, but what the control needs is not made at all
        return cell(WORDS["control_gap"].format(why=line.why), style="strong")
    if line.state == "kept elsewhere":
        return cell(WORDS["control_elsewhere"].format(why=line.why))
    return cell(WORDS["control_current"])


def _rules(briefing: Briefing) -> Iterator[Block]:
    if not briefing.rules:
        return
    yield Heading(WORDS["rules"], 4)
    rows = tuple(
        (
            cell(one.name, style="strong"),
            cell(str(one.version)),
            cell(WORDS[f"tier_{one.tier}"]),
            cell(day(one.since.date()), one.actor),
            cell(one.reason, WORDS["after_seeing"] if one.after_seeing else ""),
        )
        for one in briefing.rules
    )
    table = Table(heads=heads("rules_heads"), rows=rows, widths=(3, 0.7, 1, 1.6, 2.6))
    yield Folded(WORDS["rules_in_force"].format(count=len(rows)), (table,))


def _signatures(briefing: Briefing) -> Iterator[Block]:
    yield Heading(WORDS["signatures"])
    yield paragraph(WORDS["sign_how"].format(report=briefing.report))
    if not briefing.signed:
        yield paragraph(WORDS["not_signed"])
        return
    yield Table(
        heads=heads("signature_heads"),
        rows=tuple(
            (
                cell(one.report, style="strong"),
                cell(one.full_name),
                cell(one.meaning, one.note),
                cell(one.decision or WORDS["absent_text"]),
                cell(moment(one.at, briefing.timezone)),
            )
            for one in briefing.signed
        ),
        widths=(2, 1.6, 2.2, 1.1, 2),
    )


def intervals(dossier: Dossier) -> list[tuple[str, str]]:
    """How each measure's interval was made, measures with the same method together."""
    methods: dict[str, dict[str, None]] = defaultdict(dict)
    for row in dossier.rows:
        if row.interval:
            methods[row.interval][WORDS["contrasts"] if row.contrast else row.title] = None
    return [(method, "; ".join(titles)) for method, titles in sorted(methods.items())]


def limits(dossier: Dossier) -> list[str]:
    """What must be known, each sentence once: what the audit said and what holds for every report."""
    looks = WORDS["repeated_charts" if dossier.charts else "repeated"]
    standing = [looks, WORDS["maturity"].format(days=dossier.maturity_days)]
    if any(flow.task == "report" for flow in dossier.flows):
        standing.append(WORDS["unsupported"])
    said = list(dossier.limits)
    opening = {sentence.split(":")[0] for sentence in said}
    return said + [sentence for sentence in standing if sentence.split(":")[0] not in opening]


def provenance(one: Provenance, briefing: Briefing | None = None) -> list[tuple[str, str]]:
    """Label and value of every line of the provenance table."""
    lines = []
    for field, label in PROVENANCE:
        value = getattr(one, field)
        if isinstance(value, tuple):
            value = "; ".join(f"{name} {version}" for name, version in value)
        lines.append((label, WORDS["absent_text"] if value in (None, "") else str(value)))
    if briefing is not None:
        lines += [
            (WORDS["report_name"], briefing.report),
            (WORDS["issued_at_entry"], f"{briefing.entry} {briefing.head}"),
            (WORDS["signing_key"], briefing.key),
        ]
    return lines
