"""Subgroup forest: one measure by group, beside the line of the whole."""

from collections.abc import Sequence

from reports.dossier import Row
from reports.figures.style import INK, MAIN, MUTED, WARM, Figure, figure_of, records
from reports.numbers import integer, number, result, scale_of, slice_name
from reports.text import WORDS, severity

_PLOT = 170


def forest_figure(whole: Row | None, groups: Sequence[Row], name: str) -> Figure | None:
    """Groups of one measure, task, version and item; None when none of them can be drawn.

    Suppressed and undefined groups are named in the note, never drawn. A diamond marks a group that has a
    verdict of Watch or graver.
    """
    import altair as alt

    drawn = [row for row in groups if not row.suppressed and row.value is not None]
    if not drawn:
        return None
    scale, suffix = scale_of(drawn[0].unit)
    rows = [
        {
            "group": slice_name(row.slice), "value": _times(row.value, scale), "low": _times(row.low, scale),
            "high": _times(row.high, scale), "said": f"{result(row)}   n {integer(row.n)}",
            "grave": "grave" if row.status and severity(row.status) <= severity("watch") else "plain",
        }
        for row in drawn
    ]  # fmt: skip
    x = alt.Scale(zero=False, nice=True)
    base = alt.Chart(records(rows)).encode(
        tooltip=[alt.Tooltip("group:N", title="Group"), alt.Tooltip("said:N", title="Value")],
        y=alt.Y(
            "group:N",
            sort=[str(row["group"]) for row in rows],
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelLimit=150, labelPadding=6),
        ),
    )
    axis_title = suffix.strip() or None
    rules = base.mark_rule(color=INK, strokeWidth=1.5).encode(
        x=alt.X("low:Q", scale=x, title=axis_title, axis=alt.Axis(tickCount=4)), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("value:Q", scale=x, title=axis_title),
        shape=alt.Shape(
            "grave:N", scale=alt.Scale(domain=["plain", "grave"], range=["circle", "diamond"]), legend=None
        ),
        color=alt.Color("grave:N", scale=alt.Scale(domain=["plain", "grave"], range=[MAIN, WARM]), legend=None),
    )
    said = base.mark_text(align="left", fontSize=10.5).encode(x=alt.value(_PLOT + 10), text="said:N")
    layers = [rules, points, said]
    if whole and not whole.suppressed and whole.value is not None:
        line = alt.Chart(records([{"at": whole.value * scale}])).mark_rule(color=MUTED, strokeDash=[4, 3])
        layers.insert(0, line.encode(x=alt.X("at:Q", scale=x)))
    chart = alt.layer(*layers).properties(width=_PLOT, height=22 * len(rows) + 6)
    title = f"{drawn[0].title}: {_seen(whole, drawn)}"
    description = "; ".join(f"{row['group']}: {row['said']}" for row in rows)
    return figure_of(chart, name, title, description, _note(whole, groups))


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _seen(whole: Row | None, drawn: Sequence[Row]) -> str:
    """Which groups' intervals leave the whole out: the only differences that the drawing itself supports."""
    if whole is None or whole.value is None or whole.suppressed:
        return WORDS["fig_groups"].format(count=len(drawn))
    at = whole.value
    off = [row for row in drawn if row.low is not None and row.high is not None and not row.low <= at <= row.high]
    if not off:
        return WORDS["fig_all_hold"]
    names = ", ".join(slice_name(row.slice) for row in off[:2])
    more = WORDS["fig_more"].format(count=len(off) - 2) if len(off) > 2 else ""
    return WORDS["fig_differs" if len(off) == 1 else "fig_differ"].format(names=f"{names}{more}")


def _note(whole: Row | None, groups: Sequence[Row]) -> str:
    parts = []
    if whole and not whole.suppressed and whole.value is not None:
        parts.append(WORDS["fig_whole"].format(value=number(whole.value, whole.unit)))
    if any(row.status and severity(row.status) <= severity("watch") for row in groups):
        parts.append(WORDS["fig_diamond"])
    hidden = [slice_name(row.slice) for row in groups if row.suppressed]
    if hidden:
        parts.append(WORDS["suppressed_list"].format(names="; ".join(hidden)))
    undefined = [slice_name(row.slice) for row in groups if not row.suppressed and row.value is None]
    if undefined:
        parts.append(WORDS["fig_undefined"].format(names="; ".join(undefined)))
    return " ".join(parts)
