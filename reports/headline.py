"""Page one: which questions were asked, the gravest answer first, and one sentence that sums them up."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.dossier import Dossier, Row
from reports.numbers import NONE, basis, item_name, number, result, slice_name, wider
from reports.text import TASKS, WORDS, severity, words_of

#: Measures that belong on page one also without a bound, in the order a committee asks for them. A measure
#: that has a verdict is there anyway; nothing else in a report depends on the name of a measure.
PAGE_ONE: Final = (
    "significant_contradicted_reports",
    "contradicted_reports",
    "contradicted_claims",
    "unsupported_reports",
    "omission_reports",
    "laterality_reports",
    "sensitivity",
    "specificity",
    "calibration_gap",
    "accuracy",
    "recall_at_5",
)

#: The measure printed large on page one: clinically significant contradicted findings per report.
PER_THOUSAND: Final = "significant_contradicted"
#: The same as reports: what a radiologist's review corrects is whether a report has one.
PER_THOUSAND_REPORTS: Final = "significant_contradicted_reports"

#: What no rate of report drafts tells alone: long drafts err more often by report, needless claims dilute
#: errors by claim, and who says little leaves much out.
TRIPLE: Final = ("contradicted_reports", "contradicted_claims", "omitted_findings")

#: Verdicts that value, interval and bounds do not explain by themselves.
_EXPLAINED: Final = ("failed", "stale", "insufficient")

_NAMED: Final = 3  # questions that the one-sentence answer names


@dataclass(frozen=True, slots=True)
class Line:
    """One question of the verdict table, as it is printed."""

    status: str
    title: str
    task: str
    where: str  # which group or finding, and how many were looked at
    result: str
    bounds: str
    basis: str
    reason: str
    crossed: str  # the bound that the status speaks of
    wider: str  # the interval that the verdict on a gap rests on, where `result` has another one
    method: str  # how the interval was made


def lines(dossier: Dossier) -> list[Line]:
    """The verdict table of the current version, gravest first."""
    asked: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in dossier.rows:
        if row.version in (dossier.current_version, ""):
            asked[row.task, row.measure, row.contrast, _scope(row)].append(row)
    kept = [(key, _worst_first(rows)) for key, rows in asked.items() if _belongs(key, rows)]
    kept.sort(key=lambda entry: (severity(entry[1][0].status), _place(entry[0][1]), entry[0]))
    gaps_shown: set[str] = set()  # tasks: a gap that nobody set a bound for is shown only where no other is
    table = []
    for (task, _, contrast, scope), rows in kept:
        if contrast == "rest":
            if not rows[0].status and task in gaps_shown:
                continue
            gaps_shown.add(task)
        table.append(_line(rows, scope))
    return table


def answer(dossier: Dossier, table: Sequence[Line]) -> str:
    """The overall verdict as one sentence that names the gravest questions."""
    gravest = [line for line in table if line.status == dossier.status]
    named = "; ".join(_said(line) for line in gravest[:_NAMED]) or WORDS["nothing_bound"]
    if len(gravest) > _NAMED:
        named += WORDS["named_more"].format(count=len(gravest) - _NAMED)
    asked = sum(1 for line in table if line.status)
    questions = WORDS["questions_one"] if asked == 1 else WORDS["questions_many"].format(count=asked)
    return words_of(dossier.status).answer.format(
        system=dossier.title or dossier.system, named=named, asked=questions
    )


def per_thousand(dossier: Dossier) -> Row | None:
    """Clinically significant errors of the current version on the whole system, if measured."""
    return whole_row(dossier, PER_THOUSAND)


def is_whole(row: Row) -> bool:
    """Whether a row is of the whole system, compared to nothing."""
    return row.slice == "all" and not row.item and not row.contrast


def whole_row(dossier: Dossier, measure: str) -> Row | None:
    """A measure of the current version on the whole system, if measured."""
    for row in dossier.rows:
        if row.measure == measure and is_whole(row) and row.version == dossier.current_version:
            return row
    return None


def title_of(row: Row) -> str:
    """The measure as a person says it, with what it is compared to."""
    if row.contrast == "rest":
        return WORDS["minus_rest"].format(title=row.title)
    if row.contrast == "reference" and row.unit != "distance":
        return WORDS["minus_reference"].format(title=row.title)
    if row.contrast == "chart":
        return WORDS["weekly_chart"].format(title=row.title)
    return row.title


def bounds_of(row: Row) -> str:
    """The bounds fixed in advance, and on which side of them it is bad."""
    if row.contrast == "chart" and row.act is not None:
        words = WORDS["held_to_lower" if row.direction.startswith("lower") else "held_to"]
        return words.format(bound=number(row.act, row.unit))
    said = [
        words.format(**{name: _side(row, bound)})
        for name, words, bound in (
            ("watch", WORDS["bound_watch"], row.watch),
            ("act", WORDS["bound_act"], row.act),
        )
        if bound is not None
    ]
    return ", ".join(said) or WORDS["no_bound"]


def _explained(row: Row) -> bool:
    """Whether the reason says more than value, interval and bounds."""
    return not row.suppressed and (row.status in _EXPLAINED or row.contrast == "chart")


def _crossed(row: Row) -> str:
    if row.status == "act" and row.act is not None:
        return WORDS["bound_act"].format(act=_side(row, row.act))
    return WORDS["bound_watch"].format(watch=_side(row, row.watch)) if row.watch is not None else ""


def _side(row: Row, bound: float) -> str:
    if row.contrast and row.unit != "distance":
        return WORDS["side_by"].format(bound=number(bound, row.unit, row.contrast).lstrip("+"))
    if "zero" in row.direction:
        return WORDS["side_beyond"].format(bound=number(bound, row.unit).lstrip("+"))
    side = "side_below" if row.direction.startswith("lower") else "side_above"
    return WORDS[side].format(bound=number(bound, row.unit).lstrip("+"))


def _scope(row: Row) -> str:
    grouped, itemised = row.slice != "all", bool(row.item)
    if grouped and itemised:
        return "groups by item"
    return "groups" if grouped else "items" if itemised else "whole"


def _belongs(key: tuple[str, str, str, str], rows: Sequence[Row]) -> bool:
    """With a verdict, or a headline measure of the whole, or a headline measure's gaps between groups."""
    _, measure, contrast, scope = key
    if any(row.status for row in rows):
        return True
    if measure not in PAGE_ONE:
        return False
    return (scope == "whole" and not contrast) or (scope == "groups" and contrast == "rest")


