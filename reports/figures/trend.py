"""A measure over weeks or months, with bounds, version changes and periods that may still change."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from reports.dossier import TrendPoint
from reports.figures.marks import Mark, described, mark_layers, within
from reports.figures.style import INK, MAIN, MUTED, SHAPES, WARM, WIDTH, Figure, figure_of, records
from reports.numbers import NONE, day, integer, number, scale_of, short, with_interval
from reports.text import WORDS

if TYPE_CHECKING:
    import altair as alt

_HEIGHT = 170


def trend_figure(
    points: Sequence[TrendPoint],
    unit: str,
    bounds: Sequence[tuple[str, float]],
    changes: Sequence[tuple[date, str]],
    versions: Sequence[str],
    name: str,
    marks: Sequence[Mark] = (),
) -> Figure | None:
    """Points of one measure, task and slice; None when none of them has a value.

    `bounds` are (label, value) in the unit of the measure; `versions` fixes which shape each version has;
    `marks` are what happened meanwhile. A version never continues the line of another.
    """
    import altair as alt

    drawn = sorted((p for p in points if p.value is not None), key=lambda p: (p.period, p.version))
    if not drawn:
        return None
    scale, suffix = scale_of(unit)
    top, bottom = _limits(drawn, [value for _, value in bounds])
    rows = [
        {
            "period": p.period.isoformat(), "value": (p.value or 0.0) * scale, "version": p.version,
            "low": max(bottom, p.value if p.low is None else p.low) * scale,  # type: ignore[type-var,operator]
            "high": min(top, p.value if p.high is None else p.high) * scale,  # type: ignore[type-var,operator]
            "mature": "yes" if p.mature else "no",
            "from": day(p.period), "said": with_interval(p.value, p.low, p.high, unit), "count": integer(p.n),
        }
        for p in drawn
    ]  # fmt: skip
    y = alt.Scale(domain=[bottom * scale, top * scale], nice=False)
    axis = alt.Axis(format="%-d %b", tickCount=6, labelOverlap=True, grid=False)
    x = alt.X("period:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
    y_title = suffix.strip() or None
    shape = alt.Shape("version:N", scale=alt.Scale(domain=list(versions), range=_shapes(versions)), legend=None)
    base = alt.Chart(records(rows))
    pointed = base.encode(
        tooltip=[
            alt.Tooltip("from:N", title="From"),
            alt.Tooltip("said:N", title="Value"),
            alt.Tooltip("count:N", title="Counted"),
            alt.Tooltip("version:N", title="Version"),
            alt.Tooltip("mature:N", title="Final"),
        ]
    )
    whiskers = pointed.mark_rule(color=MUTED, strokeWidth=1, clip=True).encode(
        x=x, y=alt.Y("low:Q", scale=y, title=y_title, axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    line = base.mark_line(color=MAIN, strokeWidth=1.5).encode(x=x, y=alt.Y("value:Q", scale=y), detail="version:N")
    points_drawn = pointed.mark_point(size=42, strokeWidth=1.5, color=MAIN, opacity=1).encode(
        x=x,
        y=alt.Y("value:Q", scale=y),
        shape=shape,
        fill=alt.condition("datum.mature == 'yes'", alt.value(MAIN), alt.value("white")),
    )
    layers: list[alt.Chart | alt.LayerChart] = [whiskers, line, points_drawn, *_standardised(drawn, scale, x, y)]
    if bounds:
        layers += _bounds(bounds, scale, y)
    inside = [(since, version) for since, version in changes if drawn[0].period <= since]
    if inside:
        layers += _changes(inside)
    shown = within(marks, drawn[0].period)
    chart = alt.layer(*layers, *mark_layers(shown, _HEIGHT)).properties(width=WIDTH - 80, height=_HEIGHT)
    title = f"{drawn[0].title}: {_seen(drawn, unit)}"
    description = "; ".join(_point(p, unit) for p in drawn) + described(shown)
    return figure_of(chart, name, title, description, _explained(drawn, unit), zoom=True)


def _point(one: TrendPoint, unit: str) -> str:
    said = WORDS["fig_point"].format(
        day=f"{short(one.period)} {one.period.year}",
        version=one.version,
        said=with_interval(one.value, one.low, one.high, unit),
    )
    return said if one.mature else WORDS["fig_open"].format(said=said)


def _standardised(drawn: Sequence[TrendPoint], scale: float, x: "alt.X", y: "alt.Scale") -> "list[alt.Chart]":
    """The line at the case mix of the reference window; it stops where a period has none."""
    import altair as alt

    if all(p.standardised is None for p in drawn):
        return []
    rows = [
        {
            "period": p.period.isoformat(),
            "version": p.version,
            "mixed": None if p.standardised is None else p.standardised * scale,
        }
        for p in drawn
    ]
    between = alt.OverlayMarkDef(color=INK, size=9)  # a period between two that have none would else be unseen
    line = alt.Chart(records(rows)).mark_line(
        color=INK,
        strokeDash=[4, 3],
        strokeWidth=1.2,
        clip=True,
        point=between,
        invalid="break-paths-filter-domains",
    )
    return [line.encode(x=x, y=alt.Y("mixed:Q", scale=y), detail="version:N")]


def _explained(drawn: Sequence[TrendPoint], unit: str) -> str:
    """Crude, standardised and their difference in the last final period, or why it has none."""
    final = [p for p in drawn if p.mature and p.value is not None]
    if not final or all(p.standardised is None and p.covered is None for p in drawn):
        return ""
    last = final[-1]
    if last.standardised is None or last.value is None:
        return WORDS["standardised_not"].format(period=short(last.period), reason=last.not_standardised)
    mixed = with_interval(last.standardised, last.standardised_low, last.standardised_high, unit)
    return WORDS["standardised"].format(
        period=short(last.period),
        crude=number(last.value, unit),
        mixed=mixed,
        explained=number(last.value - last.standardised, unit, "reference"),
    )


def _shapes(versions: Sequence[str]) -> list[str]:
    return [SHAPES[i % len(SHAPES)] for i in range(len(versions))]


def _limits(drawn: Sequence[TrendPoint], bounds: Sequence[float]) -> tuple[float, float]:
    """Top and bottom of the figure: whiskers of tiny weeks must not press the rest flat."""
    values = [value for p in drawn for value in (p.value, p.standardised) if value is not None]
    lows = [p.low if p.low is not None else p.value for p in drawn]
    highs = [p.high if p.high is not None else p.value for p in drawn]
    reach = max([*values, *bounds]) - min([*values, *bounds]) or abs(values[0]) or 1.0
    top = min(max(high for high in highs if high is not None), max([*values, *bounds]) + reach)
    bottom = max(min(low for low in lows if low is not None), min([*values, *bounds]) - reach)
    top, bottom = max([top, *bounds]), min([bottom, *bounds])
    margin = 0.06 * (top - bottom) or 0.01
    floor = 0.0 if min(values) >= 0 and bottom < 0.5 * top else bottom - margin
    return top + margin, floor


def _bounds(bounds: "Sequence[tuple[str, float]]", scale: float, y: "alt.Scale") -> "list[alt.Chart]":
    import altair as alt

    rows = [{"at": value * scale, "label": label} for label, value in bounds]
    base = alt.Chart(records(rows)).encode(y=alt.Y("at:Q", scale=y))
    return [
        base.mark_rule(color=WARM, strokeDash=[6, 3]),
        base.mark_text(align="left", dx=4, color=WARM, clip=False).encode(x=alt.value("width"), text="label:N"),
    ]


def _changes(changes: "Sequence[tuple[date, str]]") -> "list[alt.Chart]":
    import altair as alt

    rows = [{"at": since.isoformat(), "label": version} for since, version in changes]
    base = alt.Chart(records(rows)).encode(x=alt.X("at:T", scale=alt.Scale(type="utc")))
    return [
        base.mark_rule(color=INK, strokeDash=[2, 2]),
        base.mark_text(align="left", dx=3, baseline="top", limit=120).encode(y=alt.value(0), text="label:N"),
    ]


def _seen(drawn: Sequence[TrendPoint], unit: str) -> str:
    """The last final period beside what came before it in the same version."""
    final = [p for p in drawn if p.mature and p.value is not None]
    if not final:
        return WORDS["fig_not_final"]
    last = final[-1]
    value = with_interval(last.value, last.low, last.high, unit)
    said = WORDS["fig_last"].format(said=value, day=short(last.period))
    earlier = [p.value for p in final[:-1] if p.value is not None and p.version == last.version]
    if not earlier:
        return said
    return WORDS["fig_before"].format(
        said=said, range=_range(min(earlier), max(earlier), unit), count=len(earlier)
    )


def _range(low: float, high: float, unit: str) -> str:
    said = (number(low, unit), number(high, unit))
    if said[0] == said[1]:
        return said[0] or NONE
    return WORDS["fig_range"].format(low=said[0], high=said[1])
