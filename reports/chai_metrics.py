"""The key metrics of a model card: which numbers speak of usefulness, fairness and safety, and what bounds say."""

from collections.abc import Sequence
from typing import Any, Final

from reports import corrections, headline
from reports.dossier import Dossier, Row
from reports.numbers import basis, item_name, number, result, scale_of, slice_name
from reports.sections.performance import MONITOR
from reports.text import CHAI, CHAI_POINTS, WORDS, severity, words_of

_MOST: Final = 12  # gaps listed
_SAFETY: Final = frozenset(
    {"hallucination", "calibration", "critical", "reached", "confidence_report", "underdiagnosis"}
)
_SHOWN: Final = (
    *headline.PAGE_ONE,
    "significant_contradicted",
    "auroc",
    "critical_sensitivity",
    "reached_reports",
)

#: A label and the value beside it.
Result = tuple[str, dict[str, Any]]


def metrics(dossier: Dossier, family: str) -> tuple[list[Result], str]:
    """Results of one family (usefulness, fairness, safety), at least one, and their interpretation."""
    rows = _rows(dossier, family)
    found = [(_label(row), _value(row)) for row in rows]
    if family == "safety":
        found = [*_corrected(dossier), *found]
    if family == "fairness":
        found += _worst(dossier)
    if not found:
        said = " ".join([CHAI["nothing"], *(_hidden(dossier) if family == "fairness" else ())])
        return [(CHAI["not_measured"], {"kind": "single", "value": None})], said
    return found, _interpretation(dossier, rows, family)


def _rows(dossier: Dossier, family: str) -> list[Row]:
    current = [
        row
        for row in dossier.rows
        if row.version == dossier.current_version and not row.suppressed and row.value is not None
    ]
    if family == "fairness":
        gaps = [row for row in current if row.contrast == "rest" and not row.item]
        return sorted(gaps, key=lambda row: (severity(row.status), -headline.badness(row)))[:_MOST]
    safe = family == "safety"
    return [
        row
        for row in current
        if (row.measure in _SHOWN or row.status)
        and row.slice == "all"
        and not row.contrast
        and row.item in ("", "(macro)")
        and (MONITOR.get(row.measure) in _SAFETY) == safe
    ]


def _label(row: Row) -> str:
    title, where = headline.title_of(row), slice_name(row.slice) if row.slice != "all" else item_name(row.item)
    if where:
        return CHAI["label_item"].format(title=title, where=where, basis=basis(row))
    return CHAI["label"].format(title=title, basis=basis(row))


def _value(row: Row) -> dict[str, Any]:
    """The number as it is printed: shares in percent, gaps in points, rates in a thousand."""
    scale, suffix = scale_of(row.unit)
    unit = CHAI_POINTS if row.contrast and row.unit == "share" else suffix.strip() or row.unit
    assert row.value is not None
    return estimate(row.value * scale, _times(row.low, scale), _times(row.high, scale), unit)


def estimate(value: float, low: float | None, high: float | None, unit: str) -> dict[str, Any]:
    """An estimate with its 95 % interval, or alone where it has none.

    >>> estimate(5.2, 3.9, 6.8, "%")["kind"], estimate(5.2, None, None, "%")
    ('estimate_ci', {'kind': 'single', 'value': 5.2, 'unit': '%'})
    """
    if low is None or high is None:
        return {"kind": "single", "value": round(value, 4), "unit": unit}
    limits = {"lower": round(low, 4), "upper": round(high, 4), "level": 95, "unit": unit}
    return {"kind": "estimate_ci", "estimate": round(value, 4), **limits}


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _corrected(dossier: Dossier) -> list[Result]:
    one = corrections.correction(dossier)
    if one is None or not one.same_window:
        return []
    label = CHAI["label_corrected"].format(
        title=WORDS["corrected_process"], label=WORDS["corrected_label"].format(reviewed=one.reviewed)
    )
    share = one.process
    return [(label, estimate(1000 * share.value, 1000 * share.low, 1000 * share.high, "per 1,000 reports"))]


def _worst(dossier: Dossier) -> list[Result]:
    return [
        (
            CHAI["label_worst"].format(
                title=one.title,
                where=slice_name(one.slice),
                chance=number(one.chance_high, one.unit, "rest").lstrip("+"),
                basis="",
            ),
            estimate(
                one.gap * scale_of(one.unit)[0], None, None, CHAI_POINTS if one.unit == "share" else one.unit
            ),
        )
        for one in dossier.worst_groups
        if one.version == dossier.current_version and one.beyond_chance
    ]


def _interpretation(dossier: Dossier, rows: Sequence[Row], family: str) -> str:
    said = [
        CHAI["ruled"].format(
            verdict=words_of(row.status).word,
            title=_label(row),
            result=result(row),
            bounds=headline.bounds_of(row),
        )
        for row in rows
        if row.status
    ] or [CHAI["unruled"]]
    if family == "fairness":
        gaps = _gaps(dossier)
        said += _hidden(dossier)
        left = sum(not row.suppressed and row.value is not None and not row.item for row in gaps) - len(rows)
        if left > 0:
            said.append(CHAI["left_out"].format(count=left))
    return " ".join(said)


def _gaps(dossier: Dossier) -> list[Row]:
    return [row for row in dossier.rows if row.contrast == "rest" and row.version == dossier.current_version]


def _hidden(dossier: Dossier) -> list[str]:
    """Groups that are too small to show, by name."""
    hidden = dict.fromkeys(slice_name(row.slice) for row in _gaps(dossier) if row.suppressed)
    return [CHAI["hidden"].format(names="; ".join(hidden))] if hidden else []