def _place(measure: str) -> int:
    return PAGE_ONE.index(measure) if measure in PAGE_ONE else len(PAGE_ONE)


def _worst_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (severity(row.status), -badness(row), row.item, row.slice))


def badness(row: Row) -> float:
    """How far a value lies on the bad side; a number that is not there is least bad of its status."""
    if row.suppressed or row.value is None:
        return float("-inf")
    if "zero" in row.direction:
        return abs(row.value)
    return -row.value if row.direction.startswith("lower") else row.value


def _line(rows: Sequence[Row], scope: str) -> Line:
    worst = rows[0]
    return Line(
        status=worst.status,
        title=title_of(worst),
        task=TASKS.get(worst.task, worst.task),
        where=_where(rows, scope),
        result=result(worst),
        bounds=bounds_of(worst),
        basis=basis(worst) if worst.n and not worst.suppressed else "",
        reason=worst.reason if _explained(worst) else "",
        crossed=_crossed(worst),
        wider=wider(worst) if worst.status else "",
        method="" if worst.suppressed or worst.low is None else worst.interval,
    )


def _where(rows: Sequence[Row], scope: str) -> str:
    if scope == "whole":
        return ""
    worst = rows[0]
    names = [
        name for name in (item_name(worst.item), slice_name(worst.slice) if worst.slice != "all" else "") if name
    ]
    said = ", ".join(names)
    if len(rows) == 1:
        return said
    said = WORDS["worst_of"].format(count=len(rows), names=said)
    counts = Counter(row.status for row in rows if row.status)
    if not counts:
        return said
    parts = ", ".join(f"{counts[s]} {words_of(s).word}" for s in sorted(counts, key=severity))
    return f"{said} ({parts})"


def _said(line: Line) -> str:
    name = f"{line.title}, {line.where}" if line.where else line.title
    if line.result == NONE or line.result.startswith(f"{NONE} "):
        return f"{name} ({line.reason.rstrip('.')})" if line.reason else name
    return f"{name}: {line.result}" + (f" ({line.crossed})" if line.crossed else "")
