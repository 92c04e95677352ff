"""What an audit of a system says nothing about, and what would change that."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from reports.document import Block, Heading, Table, bullets, cell, paragraph
from reports.dossier import Dossier, Row
from reports.numbers import NONE, item_name, slice_name
from reports.sections.performance import MONITOR
from reports.text import TASKS

#: The monitors that ask a model again.
PROBES: Final = ("grounding", "consistency", "reproduction")
#: How a limit begins that names a risk.
NOT_MEASURED: Final = "Not measured: "
_EXAMPLES: Final = 4


def unmeasured(dossier: Dossier) -> Iterator[Block]:
    """What this audit says nothing about, and what would change that."""
    yield Heading("Risks that are known and not measured")
    if risks := named(dossier):
        yield bullets(risks)
    else:
        yield paragraph("None is named. List them in audit.yaml under not_measured, each with a reason.")
    yield Heading("Parts of an audit that are missing")
    missing = absent(dossier)
    yield bullets(missing) if missing else paragraph("None: every part that an audit can have is here.")
    yield Heading("Asked, and without a number")
    asked: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in dossier.rows:
        if row.value is None and not row.suppressed and row.contrast != "chart" and is_of(row, dossier):
            asked[row.title, TASKS.get(row.task, row.task), row.reason or row.note or NONE].append(_of(row))
    if not asked:
        yield paragraph("Every measure that was asked for has a number.")
        return
    yield Table(
        heads=("Measure", "Task", "Why", "Of"),
        rows=tuple(
            (cell(title, style="strong"), cell(task), cell(why), cell(_few(places)))
            for (title, task, why), places in asked.items()
        ),
        widths=(3, 1.5, 2.5, 3),
    )


def _few(places: Sequence[str]) -> str:
    named = list(dict.fromkeys(places))
    more = f"; and {len(named) - _EXAMPLES} more" if len(named) > _EXAMPLES else ""
    return "; ".join(named[:_EXAMPLES]) + more


def _of(row: Row) -> str:
    names = (item_name(row.item), slice_name(row.slice) if row.slice != "all" else "", _CONTRASTS[row.contrast])
    return ", ".join(filter(None, names)) or "the whole system"


_CONTRASTS: Final = {
    "": "",
    "rest": "minus everyone else",
    "reference": "change from the reference window",
    "chart": "weekly chart",
}


def named(dossier: Dossier) -> list[str]:
    """Risks that the settings name as not measured, with their reasons."""
    return [one.removeprefix(NOT_MEASURED) for one in dossier.limits if one.startswith(NOT_MEASURED)]


def absent(dossier: Dossier) -> list[str]:
    """Parts of an audit that are missing, each with what brings it about."""
    return [sentence for there, sentence in _parts(dossier) if not there]


def _parts(dossier: Dossier) -> Iterator[tuple[bool, str]]:
    """Each part of an audit: whether it is there, and how it comes about."""
    measured = {MONITOR.get(row.measure) for row in dossier.rows if row.value is not None}
    yield bool(dossier.charts), "Weekly charts: name stop_questions in audit.yaml."
    yield bool(dossier.trend), "Trends: outputs need a time (produced_at)."
    yield bool(dossier.reliability), "Calibration: outputs need probabilities, or a stated confidence."
    yield any(row.slice != "all" for row in dossier.rows), "Subgroups: name slices, and hand in cases."
    yield bool(dossier.drift), "Drift: declare a reference_window that holds outputs."
    yield (
        bool(dossier.corrections),
        "Reviews: draw a sample (auditor reviews sample) and have radiologists answer it.",
    )
    yield any(one in measured for one in PROBES), "Probes: see the tab Probes."
    tasks = {flow.task for flow in dossier.flows}
    for task, said in TASKS.items():
        if task:
            yield task in tasks, f"{said}: not among the tasks of audit.yaml, or without outputs in the window."
    yield "reached" in measured, "Whether errors reached the signed report: hand in the signed reports as well."


def is_of(row: Row, dossier: Dossier) -> bool:
    """Whether a row is of the version looked at, or of the audit itself."""
    return row.version in (dossier.current_version, "")
